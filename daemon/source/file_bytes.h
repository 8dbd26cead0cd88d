/* daemon/source/file_bytes.h - a file as bytes from its start, read as far as somebody asked.
 * Read with pread into memory of our own and not mapped, so that a file cut short under us gives fewer bytes and never a SIGBUS;
 * the size is taken once at opening, so that a file that grows meanwhile still gives one consistent answer. One owner thread. */
#ifndef TESD_DAEMON_SOURCE_FILE_BYTES_H
#define TESD_DAEMON_SOURCE_FILE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pulse/complaint.h"
#include "pulse/status.h"

struct file_bytes {
    const uint8_t *data;  /* data[0..n) are known */
    size_t n;
    size_t size;          /* at opening; smaller later if the file was cut short while we read */
    int fd;
    size_t reserved;      /* bytes of address space behind data */
};

/* Regular files only. The complaint says what the system said. */
enum status file_bytes_open(const char *path, struct file_bytes *out, struct complaint *why);
/* Reads on until data[0..min(upto, size)) is known. STATUS_IO when reading fails. */
enum status file_bytes_read(struct file_bytes *f, size_t upto, struct complaint *why);
/* n bytes at offset into buffer without reading what lies before; false when they are not all there. */
bool file_bytes_peek(const struct file_bytes *f, size_t offset, void *buffer, size_t n);
void file_bytes_close(struct file_bytes *f);

/* A small text file whole, NUL-terminated, at most `limit` bytes; free() *text. */
enum status file_bytes_text(const char *path, size_t limit, uint8_t **text, size_t *n, struct complaint *why);

#endif
