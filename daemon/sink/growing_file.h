/* daemon/sink/growing_file.h - a file as the acquisition server lets it grow: 64 KiB buffered, cut anywhere when the buffer is full.
 * What has not left the buffer is gone when the server dies. Plain struct; the owner flushes. */
#ifndef TESD_DAEMON_SINK_GROWING_FILE_H
#define TESD_DAEMON_SINK_GROWING_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GROWING_BUFFER = 65536 };

struct growing_file {
    int fd;               /* -1: not there */
    uint8_t *buffer;
    size_t fill;
    bool failed;          /* a write failed: the rest is ignored, as upstream */
};

bool growing_file_open(struct growing_file *f, const char *path);   /* new or emptied; false with errno */
/* False when a write failed now, errno says why; not said again. */
bool growing_file_add(struct growing_file *f, const void *bytes, size_t n);
bool growing_file_flush(struct growing_file *f);
void growing_file_close(struct growing_file *f);     /* without flushing */

#endif
