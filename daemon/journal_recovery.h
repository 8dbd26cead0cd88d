/* daemon/journal_recovery.h - the journal of a run -> the run's NeXus file, by the code that makes it after a run that ended well.
 *   rows (each once), scan events, calibration named --live_final--> OUT.nxs, state "recovered"
 * Where the journal lacks something (a gap it tells of, a damaged or missing block) the pixels count as unknown until their next record, so
 * that live time stays right. Sessions of another array than the first one's are left out and said. */
#ifndef TESD_DAEMON_JOURNAL_RECOVERY_H
#define TESD_DAEMON_JOURNAL_RECOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/scan_timeline.h"
#include "daemon/live_array.h"
#include "daemon/pulse_store.h"

struct journal_summary {
    uint64_t rows, blocks, sessions, events;
    uint64_t missing_blocks, damaged_bytes, lost_rows;   /* not there; overwritten or torn; said to be lost by the journal itself */
};

/* calibration NULL: the file that the journal names. False after logging. */
bool journal_recovery(const char *journal, const char *calibration, const char *out, struct journal_summary *said);
/* What earlier starts of the program journalled of a run that this one goes on with. */
struct journal_earlier {
    struct pulse_store *pulses;      /* patient; the taker's. NULL: there is nothing */
    struct scan *scans;              /* the taker's, scan_done each */
    size_t n_scans;
    struct journal_summary said;
};
/* folder: for the pulses, borrowed as long as they live. boot: of this start; array: its own, others' rows are left out. with_labels: states too. No journal: nothing earlier. False after logging. */
bool journal_recovery_earlier(const char *journal, const char *folder, const char *boot, const struct live_array *array, bool with_labels, struct journal_earlier *out);
bool journal_recovery_is_journal(const char *path);   /* does it begin like one? */

#endif
