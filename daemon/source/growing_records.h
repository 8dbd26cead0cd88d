/* daemon/source/growing_records.h - the records of one pulse file that is still being written.
 *   bytes of the file, in order, in pieces of any size --room, add, next--> channel_record
 * LJH and OFF, told apart by the first bytes. A piece may end anywhere: inside the header, inside a record, inside what is left of
 * a torn one. Whatever the pieces, the records are those of the whole file read at once (pulse/record_ljh.h); a record at the end is
 * believed when the next one follows it, or when the caller says that no more will come.
 * No I/O: the owner reads at growing_records_offset into growing_records_room, by whatever means. One owner thread.
 * Memory: a window of at most 12 records and two pieces; while the header is incomplete, the header so far. */
#ifndef TESD_DAEMON_SOURCE_GROWING_RECORDS_H
#define TESD_DAEMON_SOURCE_GROWING_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/channel_record.h"
#include "pulse/complaint.h"

enum { GROWING_PIECE = 64 << 10,          /* bytes asked for at a time; what the acquisition server's buffer holds */
       GROWING_HEADER_LIMIT = 16 << 20 }; /* an OFF header with its matrices has ended by then, or the file is refused */

enum growing_step {
    GROWING_RECORD,     /* *out is a whole record; borrowed until the next call for this file */
    GROWING_NEED_MORE,  /* nothing more can be said of the bytes there are */
    GROWING_REFUSED,    /* not a pulse file; growing_records_complaint says why. Final */
    GROWING_NO_MEMORY   /* nothing is lost; try again */
};

struct growing_info {
    const char *format;              /* "ljh", "off"; NULL: the header is not whole yet */
    int32_t channel, channel_index;  /* as the header says; -1: it does not */
    char channel_name[64];
    struct channel_shape shape;      /* basis is borrowed from this object */
    uint64_t records, torn;          /* so far */
    uint64_t tail_bytes;             /* in hand behind the last record delivered */
};

struct growing_records;   /* opaque */

/* pixel is copied into the records. False: no memory. */
bool growing_records_new(uint32_t pixel, struct growing_records **out);
void growing_records_free(struct growing_records *g);

uint64_t growing_records_offset(const struct growing_records *g);   /* in the file, of the next byte wanted */
/* Room for the bytes at that offset, *n of them, at least 1; what growing_records_next lent is no longer valid. The room stays
 * where it is until it is filled by growing_records_add, so a read may be under way meanwhile. NULL: no memory. */
uint8_t *growing_records_room(struct growing_records *g, size_t *n);
void growing_records_add(struct growing_records *g, size_t n);       /* n bytes of the room are filled */

/* complete: no more will come. A tail then stays a tail. */
enum growing_step growing_records_next(struct growing_records *g, bool complete, struct channel_record *out);
/* The bytes end where a record ends: a file that has come to rest here may be taken as complete for now, and go on later. */
bool growing_records_at_rest(const struct growing_records *g);
void growing_records_rest(struct growing_records *g);   /* no more will be added: the window's memory goes back, info stays */

const struct growing_info *growing_records_info(const struct growing_records *g);
const struct complaint *growing_records_complaint(const struct growing_records *g);

#endif
