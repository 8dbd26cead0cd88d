#include "daemon/scratch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ALIGN = 64 };

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

bool scratch_take(struct scratch *s, size_t bytes, struct scratch_piece *out) {
    struct scratch_piece p = { .bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN };
    if (p.bytes < bytes)
        return false;
    if (atomic_fetch_add(&s->in_memory, p.bytes) + p.bytes <= s->budget) {
        p.data = aligned_alloc(ALIGN, p.bytes);
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
        free(piece->data);
        atomic_fetch_sub(&s->in_memory, piece->bytes);
    }
    *piece = (struct scratch_piece){ 0 };
}
