options.o: daemon/options.c daemon/options.h calib/rixs_map.h \
  calib/photon_block.h pulse/status.h calib/yield_region.h \
  calib/scan_timeline.h pulse/complaint.h daemon/option_value.h

daemon/options.h:

calib/rixs_map.h:

calib/photon_block.h:

pulse/status.h:

calib/yield_region.h:

calib/scan_timeline.h:

pulse/complaint.h:

daemon/option_value.h:
