/* daemon/live_runs.h - runs as the acquisition makes them: folder, sidecar, kept pulses, and the file at the end.
 *   writing began / rows / scan events, labels / writing ended --> OUTPUT/YYYYMMDD/NNNN/YYYYMMDD_runNNNN.nxs
 * Rows are kept from before a run begins, because its first records may come before the message that it began. Files are made in the
 * background (live_final), several at once if need be. Book thread, which does not wait for the disk (disk_probe.h): a run begins at once, its folder
 * is made when the disk answers; it ends when the disk answers, and its rows are kept meanwhile (pulse_store.h, whose file is made in the background). */
#ifndef TESD_DAEMON_LIVE_RUNS_H
#define TESD_DAEMON_LIVE_RUNS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/array_model.h"
#include "daemon/live_array.h"
#include "daemon/live_status.h"
#include "daemon/options.h"
#include "daemon/pulse_store.h"
#include "daemon/row_block.h"
#include "daemon/scan_event.h"

struct live_runs;   /* opaque */

/* What a run's file needs when it is made: given out with a reference each, returned when the file is there. */
struct run_model {
    const struct live_array *array;
    const struct array_model *model;
    int *references;             /* of the owner; counted up while a file is being made */
    /* How many records of each pixel were triggered and never analysed, so far, into lost[n_pixels]; left alone when it is not known any more.
     * What grew of it since the run began stands in its file as lost_upstream. */
    void (*losses)(void *context, uint64_t *lost);
    void *context;
};

/* options.output.folder "": nothing is kept, all calls are fine. options and boot are borrowed. False after logging. */
bool live_runs_new(const struct options *options, const char *boot, struct live_runs **out);   /* boot: which start of the program this is */
void live_runs_free(struct live_runs *r);   /* waits for files being made */

/* A new array, or none (NULL): what is kept of the old one goes into its run's file. */
void live_runs_session(struct live_runs *r, const struct run_model *m, const struct live_status *status);
void live_runs_model(struct live_runs *r, const struct run_model *m);
void live_runs_rows(struct live_runs *r, const struct row_block *rows, int64_t now_ms);
/* Filters are new: of the pulses kept so far those before from_ns have no height any more, and of two of one record the later holds. */
void live_runs_filters(struct live_runs *r, int64_t from_ns);
void live_runs_event(struct live_runs *r, const struct scan_event *e);
void live_runs_label(struct live_runs *r, const char *label, int64_t time_ns);
/* joined: it was under way when we came, so all that comes is its own. */
void live_runs_begin(struct live_runs *r, const struct live_status *status, int64_t newest_ns, bool joined);
/* The run's last records may still be on their way. Where its file will end a scan that goes on: at the word, or behind the newest record; INT64_MAX: no run, or it ends already. */
int64_t live_runs_end(struct live_runs *r, const struct live_status *status, int64_t newest_ns, int64_t now_ms);
/* Ends a run whose last records must have come by now (behind: files of it are still being read); joins files that are ready. True: a run's file was begun. */
bool live_runs_step(struct live_runs *r, const struct live_status *status, int64_t now_ms, bool behind, bool at_once);

/* The calibration kept in this file, as RUN_calibration.h5 in the run's folder (another name for the same bytes, which the next one leaves alone): the
 * journal names it, and it is made when the disk answers. "" outside a run; until the next call. */
const char *live_runs_calibration(struct live_runs *r, const char *kept);
/* What is kept of the run so far, and which of it is the run's; NULL: no run, or nothing is kept. Until the next call. */
struct pulse_store *live_runs_pulses(struct live_runs *r, struct pulse_bounds *bounds);
bool live_runs_answers(struct live_runs *r);                  /* the disk where it is kept; false: it is being asked, come again (disk_probe.h) */
bool live_runs_running(const struct live_runs *r);
bool live_runs_ending(const struct live_runs *r);             /* its last records are waited for, then its file is begun */
const char *live_runs_folder(const struct live_runs *r);      /* "" outside a run, or when nothing is kept */
const char *live_runs_base_name(const struct live_runs *r);
unsigned live_runs_making(const struct live_runs *r);         /* files under way */
uint64_t live_runs_lost(const struct live_runs *r);           /* rows that the disk did not take */

#endif
