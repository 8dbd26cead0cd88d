subscription_set.o: daemon/sink/subscription_set.c \
  daemon/sink/subscription_set.h

daemon/sink/subscription_set.h:
