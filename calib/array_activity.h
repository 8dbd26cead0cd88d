/* calib/array_activity.h - how many records the whole array had when: what one pixel's silence is judged by.
 *   record times of all pixels --> counts per slice;   a pixel's silences + counts --> which of them were death
 * A pixel is dead when it had no record for as long as 25 would have been expected of it, by the share of the array's records that it has
 * otherwise (doc/methods.md, Live time). So a closed shutter kills nobody. Pure. */
#ifndef TESD_CALIB_ARRAY_ACTIVITY_H
#define TESD_CALIB_ARRAY_ACTIVITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pulse/status.h"
#include "pulse/time_span.h"

struct array_activity;  /* opaque */

/* Slices of 0.1 s over [first_ns, last_ns]; longer ones where that would make more than 2^22. Times beyond count in the end slices. */
enum status array_activity_new(int64_t first_ns, int64_t last_ns, struct array_activity **out);
void array_activity_free(struct array_activity *a);
void array_activity_add(struct array_activity *a, const int64_t *time_ns, size_t n);
/* Once after the last _add: from here on counts between two times are known. */
void array_activity_settle(struct array_activity *a);
/* Records in [start, end), slices shared in proportion. */
double array_activity_between(const struct array_activity *a, int64_t start_ns, int64_t end_ns);

/* dead[k]: silence k was death. A silence is the time between two records of the pixel, or from where it came up to the first, or from the
 * last to where it went down. n_records: of the pixel; up: when it was up at all, disjoint; silences lie in those. */
void array_activity_judge(const struct array_activity *a, uint64_t n_records, const struct time_span *up, size_t n_up,
                          const struct time_span *silences, size_t n, bool *dead);

#endif
