#include "daemon/clock.h"

int64_t clock_ns(clockid_t which) {
    struct timespec t;
    clock_gettime(which, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_ms(void) { return clock_ns(CLOCK_MONOTONIC) / 1000000; }

double clock_s(clockid_t which) { return 1e-9 * (double)clock_ns(which); }
