/* daemon/live_outlook.h - looks at the calibration that is under way in `tesd run`, for an array that may change.
 *   book thread: _array, _begin, _rows ... _end, _take      learner thread: _step, which looks in the background
 * One calibration_progress for each number of pixels that there has been, 16 at most; each lives as long as this, since the learner's thread may
 * have it in hand when the array changes. Without an array, or memory for it, nothing is looked at. */
#ifndef TESD_DAEMON_LIVE_OUTLOOK_H
#define TESD_DAEMON_LIVE_OUTLOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/calibration_progress.h"

struct live_outlook;   /* opaque */

/* settings are copied, their lines borrowed. False: no memory. */
bool live_outlook_new(const struct calibration_progress_settings *settings, struct live_outlook **out);
void live_outlook_free(struct live_outlook *o);   /* no thread uses it any more; waits for a look under way; NULL is fine */

/* ---- book thread ---- */
void live_outlook_array(struct live_outlook *o, uint32_t n_pixels);   /* from now on so many pixels; 0: no array. The calibration under way is over */
void live_outlook_begin(struct live_outlook *o, const struct scan_event *e);
void live_outlook_end(struct live_outlook *o);
void live_outlook_rows(struct live_outlook *o, const struct row_block *rows, int64_t now_ns);   /* CLOCK_MONOTONIC */
/* A new look, which is the taker's (calibration_outlook_done). False: none. */
bool live_outlook_take(struct live_outlook *o, struct calibration_outlook *out, char label[32]);

/* ---- learner thread ---- */
void live_outlook_step(struct live_outlook *o);   /* looks when a look is due and none is under way */

#endif
