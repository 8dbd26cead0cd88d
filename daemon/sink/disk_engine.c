#include "daemon/sink/disk_engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- pwrite: what is submitted is done at once and kept until it is reaped ---- */

struct through { struct disk_request *request; int result; };

struct pwrite_state {
    unsigned depth, n, first;
    struct through through[];
};

static bool pwrite_start(const struct disk_arena *arena, unsigned depth, void **state) {
    (void)arena;
    struct pwrite_state *s = calloc(1, sizeof *s + depth * sizeof s->through[0]);
    if (s == NULL)
        return false;
    s->depth = depth;
    *state = s;
    return true;
}

static int perform(const struct disk_request *r) {
    ssize_t n = -1;
    switch (r->op) {
    case DISK_WRITE: n = pwrite(r->fd, r->data, r->n, (off_t)r->offset); break;
    case DISK_ALLOCATE: n = fallocate(r->fd, FALLOC_FL_KEEP_SIZE, (off_t)r->offset, (off_t)r->n); break;
    case DISK_SYNC: n = fdatasync(r->fd); break;
    }
    return n < 0 ? -errno : (int)n;
}

static bool pwrite_submit(void *state, struct disk_request *r) {
    struct pwrite_state *s = state;
    if (s->n == s->depth)
        return false;
    s->through[(s->first + s->n++) % s->depth] = (struct through){ .request = r, .result = perform(r) };
    return true;
}

static struct disk_request *pwrite_reap(void *state, int64_t wait_ns, int *result) {
    struct pwrite_state *s = state;
    (void)wait_ns;
    if (s->n == 0)
        return NULL;
    const struct through t = s->through[s->first];
    s->first = (s->first + 1) % s->depth;
    s->n--;
    *result = t.result;
    return t.request;
}

const struct disk_engine disk_engine_pwrite = { .name = "pwrite", .start = pwrite_start, .stop = free, .submit = pwrite_submit, .reap = pwrite_reap };

const struct disk_engine *disk_engine_find(const char *name) {
    static const struct disk_engine *const engines[] = { &disk_engine_uring, &disk_engine_pwrite };
    for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++)
        if (strcmp(name, engines[i]->name) == 0)
            return engines[i];
    return NULL;
}
