/* tests/daemon/read_series.h - a series as the page reads it: the form told in daemon/sink/report_data.h. */
#ifndef TESD_TESTS_DAEMON_READ_SERIES_H
#define TESD_TESTS_DAEMON_READ_SERIES_H

#include <stddef.h>
#include <string.h>

/* Returns how many numbers there are; writes at most `most`. */
static inline size_t read_series(const char *text, double *out, size_t most) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    double value = 0, step = 0, weight = 1;
    size_t n = 0;
    for (; *text; text++) {
        int digit = (int)(strchr(digits, *text) - digits);
        step += (digit & 31) * weight;
        weight *= 32;
        if (digit >= 32)
            continue;
        long long whole = (long long)step;
        value += whole % 2 ? -(double)((whole + 1) / 2) : (double)(whole / 2);
        if (n < most)
            out[n] = value;
        n++;
        step = 0;
        weight = 1;
    }
    return n;
}

#endif
