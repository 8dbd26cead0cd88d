/* daemon/sink/disk_queue.h - large writes to many files, none of which waits for the disk.
 *   buffer = take --fill--> write --step--> file, buffer free again
 * A fixed number of buffers of equal size, made at start. When all are on their way the disk is too slow: _take says so and the
 * caller refuses its data and counts them. A file's requests are done one at a time and in order, so everything before
 * acked_bytes is in the file at any moment, whatever becomes of this process; with _sync, whatever becomes of the machine.
 *
 * Whole blocks of 4 KiB bypass the page cache (O_DIRECT) into space allocated beforehand (fallocate, the size of the file unchanged);
 * the rest of a write goes through the cache, so that the file always ends where its data end. File systems that know neither do without.
 * A request that fails (disk full, read-only, input-output error, stale handle) stays first in its file's line and is tried again every
 * retry_s, its file opened anew where the handle itself is dead: nothing that was taken is given up before _free.
 *
 * No threads, no clock: _step is called with the time. One thread. */
#ifndef TESD_DAEMON_SINK_DISK_QUEUE_H
#define TESD_DAEMON_SINK_DISK_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/sink/disk_engine.h"

struct disk_queue;   /* opaque */
struct disk_file;    /* opaque */

struct disk_queue_settings {
    const struct disk_engine *engine;   /* NULL: io_uring where this machine offers it, else pwrite */
    unsigned n_buffers;
    size_t buffer_bytes;                /* rounded up to whole blocks of 4 KiB */
    unsigned depth;                     /* requests under way at a time; beyond 4 nothing is gained */
    double retry_s;                     /* between two tries of a request that failed */
    double patience_s;                  /* a request under way for longer is trouble; 0: 2 s */
};

bool disk_queue_new(const struct disk_queue_settings *settings, struct disk_queue **out);   /* false: no memory */
/* Closes all files; what is not written by now is lost (_drain first). Waits for what is under way. NULL is fine. */
void disk_queue_free(struct disk_queue *q);
const char *disk_queue_engine(const struct disk_queue *q);
size_t disk_queue_buffer_bytes(const struct disk_queue *q);

/* A new file, or an old one that goes on at its end, rounded up to whole blocks of 4 KiB (*end). NULL with errno. */
struct disk_file *disk_queue_create(struct disk_queue *q, const char *path);
struct disk_file *disk_queue_continue(struct disk_queue *q, const char *path, uint64_t *end);
/* _create in two steps, for those who must not wait for the disk: the new file's handle from any thread that may (-1 with errno), which the
 * queue's own then takes over (NULL: no memory, and the handle stays the caller's). */
int disk_queue_open(const char *path);
struct disk_file *disk_queue_adopt(struct disk_queue *q, const char *path, int fd);

uint8_t *disk_queue_take(struct disk_queue *q);                  /* buffer_bytes to be filled; NULL: none is free */
void disk_queue_give(struct disk_queue *q, uint8_t *buffer);     /* back, unused */
unsigned disk_queue_free_buffers(const struct disk_queue *q);

/* n bytes at `data`, which lies in a buffer taken, go to `offset`. With `release` the buffer is free again when they are in the file; without,
 * it stays the caller's, who leaves these bytes alone. Data and offset are equal modulo 4 KiB, which lets them bypass the cache.
 * False when the line of requests is full: then nothing was done. */
bool disk_queue_write(struct disk_queue *q, struct disk_file *f, uint8_t *data, size_t n, uint64_t offset, bool release);
bool disk_queue_sync(struct disk_queue *q, struct disk_file *f);   /* fdatasync behind what was given before */
/* Behind what was given before, the bytes from `from` up to `to` are no longer wanted: their room on disk is given back where the file system can. */
bool disk_queue_punch(struct disk_queue *q, struct disk_file *f, uint64_t from, uint64_t to);
/* Behind everything given before, the file is cut to what was written and closed. The pointer is dead from here on. */
void disk_queue_close(struct disk_queue *q, struct disk_file *f);

/* Takes note of what is through, tries again what is due, starts what can be started. Waits at most wait_ns for something to be
 * through when nothing is. now_ns: any steady clock. True when anything moved. */
bool disk_queue_step(struct disk_queue *q, int64_t now_ns, int64_t wait_ns);
bool disk_queue_idle(const struct disk_queue *q);                       /* nothing waits and nothing is under way */
/* Steps until idle or until limit_s have passed; true when idle. Reads the clock. */
bool disk_queue_drain(struct disk_queue *q, double limit_s);

struct disk_file_state {
    uint64_t acked_bytes;    /* all bytes before are in the file */
    uint64_t synced_bytes;   /* and before these on the device */
    unsigned waiting;        /* requests given and not through */
    int error;               /* errno of the last try of the first of them; 0: good */
};
struct disk_file_state disk_file_state(const struct disk_file *f);

struct disk_health {
    unsigned failing;        /* files whose last try failed */
    int error;               /* of one of them; 0: all is well */
    uint64_t errors;         /* tries that failed since the start */
    uint64_t written_bytes;
    int64_t waited_ns;       /* age of the oldest request under way: a slow disk, or a server that does not answer */
    int64_t patience_ns;     /* of the settings */
};
struct disk_health disk_queue_health(const struct disk_queue *q, int64_t now_ns);
/* What to tell of it: an errno; ETIMEDOUT when nothing fails and a request has been under way for longer than one has patience; 0: all is well. */
int disk_health_trouble(const struct disk_health *h);

#endif
