/* daemon/sink/live_scan_file.h - the file of one running scan, laid out as doc/nexus.md says, which readers open while it grows.
 *   create everything --open--> rows, update, flush at each point ... --close--> a whole file without its sums, state "live"
 * What was flushed is there whatever becomes of this process; process/flushed_rows and flushed_points say how much that is, and are written
 * last. process/gap_* tell what is not in the file. Nothing is compressed: rows of maps are written more than once.
 * Beyond doc/nexus.md the group of the scan has sensitivity, window_s, unresolved_s and tail_s of the pixels, so that products can be made anew from the file alone.
 * One thread: the one that owns HDF5. */
#ifndef TESD_DAEMON_SINK_LIVE_SCAN_FILE_H
#define TESD_DAEMON_SINK_LIVE_SCAN_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/array_model.h"
#include "daemon/sink/archive.h"

struct live_scan_file;   /* opaque */

struct live_scan_setup {
    const char *path;                     /* new */
    const char *config_text;
    const char *calibration_path;         /* "" none */
    const struct array_model *model;      /* NULL: no calibration is stored */
    size_t n_pixels;
    const struct archive_pixel *pixels;   /* channel, name, verdict, reason, resolution; counts are made here */
};

/* False after logging; errno EEXIST when the path is taken. The scan and its axes, regions and pixels used are those of p. */
bool live_scan_file_open(const struct live_scan_setup *setup, const struct scan_products *p, struct live_scan_file **out);
/* Space for so many rows and points and what belongs to them: 0, or an errno; then nothing is to be written. */
int live_scan_file_room(const struct live_scan_file *f, size_t rows, uint32_t points);
/* All return false once anything has failed (after logging): then the file is to be closed, and ends with its last flush. */
bool live_scan_file_rows(struct live_scan_file *f, const struct photon_block *rows);
bool live_scan_file_anew(struct live_scan_file *f);   /* rows written from here on replace those written so far */
bool live_scan_file_gap(struct live_scan_file *f, int64_t from_ns, int64_t to_ns, uint64_t lost);
/* Points [from, n_points) of the products, pixels and heights; everything is flushed. */
bool live_scan_file_update(struct live_scan_file *f, const struct scan_products *p, uint32_t from, uint32_t n_points);
bool live_scan_file_close(struct live_scan_file *f);   /* frees it */

#endif
