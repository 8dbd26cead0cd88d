#include "daemon/sink/growing_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool growing_file_open(struct growing_file *f, const char *path) {
    uint8_t *buffer = malloc(GROWING_BUFFER);
    const int fd = buffer == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        free(buffer);
        return false;
    }
    *f = (struct growing_file){.fd = fd, .buffer = buffer};
    return true;
}

bool growing_file_flush(struct growing_file *f) {
    size_t done = 0;
    while (!f->failed && done < f->fill) {
        const ssize_t n = write(f->fd, f->buffer + done, f->fill - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            f->failed = true;
            f->fill = 0;
            return false;
        }
        done += (size_t)n;
    }
    f->fill = 0;
    return true;
}

bool growing_file_add(struct growing_file *f, const void *bytes, size_t n) {
    const uint8_t *from = bytes;
    bool good = true;
    while (n > 0) {
        const size_t room = GROWING_BUFFER - f->fill, part = n < room ? n : room;
        memcpy(f->buffer + f->fill, from, part);
        f->fill += part;
        from += part;
        n -= part;
        if (f->fill == GROWING_BUFFER)
            good = growing_file_flush(f) && good;
    }
    return good;
}

void growing_file_close(struct growing_file *f) {
    if (f->fd >= 0)
        close(f->fd);
    free(f->buffer);
    *f = (struct growing_file){.fd = -1};
}
