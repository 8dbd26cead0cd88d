/* io_uring. The buffers are registered, which saves the kernel pinning them anew for each write; where the limit on locked memory
 * forbids that they are used as they are. No polling threads and no single-issuer flags: the ring may be made on one thread and
 * used on another, and kernels since 5.6 have all of this. */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "daemon/sink/disk_engine.h"

struct uring_state {
    struct io_uring ring;
    bool registered;
    unsigned depth, under_way;
};

static bool offers(struct io_uring *ring) {
    static const int needed[] = { IORING_OP_WRITE, IORING_OP_WRITE_FIXED, IORING_OP_FALLOCATE, IORING_OP_FSYNC };
    struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
    bool all = probe != NULL;
    for (size_t i = 0; all && i < sizeof needed / sizeof needed[0]; i++)
        all = io_uring_opcode_supported(probe, needed[i]);
    io_uring_free_probe(probe);
    return all;
}

static bool register_buffers(struct io_uring *ring, const struct disk_arena *arena) {
    struct iovec *pieces = calloc(arena->n, sizeof *pieces);
    for (unsigned i = 0; pieces != NULL && i < arena->n; i++)
        pieces[i] = (struct iovec){ .iov_base = arena->memory + i * arena->buffer_bytes, .iov_len = arena->buffer_bytes };
    const bool good = pieces != NULL && io_uring_register_buffers(ring, pieces, arena->n) == 0;
    free(pieces);
    return good;
}

static bool uring_start(const struct disk_arena *arena, unsigned depth, void **state) {
    struct uring_state *s = calloc(1, sizeof *s);
    if (s == NULL || io_uring_queue_init(depth, &s->ring, 0) != 0) {
        free(s);
        return false;
    }
    if (!offers(&s->ring)) {
        io_uring_queue_exit(&s->ring);
        free(s);
        return false;
    }
    s->depth = depth;
    s->registered = register_buffers(&s->ring, arena);
    *state = s;
    return true;
}

static void uring_stop(void *state) {
    struct uring_state *s = state;
    io_uring_queue_exit(&s->ring);
    free(s);
}

static void prepare(const struct uring_state *s, struct io_uring_sqe *entry, const struct disk_request *r) {
    switch (r->op) {
    case DISK_WRITE:
        if (s->registered)
            io_uring_prep_write_fixed(entry, r->fd, r->data, (unsigned)r->n, r->offset, (int)r->buffer);
        else
            io_uring_prep_write(entry, r->fd, r->data, (unsigned)r->n, r->offset);
        break;
    case DISK_ALLOCATE: io_uring_prep_fallocate(entry, r->fd, FALLOC_FL_KEEP_SIZE, (off_t)r->offset, (off_t)r->n); break;
    case DISK_PUNCH: io_uring_prep_fallocate(entry, r->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)r->offset, (off_t)r->n); break;
    case DISK_SYNC: io_uring_prep_fsync(entry, r->fd, IORING_FSYNC_DATASYNC); break;
    }
}

static bool uring_submit(void *state, struct disk_request *r) {
    struct uring_state *s = state;
    struct io_uring_sqe *entry = s->under_way < s->depth ? io_uring_get_sqe(&s->ring) : NULL;
    if (entry == NULL)
        return false;
    prepare(s, entry, r);
    io_uring_sqe_set_data(entry, r);
    s->under_way++;
    io_uring_submit(&s->ring);   /* what the kernel cannot take now stays in the ring and goes with the next call */
    return true;
}

static struct disk_request *uring_reap(void *state, int64_t wait_ns, int *result) {
    struct uring_state *s = state;
    struct io_uring_cqe *entry = NULL;
    if (s->under_way == 0)
        return NULL;
    if (io_uring_sq_ready(&s->ring) > 0)
        io_uring_submit(&s->ring);
    if (io_uring_peek_cqe(&s->ring, &entry) != 0 && wait_ns > 0) {
        struct __kernel_timespec limit = { .tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000 };
        if (io_uring_wait_cqe_timeout(&s->ring, &entry, &limit) != 0)
            return NULL;
    }
    if (entry == NULL)
        return NULL;
    struct disk_request *r = io_uring_cqe_get_data(entry);
    *result = entry->res;
    io_uring_cqe_seen(&s->ring, entry);
    s->under_way--;
    return r;
}

const struct disk_engine disk_engine_uring = { .name = "uring", .start = uring_start, .stop = uring_stop, .submit = uring_submit, .reap = uring_reap };
