web_page.o: daemon/client/web_page.c daemon/client/web_page.h

daemon/client/web_page.h:
