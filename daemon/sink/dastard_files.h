/* daemon/sink/dastard_files.h - the files the acquisition server writes while it runs: LJH 2.2.1 of every channel, OFF 0.3 of those with
 * projectors, experiment states, external triggers, data drops, comment.  records --dastard_files_add--> BASE/YYYYMMDD/NNNN/YYYYMMDD_runNNNN_NAME.ljh
 * With its habits: a file appears at its channel's first record, 64 KiB buffers, flushed every 20th block and every 3 s; write
 * errors are ignored (told once); on demand a record is torn now and then. One thread owns it. */
#ifndef TESD_DAEMON_SINK_DASTARD_FILES_H
#define TESD_DAEMON_SINK_DASTARD_FILES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/dastard_array.h"
#include "daemon/dastard_record.h"
#include "pulse/off_projection.h"

enum { DASTARD_ERROR = 256 };

struct dastard_files;   /* opaque */

struct dastard_formats { bool ljh, off; };

/* torn_every: the n-th record of a channel in its LJH file, and each n-th after it, loses its samples, or its time and samples; 0: none. (An OFF
 * record that finds no room ends the server upstream.) */
bool dastard_files_new(const struct dastard_array *channels, uint64_t torn_every, struct dastard_files **out);
void dastard_files_free(struct dastard_files *f);   /* as dastard_files_stop when active, at the time of the last call */

bool dastard_files_active(const struct dastard_files *f);
bool dastard_files_paused(const struct dastard_files *f);
/* Of each channel; those of no bases are none. Borrowed; NULL: none. Not while it is active. */
void dastard_files_project(struct dastard_files *f, const struct off_projection *projections);
/* Makes the first unused folder of the day and writes START. Times are ns since 1970 UTC. False with the reason in error. */
bool dastard_files_start(struct dastard_files *f, const char *base, struct dastard_formats formats, int64_t now_ns, char error[DASTARD_ERROR]);
void dastard_files_stop(struct dastard_files *f, int64_t now_ns);    /* writes STOP, flushes and closes everything */
void dastard_files_abandon(struct dastard_files *f);                 /* the server died: what was in buffers is lost */
void dastard_files_pause(struct dastard_files *f, bool paused);
bool dastard_files_label(struct dastard_files *f, const char *label, int64_t now_ns);   /* false: not active */

/* A block of records; counts it. `block_number` since the source began; wall_ms is any steady clock. */
void dastard_files_add(struct dastard_files *f, const struct dastard_record *records, size_t n, uint64_t block_number, int64_t wall_ms);
void dastard_files_tick(struct dastard_files *f, int64_t wall_ms);   /* what time alone flushes */
void dastard_files_external(struct dastard_files *f, const int64_t *subframes, size_t n);
void dastard_files_drop(struct dastard_files *f, int64_t first_frame_after, int64_t n_frames);

const uint64_t *dastard_files_written(const struct dastard_files *f);  /* records of each channel since writing began */
json_t *dastard_files_body(const struct dastard_files *f);             /* WRITING; NULL: no memory */

bool dastard_files_write_comment(struct dastard_files *f, const char *text, char error[DASTARD_ERROR]);
json_t *dastard_files_read_comment(const struct dastard_files *f, char error[DASTARD_ERROR]);   /* a string; NULL with the reason */

#endif
