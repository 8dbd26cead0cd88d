/* daemon/live_learning.h - learning in `tesd run`, as the book thread sees it: which states are being recorded, what came of them, and the
 * rows since a calibration's end, which get its energies when it is accepted.
 *   labels, scan events, rows --> learning_desk;   result --> model, kept as OUTPUT/last_calibration.h5, and rows with new energies
 * A setting calibration.file freezes what it names: then nothing is learnt. All calls are fine with NULL: nothing is learnt. */
#ifndef TESD_DAEMON_LIVE_LEARNING_H
#define TESD_DAEMON_LIVE_LEARNING_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/learning_desk.h"
#include "daemon/live_book.h"
#include "daemon/options.h"
#include "daemon/row_block.h"

struct live_learning;   /* opaque */

/* *out NULL: the settings say that nothing is to be learnt. options are borrowed. When a calibration was kept before and none is set,
 * options->calibration.file names it from now on. False after logging. */
bool live_learning_new(struct options *options, struct live_learning **out);
void live_learning_free(struct live_learning *l);

bool live_learning_thread(void *learning);                                 /* a pipeline_step: the learner thread's round */
struct ring *live_learning_ring(struct live_learning *l);                  /* for ingest; NULL with NULL */
const _Atomic bool *live_learning_wanted(const struct live_learning *l);

/* Book thread. */
void live_learning_array(struct live_learning *l, const struct live_array *array, const struct array_model *in_force);
void live_learning_label(struct live_learning *l, const char *label, int64_t time_ns);
void live_learning_event(struct live_learning *l, const struct scan_event *e);
void live_learning_rows(struct live_learning *l, const struct row_block *rows);
/* True: a calibration was accepted; the model is the caller's, and live_learning_kept says where it is kept. Refusals are logged. */
bool live_learning_step(struct live_learning *l, int64_t watermark_ns, struct array_model **model);
const char *live_learning_kept(const struct live_learning *l);

/* Behind an accepted one: the scan that runs is counted anew in another *book (the one before is the caller's to free), from the rows since the calibration's end and what the model makes of
 * them, unless it began before that end. When filters are new, `anew` is given these rows (it may be NULL): they replace what was measured
 * with the old ones, and *filters_from_ns says since when; INT64_MIN: the filters are as before. */
typedef void rows_anew(void *context, const struct row_block *rows);
void live_learning_recount(struct live_learning *l, const struct array_model *m, uint64_t version, int64_t watermark_ns, struct live_book **book, rows_anew *anew,
                           void *context, int64_t *filters_from_ns);

#endif
