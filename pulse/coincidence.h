/* pulse/coincidence.h - when many pixels fire together, as in a shower of a cosmic ray: spans in which a photon is not to be believed.
 *   events of all pixels by time --add--> coincidence --spans--> vetoed spans of one pixel
 * A pixel is vetoed at an instant s when at least K *other* pixels have an event within W of it, e in (s - W, s + W], and for a
 * hold time afterwards. Its own events do not matter: a photon of the pixel changes nothing about its own veto, so that live time without
 * the vetoed spans leaves rates unbiased (doc/methods.md, Live time). In a common list, own events counted, they would be. One owner thread for
 * _add; then any thread may ask. */
#ifndef TESD_PULSE_COINCIDENCE_H
#define TESD_PULSE_COINCIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pulse/status.h"
#include "pulse/time_span.h"

struct coincidence_settings {
    uint32_t n_pixels;
    uint32_t others;       /* K, from 1 */
    int64_t window_ns;     /* W, > 0 */
    int64_t hold_ns;       /* >= 0: how long the array takes to recover */
};

struct coincidence;  /* opaque; 24 bytes for each stretch of time with K pixels or more */

enum status coincidence_new(const struct coincidence_settings *settings, struct coincidence **out);
void coincidence_free(struct coincidence *c);
/* By time. False: no memory. */
bool coincidence_add(struct coincidence *c, int64_t time_ns, uint32_t pixel);
bool coincidence_settle(struct coincidence *c);   /* after the last _add */
/* own_ns: the events of the pixel, as they were added. Appends to *out, which is empty or ends before. False: no memory. */
bool coincidence_spans(const struct coincidence *c, const int64_t *own_ns, size_t n, struct time_spans *out);

#endif
