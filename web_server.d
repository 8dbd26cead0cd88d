web_server.o: daemon/client/web_server.c daemon/client/web_server.h \
  daemon/client/web_store.h daemon/client/stream_state.h \
  daemon/data_array.h daemon/client/web_page.h \
  daemon/client/web_request.h daemon/log.h

daemon/client/web_server.h:

daemon/client/web_store.h:

daemon/client/stream_state.h:

daemon/data_array.h:

daemon/client/web_page.h:

daemon/client/web_request.h:

daemon/log.h:
