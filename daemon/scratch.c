#include "daemon/scratch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ALIGN = 64 };

/* Stands at the start of a piece that is kept. */
struct scratch_kept { size_t bytes; };

/* The blocks are reserved at once: a full disk is an answer here and not a SIGBUS later. */
static void *map_file(const char *folder, size_t bytes) {
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return NULL;
    void *p = MAP_FAILED;
    if (posix_fallocate(fd, 0, (off_t)bytes) == 0)
        p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return p == MAP_FAILED ? NULL : p;
}

static void keep(struct scratch *s, unsigned k, struct scratch_kept *kept) {
    for (; k < SCRATCH_KEPT && kept != NULL; k++) {
        struct scratch_kept *none = NULL;
        if (atomic_compare_exchange_strong(&s->kept[k], &none, kept))
            kept = NULL;
    }
    free(kept);
}

/* One that is large enough and not twice as large; NULL: none. */
static struct scratch_kept *find_kept(struct scratch *s, size_t bytes) {
    for (unsigned k = 0; k < SCRATCH_KEPT && s->keeps; k++) {
        struct scratch_kept *kept = atomic_exchange(&s->kept[k], NULL);
        if (kept != NULL && kept->bytes >= bytes && kept->bytes / 2 <= bytes)
            return kept;
        keep(s, k, kept);
    }
    return NULL;
}

/* The piece's bytes have been counted. */
static void take_memory(struct scratch *s, struct scratch_piece *p) {
    struct scratch_kept *kept = find_kept(s, p->bytes);
    if (kept != NULL) {
        atomic_fetch_add(&s->in_memory, kept->bytes - p->bytes);
        p->bytes = kept->bytes;
        p->data = kept;
    } else {
        p->data = aligned_alloc(ALIGN, p->bytes);
    }
}

bool scratch_take(struct scratch *s, size_t bytes, struct scratch_piece *out) {
    struct scratch_piece p = { .bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN };
    if (p.bytes < bytes)
        return false;
    if (atomic_fetch_add(&s->in_memory, p.bytes) + p.bytes <= s->budget) {
        take_memory(s, &p);
    } else {
        atomic_fetch_sub(&s->in_memory, p.bytes);
        p.data = map_file(s->folder, p.bytes);
        p.in_file = true;
    }
    if (p.data == NULL) {
        if (!p.in_file)
            atomic_fetch_sub(&s->in_memory, p.bytes);
        return false;
    }
    *out = p;
    return true;
}

void scratch_give(struct scratch *s, struct scratch_piece *piece) {
    if (piece->in_file) {
        munmap(piece->data, piece->bytes);
    } else if (piece->data != NULL) {
        bool kept = s->keeps && piece->bytes <= s->budget / (2 * SCRATCH_KEPT);
        struct scratch_kept *start = piece->data;
        start->bytes = piece->bytes;
        keep(s, kept ? 0 : SCRATCH_KEPT, start);
        atomic_fetch_sub(&s->in_memory, piece->bytes);
    }
    *piece = (struct scratch_piece){ 0 };
}

void scratch_done(struct scratch *s) {
    for (unsigned k = 0; k < SCRATCH_KEPT; k++)
        free(atomic_exchange(&s->kept[k], NULL));
}
