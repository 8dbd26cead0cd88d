subscriber.o: daemon/client/subscriber.c daemon/client/subscriber.h \
  daemon/client/stream_state.h daemon/data_array.h daemon/curve_gate.h \
  daemon/log.h

daemon/client/subscriber.h:

daemon/client/stream_state.h:

daemon/data_array.h:

daemon/curve_gate.h:

daemon/log.h:
