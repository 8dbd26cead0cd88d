/* daemon/clock.h - what the time is. CLOCK_MONOTONIC measures waits and ages, CLOCK_REALTIME is ns since 1970 UTC, as stamps are. */
#ifndef TESD_DAEMON_CLOCK_H
#define TESD_DAEMON_CLOCK_H

#include <stdint.h>
#include <time.h>

int64_t clock_ns(clockid_t which);
int64_t clock_ms(void);            /* of CLOCK_MONOTONIC */
double clock_s(clockid_t which);

#endif
