/* daemon/source/file_bytes.h - a file as bytes, seen through a window that slides along it.
 * Read with pread into memory of our own and not mapped: a file cut short under us gives fewer bytes and never a SIGBUS, the cost
 * does not depend on how the system grouped the cached pages (doc/methods.md, Filters), and the window stays in cache for what comes
 * next. The size is taken once at opening, so that a file that grows meanwhile still gives one consistent answer.
 * Memory: the window. One owner thread. */
#ifndef TESD_DAEMON_SOURCE_FILE_BYTES_H
#define TESD_DAEMON_SOURCE_FILE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pulse/complaint.h"
#include "pulse/status.h"

struct file_bytes {
    const uint8_t *data;  /* in room: data[0..n) are the bytes at [first, first + n) */
    size_t first, n;
    size_t size;          /* at opening; smaller later if the file was cut short while we read */
    int fd;
    uint8_t *room;        /* owned, on a cache line */
    size_t capacity;      /* bytes behind data, whatever its place in a cache line */
    size_t ahead;         /* how far to read at the next slide */
};

/* Regular files only. The complaint says what the system said. */
enum status file_bytes_open(const char *path, struct file_bytes *out, struct complaint *why);
/* Slides the window so that it holds [from, from + n), as far as the file goes. Pointers into the window end with the next call.
 * STATUS_IO when reading fails, STATUS_NO_MEMORY; then the window holds less. */
enum status file_bytes_view(struct file_bytes *f, size_t from, size_t n, struct complaint *why);
bool file_bytes_at_end(const struct file_bytes *f);   /* the window reaches the end of the file */
/* n bytes at offset into buffer, whatever the window holds; false when they are not all there. */
bool file_bytes_peek(const struct file_bytes *f, size_t offset, void *buffer, size_t n);
void file_bytes_rest(struct file_bytes *f);   /* gives the window's memory back; the next view reads it again */
void file_bytes_close(struct file_bytes *f);

/* A small text file whole, NUL-terminated, at most `limit` bytes; free() *text. */
enum status file_bytes_text(const char *path, size_t limit, uint8_t **text, size_t *n, struct complaint *why);

#endif
