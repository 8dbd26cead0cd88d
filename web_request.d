web_request.o: daemon/client/web_request.c daemon/client/web_request.h

daemon/client/web_request.h:
