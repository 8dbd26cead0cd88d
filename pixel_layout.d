pixel_layout.o: daemon/client/pixel_layout.c daemon/client/pixel_layout.h

daemon/client/pixel_layout.h:
