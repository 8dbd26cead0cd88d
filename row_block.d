row_block.o: daemon/row_block.c daemon/row_block.h calib/photon_block.h \
  pulse/status.h daemon/inner_event.h pulse/measured_pulse.h

daemon/row_block.h:

calib/photon_block.h:

pulse/status.h:

daemon/inner_event.h:

pulse/measured_pulse.h:
