/* pulse/external_trigger.h - external_trigger.bin bytes -> subframe counts.  bytes in memory --decode--> int64 counts
 * One text line that starts with '#' and ends with LF, its length varies; then i64 little-endian subframe counts (frame x
 * divisions + offset, as in LJH 2.2) until the bytes end. Writers before DASTARD 0.3.5 may leave zeros among them: they are
 * handed out and counted. The file grows: call again with more bytes. Nothing is aligned. No file I/O. */
#ifndef TESD_PULSE_EXTERNAL_TRIGGER_H
#define TESD_PULSE_EXTERNAL_TRIGGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pulse/complaint.h"
#include "pulse/status.h"

enum { EXTERNAL_TRIGGER_LINE_LIMIT = 4096 };  /* a text line that has not ended by then is none */

struct external_trigger {
    size_t offset;         /* file offset of the next count; what is behind the last whole one, n - offset bytes, is a tail */
    uint64_t counts;       /* handed out so far */
    uint64_t zeros;        /* of these, zero */
    uint32_t divisions;    /* "(nrow= 64)" or "(subframeDivisions= 64)" at the end of the text line; 0: not said */
};

/* Reads the text line. STATUS_TRUNCATED: it does not end within n. STATUS_BAD_VALUE: there is none. */
enum status external_trigger_init(struct external_trigger *t, const uint8_t *bytes, size_t n, struct complaint *why);

/* The next count, false when fewer than 8 bytes are left. bytes[0..n) is the file from its very start. */
bool external_trigger_next(struct external_trigger *t, const uint8_t *bytes, size_t n, int64_t *count);

#endif
