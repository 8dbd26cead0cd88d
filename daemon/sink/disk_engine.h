/* daemon/sink/disk_engine.h - how a request reaches the disk: io_uring where the kernel allows it, else pwrite. Neither waits for it.
 *   disk_request --submit--> kernel --reap--> the same request and its result
 * A table of functions, so that the tests can put a disk of their own behind the same queue. One thread owns an engine. */
#ifndef TESD_DAEMON_SINK_DISK_ENGINE_H
#define TESD_DAEMON_SINK_DISK_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DISK_ALIGN = 4096 };   /* offsets, lengths and addresses of writes that bypass the page cache are multiples of it */

enum disk_op { DISK_WRITE, DISK_ALLOCATE, DISK_PUNCH, DISK_SYNC };

struct disk_request {
    enum disk_op op;
    int fd;
    const uint8_t *data;      /* write: n bytes, inside buffer number `buffer` of the arena */
    unsigned buffer;
    size_t n;                 /* allocate, punch: space for n bytes from offset on is taken, given back; size of the file unchanged */
    uint64_t offset;
    void *owner;              /* the submitter's */
};

struct disk_arena {           /* n buffers of equal size, one behind the other, DISK_ALIGN-aligned */
    uint8_t *memory;
    unsigned n;
    size_t buffer_bytes;
};

struct disk_engine {
    const char *name;
    /* False when this machine does not offer it; *state untouched. At most `depth` requests are under way at a time. */
    bool (*start)(const struct disk_arena *arena, unsigned depth, void **state);
    void (*stop)(void *state);                                      /* nothing may be under way */
    bool (*submit)(void *state, struct disk_request *r);            /* false: not now. r stays where it is until reaped */
    /* The next request that is through, with bytes written (0 for other operations) or -errno in *result. NULL when none is,
     * after waiting for one at most wait_ns. */
    struct disk_request *(*reap)(void *state, int64_t wait_ns, int *result);
};

extern const struct disk_engine disk_engine_uring;
extern const struct disk_engine disk_engine_pwrite;   /* a thread of its own writes, and waits for the disk */

const struct disk_engine *disk_engine_find(const char *name);   /* "uring", "pwrite"; NULL: no such engine */

#endif
