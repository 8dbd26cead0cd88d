#include "daemon/source/file_bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_PIECE = 1 << 20 };

static enum status refuse(struct complaint *why, uint64_t offset, const char *what) {
    complaint_set(why, offset, 0, "%s", what);
    return STATUS_IO;
}

enum status file_bytes_open(const char *path, struct file_bytes *out, struct complaint *why) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return refuse(why, 0, strerror(errno));
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return refuse(why, 0, "not a regular file");
    }
    struct file_bytes f = { .fd = fd, .size = (size_t)st.st_size, .reserved = (size_t)st.st_size };
    if (f.reserved > 0) {
        void *p = mmap(NULL, f.reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED) {
            close(fd);
            return refuse(why, 0, strerror(errno));
        }
        f.data = p;
    }
    *out = f;
    return STATUS_OK;
}

enum status file_bytes_read(struct file_bytes *f, size_t upto, struct complaint *why) {
    while (f->n < f->size && f->n < upto) {
        size_t piece = f->size - f->n < READ_PIECE ? f->size - f->n : READ_PIECE;
        ssize_t got = pread(f->fd, (uint8_t *)(uintptr_t)f->data + f->n, piece, (off_t)f->n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return refuse(why, f->n, strerror(errno));
        if (got == 0)
            f->size = f->n;
        f->n += (size_t)got;
    }
    return STATUS_OK;
}

bool file_bytes_peek(const struct file_bytes *f, size_t offset, void *buffer, size_t n) {
    size_t done = 0;
    while (done < n) {
        ssize_t got = pread(f->fd, (uint8_t *)buffer + done, n - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

void file_bytes_close(struct file_bytes *f) {
    if (f->data != NULL)
        munmap((void *)(uintptr_t)f->data, f->reserved);
    if (f->fd >= 0)
        close(f->fd);
    *f = (struct file_bytes){ .fd = -1 };
}

enum status file_bytes_text(const char *path, size_t limit, uint8_t **text, size_t *n, struct complaint *why) {
    struct file_bytes f;
    enum status s = file_bytes_open(path, &f, why);
    if (s != STATUS_OK)
        return s;
    uint8_t *copy = NULL;
    if (f.size > limit) {
        complaint_set(why, limit, 0, "larger than %zu bytes", limit);
        s = STATUS_BAD_VALUE;
    } else if ((s = file_bytes_read(&f, f.size, why)) == STATUS_OK && (copy = malloc(f.n + 1)) == NULL) {
        s = STATUS_NO_MEMORY;
    }
    if (s == STATUS_OK) {
        if (f.n > 0)
            memcpy(copy, f.data, f.n);
        copy[f.n] = 0;
        *text = copy;
        *n = f.n;
    }
    file_bytes_close(&f);
    return s;
}
