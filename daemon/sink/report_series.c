#include "daemon/sink/report_series.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

enum { MOST_DIGITS = 11 };   /* of 5 bits: a difference has at most 52 bits */

char *report_series_pack(const double *values, size_t n) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *text = malloc(n * MOST_DIGITS + 1), *end = text;
    int64_t before = 0;
    if (!text)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        int64_t now = fabs(values[i]) < 1e15 ? (int64_t)llround(values[i]) : before, step = now - before;
        uint64_t left = step < 0 ? 2 * (uint64_t)(-step) - 1 : 2 * (uint64_t)step;
        before = now;
        do {
            unsigned digit = (unsigned)(left & 31);
            left >>= 5;
            *end++ = alphabet[left ? digit + 32 : digit];
        } while (left);
    }
    *end = '\0';
    return text;
}
