/* daemon/off_bases.h - the bases of the OFF files that a live session meets: whose a record's coefficients are.
 *   shape of a file's records --put--> number, which its records carry --copy--> the shape once more, with a basis of the asker's own
 * A basis is kept once however many runs use it, and of each channel the newest OFF_BASES_KEPT: about 40 kB each with 1024 samples. Any thread may ask; it
 * is asked once for a file and once when a pixel is learnt. */
#ifndef TESD_DAEMON_OFF_BASES_H
#define TESD_DAEMON_OFF_BASES_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/channel_record.h"
#include "pulse/pixel_model.h"

enum { OFF_BASES_KEPT = 3 };

struct off_bases;   /* opaque */

bool off_bases_new(struct off_bases **out);   /* false: no memory */
void off_bases_free(struct off_bases *b);

/* Of a channel's file. Numbers grow from 1; the same channel, shape and numbers: the same one. 0: no memory. */
uint32_t off_bases_put(struct off_bases *b, int32_t channel, const struct channel_shape *shape);
/* *out with a copy of the basis, which is the caller's to free. False: it is not kept any more, or no memory. */
bool off_bases_copy(struct off_bases *b, uint32_t number, struct channel_shape *out);
/* Whether a model of coefficients measures them: it is of that basis. False when that is not known (any more): what they mean is not known then. */
bool off_bases_measured_by(struct off_bases *b, uint32_t number, const struct pixel_model *m);

#endif
