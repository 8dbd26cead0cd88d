/* pulse/status.h - how set-up calls of all rooms say that they could not do what was asked.
 * A bad pulse is data (a bit in `cuts`, see cut.h), a broken promise between our own functions is an assert;
 * only what may fail at set-up or on outside bytes returns a status. Outputs come last and stay untouched on failure. */
#ifndef TESD_PULSE_STATUS_H
#define TESD_PULSE_STATUS_H

enum status {
    STATUS_OK,
    STATUS_NO_MEMORY,
    STATUS_BAD_VALUE,     /* an argument or a field of the input is out of its range */
    STATUS_TRUNCATED,     /* the bytes end before the thing they describe does; more bytes may help */
    STATUS_NOT_FOUND,     /* what was looked for is not there (no peak, no state, no such line) */
    STATUS_TOO_FEW,       /* not enough data to learn from */
    STATUS_NOT_CONVERGED,
    STATUS_NOT_POSITIVE,  /* a matrix that must be positive definite is not */
    STATUS_IO
};

const char *status_text(enum status s);  /* constant English text, never NULL */

#endif
