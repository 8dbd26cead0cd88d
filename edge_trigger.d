edge_trigger.o: pulse/edge_trigger.c pulse/edge_trigger.h \
  pulse/pulse_record.h pulse/robust.h

pulse/edge_trigger.h:

pulse/pulse_record.h:

pulse/robust.h:
