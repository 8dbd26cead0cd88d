/* daemon/source/read_queue.h - many reads of many files under way at once.   request --put--> kernel --take--> result
 * Through io_uring, so that a slow disk or a lost server holds up nothing but its own reads; or, where that is not allowed or not
 * wanted, by pread one after the other, with the same results. One owner thread. */
#ifndef TESD_DAEMON_SOURCE_READ_QUEUE_H
#define TESD_DAEMON_SOURCE_READ_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum read_means { READ_BEST, READ_URING, READ_PLAIN };   /* best: io_uring if this machine allows it */

struct read_request {
    int fd;
    uint64_t offset;
    void *buffer;          /* the kernel's until the result is taken */
    size_t n;
    uint64_t cookie;       /* comes back with the result */
};
struct read_result { uint64_t cookie; int64_t got; };   /* bytes, 0: nothing there yet; < 0: -errno */

struct read_queue;   /* opaque */

/* depth: reads under way at once, 1..4096. False: no memory, or READ_URING on a machine that forbids it (errno says). */
bool read_queue_new(enum read_means means, unsigned depth, struct read_queue **out);
/* Waits for what is under way, a second at most. False: something still is, and its buffers may be written to at any time (they
 * and the queue must then be left alone for good). */
bool read_queue_free(struct read_queue *q);
bool read_queue_is_uring(const struct read_queue *q);

bool read_queue_put(struct read_queue *q, const struct read_request *r);   /* false: full; take first */
void read_queue_submit(struct read_queue *q);                              /* what was put is begun, if it was not already */
bool read_queue_take(struct read_queue *q, struct read_result *out);       /* false: nothing has ended. In no order */
void read_queue_wait(struct read_queue *q, int timeout_ms);                /* until something can be taken; returns at once when nothing is under way */
unsigned read_queue_under_way(const struct read_queue *q);

#endif
