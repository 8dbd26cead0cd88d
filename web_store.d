web_store.o: daemon/client/web_store.c daemon/client/web_store.h \
  daemon/client/stream_state.h daemon/data_array.h

daemon/client/web_store.h:

daemon/client/stream_state.h:

daemon/data_array.h:
