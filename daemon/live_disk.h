/* daemon/live_disk.h - what a live session keeps while it runs: journal, files of scans, raw records.
 *   book thread: begin, rows, events, graded rows, scans, end --> sink/journal, sink/live_archive
 *   archive thread: what the desk (sink_desk.h) before sink/live_archive was given: HDF5 and its waiting for disks are there
 *   raw thread:  record_blocks from ingest ==ring==> sink/raw_recorder
 * Only wiring: what to keep is said by the settings, where by the run (live_runs). Outside a run, and without output.folder, nothing is kept and
 * all calls are fine. Nobody waits for the disk here; when the raw ring is full, ingest counts what it could not give. */
#ifndef TESD_DAEMON_LIVE_DISK_H
#define TESD_DAEMON_LIVE_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/array_model.h"
#include "daemon/live_array.h"
#include "daemon/live_sink.h"
#include "daemon/live_status.h"
#include "daemon/options.h"
#include "daemon/ring.h"
#include "daemon/row_block.h"
#include "daemon/scan_event.h"
#include "daemon/stage/live_scan.h"

struct live_disk;   /* opaque */

enum { LIVE_DISK_SINKS = 3 };

bool live_disk_new(const struct options *options, const char *boot, struct live_disk **out);   /* options are borrowed, as is boot (live_sink.h); false after logging */
/* After all threads have stopped: takes what is in the ring, writes what is left, some seconds at most. NULL is fine. */
void live_disk_free(struct live_disk *d);

/* ---- book thread ---- */
/* The array is copied; for models see live_disk_model_used. folder "": nothing is kept of this run. */
void live_disk_begin(struct live_disk *d, const struct live_array *array, const struct live_status *status, const char *folder, const char *base_name);
void live_disk_end(struct live_disk *d);
void live_disk_model(struct live_disk *d, const struct array_model *model, uint64_t version);
void live_disk_rows(struct live_disk *d, const struct row_block *rows);
void live_disk_event(struct live_disk *d, const struct scan_event *e);
void live_disk_label(struct live_disk *d, const char *label, int64_t time_ns);
/* From here on energies come from the calibration in this file of the run's folder; since filters_from_ns heights are of its filters (INT64_MIN: all). */
void live_disk_calibration(struct live_disk *d, const char *file, int64_t filters_from_ns);
void live_disk_anew(struct live_disk *d, bool anew);   /* the next graded rows are the first of the running scan, again */
void live_disk_graded(void *disk, const struct photon_block *rows);                 /* a book_graded; rows outside scans are left out */
/* Whatever the scans of a book (live_book_scans) have new: further final points, ends. A scan follows when the one before it is final; its
 * rows wait for that. closing: the last one ends now, whether told or not. all: so do all, final or not (the book is closed). */
void live_disk_scans(struct live_disk *d, const struct live_scan *const *scans, size_t n, bool closing, bool all);
void live_disk_step(struct live_disk *d);

/* ---- ingest and raw thread ---- */
struct ring *live_disk_ring(struct live_disk *d);                    /* of record_blocks; NULL: raw records are not kept */
const _Atomic bool *live_disk_recording(const struct live_disk *d);
bool live_disk_record(void *disk);                                   /* a pipeline_step */

/* ---- archive thread ---- */
bool live_disk_has_archive(const struct live_disk *d);
bool live_disk_archive(void *disk);                                  /* a pipeline_step */
/* Any thread: models of versions below this one are not used any more; one that is given to _model must live so long. */
uint64_t live_disk_model_used(const struct live_disk *d);
void live_disk_drain(struct live_disk *d);                           /* after that thread has ended: what it was given */

/* Any thread: room on the disk of output.folder, as the archive thread saw it lately; free_bytes < 0: not known (nothing is kept, or it does not answer). */
struct disk_room { int64_t free_bytes, total_bytes; };
struct disk_room live_disk_room(const struct live_disk *d);
/* Book thread: journal, archive, raw; `name` NULL: not in use. */
void live_disk_health(struct live_disk *d, struct sink_health out[LIVE_DISK_SINKS]);

#endif
