test_subscription_set.o: tests/daemon/test_subscription_set.c \
  daemon/sink/subscription_set.h

daemon/sink/subscription_set.h:
