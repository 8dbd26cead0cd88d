/* daemon/calibration_progress.h - the status of a calibration while its counts come in: from the thread that has the rows to one that has time
 * to look, and back.
 *   book thread:     _begin, _rows ... _end       -> heights kept (calib/calibration_watch.h)
 *   learner thread:  _step                        -> looks at a copy, some ms of CPU per pixel
 *   book thread:     _take                        -> outlook, to be logged and published as cal/
 * One copy under way at a time and no locks: an atomic state says whose turn it is. The book never waits; an outlook that is not taken
 * is followed by no other. A new one is made when the pulses have grown by a tenth, at most once in `interval_s`. */
#ifndef TESD_DAEMON_CALIBRATION_PROGRESS_H
#define TESD_DAEMON_CALIBRATION_PROGRESS_H

#include <jansson.h>
#include <stdbool.h>

#include "calib/calibration_watch.h"
#include "daemon/row_block.h"
#include "daemon/scan_event.h"

struct calibration_progress_settings {
    struct calibration_rules rules;
    const struct line_table *lines;            /* borrowed */
    double mono_eV;                            /* where the event does not say; 0 unknown */
    double interval_s;                         /* between outlooks */
};

struct calibration_progress;   /* opaque */

/* False: no memory. */
bool calibration_progress_new(const struct calibration_progress_settings *settings, uint32_t n_pixels, struct calibration_progress **out);
void calibration_progress_free(struct calibration_progress *p);   /* no thread uses it any more */

/* ---- book thread ---- */
void calibration_progress_begin(struct calibration_progress *p, const struct scan_event *e);   /* SCAN_EVENT_CALIBRATION_START */
/* Rows whose stamps are in the calibration and that are uncut, but for a curve that they may lack; row.pixel is the array's. now_ns: CLOCK_MONOTONIC. */
void calibration_progress_rows(struct calibration_progress *p, const struct row_block *rows, int64_t now_ns);
void calibration_progress_end(struct calibration_progress *p);
bool calibration_progress_running(const struct calibration_progress *p);
/* An outlook that is ready: the taker's from now on (calibration_outlook_done). label: of the calibration it is about. */
bool calibration_progress_take(struct calibration_progress *p, struct calibration_outlook *out, char label[32]);

/* ---- learner thread ---- */
bool calibration_progress_due(const struct calibration_progress *p);   /* there is something to look at */
bool calibration_progress_step(struct calibration_progress *p);   /* false: nothing to look at */

/* ---- anyone ---- */
/* "typically 260 pulses: 180 good, 3 ambiguous, 12 bad, 45 waiting; <remark>" */
void calibration_progress_text(const struct calibration_outlook *o, char *text, size_t size);
/* Header keys of cal/ while a calibration is taken: label, learning true, n_pixels, n_good, n_waiting, verdicts {name: n}, typical_pulses, remark,
 * and per pixel arrays pulses, verdict (its name, "waiting"), anchors, margin, reason. NULL: no memory. */
json_t *calibration_progress_json(const struct calibration_outlook *o, const char *label);

#endif
