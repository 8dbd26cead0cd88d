/* daemon/live_learning.h - learning in `tesd run`, as the book thread sees it: which states are being recorded, what came of them, and the
 * rows since a calibration's end, which get its energies when it is accepted (recalled_rows.h); meanwhile looks at what comes in (live_outlook.h).
 *   labels, scan events, rows --> learning_desk;   result --> model, kept as OUTPUT/last_calibration.h5, and rows with new energies
 * From learning to the recount nothing falls into a hole: _step gives the model; the session puts it in force and says so (_in_force); rows of
 * the one before may still be under way, and go on being kept; when the last of them has been taken (_old_rows_over) their records are
 * measured with the new filters, if those are new; then _recount is due. Rows of the new model that came meanwhile are recounted with the rest.
 * A setting calibration.file freezes what it names: then nothing is learnt. All calls are fine with NULL: nothing is learnt. */
#ifndef TESD_DAEMON_LIVE_LEARNING_H
#define TESD_DAEMON_LIVE_LEARNING_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/calibration_progress.h"
#include "daemon/learning_desk.h"
#include "daemon/live_book.h"
#include "daemon/options.h"
#include "daemon/recalled_rows.h"
#include "daemon/row_block.h"

struct live_learning;   /* opaque */

/* *out NULL: the settings say that nothing is to be learnt. When a calibration was kept before and none is set,
 * options->calibration.file names it from now on. bases: of the OFF files that are followed, borrowed. False after logging. */
bool live_learning_new(struct options *options, struct off_bases *bases, struct live_learning **out);
void live_learning_free(struct live_learning *l);

bool live_learning_thread(void *learning);                                 /* a pipeline_step: the learner thread's round */
bool live_learning_busy(const struct live_learning *l);                    /* its own: something is being learnt in the background */
struct ring *live_learning_ring(struct live_learning *l);                  /* for ingest; NULL with NULL */
const _Atomic bool *live_learning_wanted(const struct live_learning *l);

/* Book thread. */
void live_learning_late(struct live_learning *l, const struct options *options);   /* scan.late_photon_s has changed */
void live_learning_array(struct live_learning *l, const struct live_array *array, const struct array_model *in_force);
void live_learning_label(struct live_learning *l, const char *label, int64_t time_ns);
void live_learning_event(struct live_learning *l, const struct scan_event *e);
void live_learning_rows(struct live_learning *l, const struct row_block *rows, int64_t now_ns);   /* CLOCK_MONOTONIC */
/* True: a calibration was accepted; the model is the caller's, and live_learning_kept says where it is kept. Refusals are logged. */
bool live_learning_step(struct live_learning *l, int64_t watermark_ns, struct array_model **model);
/* What goes on: "" nothing, else "noise", "calibration" (records of the state come in), "learning", "taking over". */
const char *live_learning_stage(const struct live_learning *l);
/* A new look at the calibration under way (calibration_progress.h): the taker's. False: none. */
bool live_learning_outlook(struct live_learning *l, struct calibration_outlook *out, char label[32]);
/* Why the calibration learnt last was not accepted; "" when it was, or none was. */
const char *live_learning_refusal(const struct live_learning *l);
/* What became of the calibration with this number, if it is the last that was told. why: of a refusal; room for 300. */
enum learnt_state { LEARNT_UNKNOWN, LEARNT_UNDER_WAY, LEARNT_ACCEPTED, LEARNT_REFUSED };
enum learnt_state live_learning_of(const struct live_learning *l, int32_t number, char *why);
const char *live_learning_kept(const struct live_learning *l);

/* The accepted model is in force: rows of this version and later are its own. */
void live_learning_in_force(struct live_learning *l, uint64_t version);
/* Every row of an older version has been given to _rows, and every record of those rows to the ring. */
void live_learning_old_rows_over(struct live_learning *l);
bool live_learning_recount_due(const struct live_learning *l);

struct recounted {
    struct live_book *book;      /* the running scan counted anew, the caller's; NULL: it stays as it is */
    int64_t filters_from_ns;     /* since when heights are of the new filters; INT64_MIN: the filters are as before */
    struct live_recount *follow; /* the rows that come get their energies from it, in place of ingest, whose baselines begin when the model comes in force; the
                                  * caller's. NULL: some rows are missing */
    uint64_t rows, without;      /* since the calibration's end; those that could not be measured anew, which have no energy now */
};
/* The scan that runs is counted anew in another book than `book`, which is the caller's to free then, from the rows since the calibration's end, unless the scan began
 * before. When filters are new, `give` (may be NULL) gets the rows of the older model as they are now: they replace what was measured before. */
struct recounted live_learning_recount(struct live_learning *l, const struct array_model *m, uint64_t version, int64_t watermark_ns, const struct live_book *book, rows_anew *give,
                                       void *context);

#endif
