/* daemon/sink/live_archive.h - the scans of a run on disk while they are measured: one SWMR file each (live_scan_file.h).
 *   graded rows, products at each point --> ARCHIVE/YYYYMMDD/NNNN/YYYYMMDD_runNNNN_scanMMMM.nxs
 * A file is made when the scan's first point is final, flushed at each further one, closed at the scan's end. Rows wait in memory between
 * two flushes, up to a limit.
 * A disk that is full, read-only or failing is told (_health); the scan goes on, rows wait and beyond the limit are counted as lost, every point
 * is tried anew, and so is, every retry_s, what a scan left behind at its end. When it heals the file goes on and says what it lacks
 * (process/gap_*). A file whose rows are out of order within a pixel, or which has a gap, is made anew at its end (daemon/rebuild.h)
 * so that its products agree with its rows; a very long one is left as it is and can be made anew by `tesd recover`.
 * The thread that owns HDF5. */
#ifndef TESD_DAEMON_SINK_LIVE_ARCHIVE_H
#define TESD_DAEMON_SINK_LIVE_ARCHIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/live_sink.h"

struct live_archive;   /* opaque */

struct live_archive_settings {
    size_t rows_waiting;   /* in memory at most, 60 bytes each */
    double retry_s;
};

bool live_archive_new(const struct live_archive_settings *settings, struct live_archive **out);   /* false: no memory */
void live_archive_free(struct live_archive *a);

void live_archive_run(struct live_archive *a, const struct live_session *session, bool begins);   /* the session outlives the run */
void live_archive_model(struct live_archive *a, const struct array_model *model);                 /* lives until the next one is given */
void live_archive_rows(struct live_archive *a, const struct photon_block *rows, bool anew);
void live_archive_scan(struct live_archive *a, const struct scan_products *products, uint32_t n_points, bool ended);
void live_archive_step(struct live_archive *a);

struct live_archive_counts {
    uint64_t rows, lost;          /* given, and of these not in any file */
    uint64_t files, flushes, gaps;
    int error;                    /* errno while something fails */
};
struct live_archive_counts live_archive_counts(const struct live_archive *a);
const char *live_archive_path(const struct live_archive *a);   /* of the present or last file; "" none */

struct live_sink live_archive_sink(struct live_archive *a);   /* frees a in done */

#endif
