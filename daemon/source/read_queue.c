#include "daemon/source/read_queue.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/clock.h"

struct read_queue {
    bool uring;
    unsigned depth, under_way;
    struct io_uring ring;
    unsigned first;                /* plain: results not yet taken are done[first..first + under_way), around the end */
    struct read_result done[];
};

static bool ring_can_read(struct io_uring *ring) {
    struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
    bool can = probe != NULL && io_uring_opcode_supported(probe, IORING_OP_READ);
    io_uring_free_probe(probe);
    return can;
}

static bool open_ring(struct read_queue *q) {
    int error = -io_uring_queue_init(q->depth, &q->ring, 0);
    if (error == 0 && !ring_can_read(&q->ring)) {
        io_uring_queue_exit(&q->ring);
        error = ENOSYS;
    }
    errno = error;
    return error == 0;
}

bool read_queue_new(enum read_means means, unsigned depth, struct read_queue **out) {
    struct read_queue *q = calloc(1, sizeof *q + depth * sizeof *q->done);
    if (q == NULL)
        return false;
    q->depth = depth;
    q->uring = means != READ_PLAIN && open_ring(q);
    if (means == READ_URING && !q->uring) {
        free(q);
        return false;
    }
    *out = q;
    return true;
}

bool read_queue_is_uring(const struct read_queue *q) { return q->uring; }
unsigned read_queue_under_way(const struct read_queue *q) { return q->under_way; }

bool read_queue_free(struct read_queue *q) {
    if (q == NULL)
        return true;
    struct read_result ignored;
    const int64_t end_ms = clock_ms() + 2000;
    while (q->uring && q->under_way > 0 && clock_ms() < end_ms) {
        read_queue_wait(q, 100);
        while (read_queue_take(q, &ignored))
            continue;
    }
    if (q->uring && q->under_way > 0)
        return false;
    if (q->uring)
        io_uring_queue_exit(&q->ring);
    free(q);
    return true;
}

static int64_t read_plain(const struct read_request *r) {
    ssize_t got;
    do
        got = pread(r->fd, r->buffer, r->n, (off_t)r->offset);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

bool read_queue_put(struct read_queue *q, const struct read_request *r) {
    if (q->under_way == q->depth)
        return false;
    if (!q->uring) {
        q->done[(q->first + q->under_way++) % q->depth] = (struct read_result){ r->cookie, read_plain(r) };
        return true;
    }
    struct io_uring_sqe *sqe = io_uring_get_sqe(&q->ring);
    if (sqe == NULL)
        return false;
    io_uring_prep_read(sqe, r->fd, r->buffer, (unsigned)r->n, r->offset);
    sqe->user_data = r->cookie;
    q->under_way++;
    return true;
}

void read_queue_submit(struct read_queue *q) {
    if (q->uring)
        io_uring_submit(&q->ring);   /* what the kernel does not take now stays in the ring and goes with the next call */
}

static bool take_ring(struct read_queue *q, struct read_result *out) {
    struct io_uring_cqe *cqe;
    if (io_uring_peek_cqe(&q->ring, &cqe) != 0)
        return false;
    *out = (struct read_result){ cqe->user_data, cqe->res };
    io_uring_cqe_seen(&q->ring, cqe);
    return true;
}

bool read_queue_take(struct read_queue *q, struct read_result *out) {
    if (q->under_way == 0 || (q->uring && !take_ring(q, out)))
        return false;
    if (!q->uring) {
        *out = q->done[q->first];
        q->first = (q->first + 1) % q->depth;
    }
    q->under_way--;
    return true;
}

void read_queue_wait(struct read_queue *q, int timeout_ms) {
    struct io_uring_cqe *cqe;
    struct __kernel_timespec t = { .tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000LL };
    if (q->uring && q->under_way > 0)
        io_uring_wait_cqe_timeout(&q->ring, &cqe, &t);
}
