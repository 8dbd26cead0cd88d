/* pulse/record_ljh.h - LJH 2.0, 2.1 and 2.2 bytes <-> header and records.  bytes in memory --decode--> pulse_record
 * No file I/O here. The same decoder serves whole mapped files, files that still grow, the simulator's writer and the fuzzer.
 *
 * A file is a text header (lines "Key: value", LF or CRLF, "#End of Header" last) and then records of equal length:
 *   2.2.x  i64 subframe count, i64 microseconds since 1970, u16 x N      16 + 2N bytes
 *   2.1.x  u8 t, u8 unused, u32 ms, u16 x N                              6 + 2N bytes, time = offset + ms + t x 4 us
 *   2.0.x  u16 unused, u32 ms, u16 x N                                   6 + 2N bytes, time = offset + ms
 * Subframe count = frame x divisions + offset. Presamples of writers other than DASTARD are 3 too small in the header.
 * DASTARD >= 0.3.3 can tear a record in the middle (samples, or time and samples, lost): the next header then stands too early. */
#ifndef TESD_PULSE_RECORD_LJH_H
#define TESD_PULSE_RECORD_LJH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pulse/complaint.h"
#include "pulse/pulse_record.h"
#include "pulse/status.h"

enum { LJH_HEADER_LIMIT = 16384 };  /* a header that has not ended by then is none */

struct ljh_header {
    int version;                  /* 20, 21 or 22 */
    char version_text[16];        /* "2.2.1" */
    uint32_t n_samples;           /* 1..65536 */
    uint32_t n_presamples;        /* corrected: + 3 unless DASTARD wrote the file; < n_samples */
    double sample_period_s;       /* > 0 */
    int32_t channel;              /* number as in the file name; sparse; -1: header has none */
    int32_t channel_index;        /* DASTARD's index; -1: header has none */
    char channel_name[64];        /* "chan17"; "" when absent */
    uint32_t subframe_divisions;  /* >= 1; header key, else number of rows, else 1 */
    uint32_t subframe_offset;     /* header key, else row number, else 0 */
    double timestamp_offset_s;    /* base of 2.0 and 2.1 times */
    bool dastard;                 /* Software Version contains "DASTARD" */
    char software[64];
    size_t header_bytes;          /* offset of the first record */
    size_t record_bytes;
};

/* STATUS_TRUNCATED: the header does not end within n bytes (a growing file: try again with more, up to LJH_HEADER_LIMIT).
 * STATUS_BAD_VALUE: not LJH, or a needed key is missing or absurd; *why says which, with line and offset. */
enum status ljh_header_parse(const uint8_t *bytes, size_t n, struct ljh_header *out, struct complaint *why);

enum ljh_step {
    LJH_RECORD,     /* *out is a whole record; samples point into the caller's bytes */
    LJH_NEED_MORE,  /* what is left is shorter than a record (or than is needed to judge a torn one): a tail, unless more comes */
};

/* Walks the records of one file. Plain state; advance by calling ljh_cursor_next until it says LJH_NEED_MORE. */
struct ljh_cursor {
    struct ljh_header header;
    size_t offset;            /* file offset of the next record's header */
    int64_t last_time_ns;     /* of the last accepted record; INT64_MIN before the first */
    int64_t last_frame;
    uint64_t records;         /* accepted so far */
    uint64_t torn;            /* torn records skipped by resynchronisation; pieces of neighbours with no whole header count once */
    uint64_t torn_bytes;      /* bytes skipped in doing so */
    uint64_t first_torn_offset;  /* file offset of the first torn record; meaningful when torn > 0 */
    /* the cursor's own: */
    int64_t last_count;       /* subframe count of the last accepted record (2.2) */
    int64_t residue;          /* every count modulo the divisions */
    double per_division;      /* 1 / divisions */
    bool followed;            /* the header at offset was seen to follow the last record's, and says this: */
    int64_t followed_count, followed_time_us;
    size_t scan;              /* where the search behind a torn record goes on; 0: no search under way */
};

void ljh_cursor_init(struct ljh_cursor *c, const struct ljh_header *header);

/* bytes[0..n) is the file from its very start (header included) as far as it is known; `complete` says that no more will come
 * (then a record at the end needs no
 * successor to be believed; until then it waits for the next header, and near a torn one for up to three records more). pixel is copied into the record. The tail that remains after
 * LJH_NEED_MORE is n - c->offset bytes. Linear time in n over a whole file, whatever the bytes are. */
enum ljh_step ljh_cursor_next(struct ljh_cursor *c, const uint8_t *bytes, size_t n, bool complete, uint32_t pixel, struct pulse_record *out);

/* The same for a window that slides along the file: bytes[0..n-first) are the file's at offsets [first, n); n as above. Needs
 * first <= ljh_cursor_needs(c), the first byte that a further call may look at. On LJH_NEED_MORE the window must reach further;
 * it never has to hold more than 12 records. */
enum ljh_step ljh_cursor_window(struct ljh_cursor *c, const uint8_t *bytes, size_t first, size_t n, bool complete, uint32_t pixel,
                                struct pulse_record *out);
size_t ljh_cursor_needs(const struct ljh_cursor *c);

/* The records of 2.2 that come next and of which nothing has to be asked but whether the header behind each follows it: at most `most` of them, one
 * behind the other from c->offset on as it was before. The cursor is then where as many calls of ljh_cursor_window would have left it. 0: call
 * that, for one record. Same window; it costs a fifth. */
struct ljh_stamp { int64_t time_ns, frame; };
size_t ljh_cursor_run(struct ljh_cursor *c, const uint8_t *bytes, size_t first, size_t n, struct ljh_stamp *out, size_t most);

/* Writing, for the simulator and the recorder (ljh_format.c): DASTARD-style 2.2.1. header->version, version_text, header_bytes and
 * record_bytes are ignored; rows are written as the divisions and the row as the offset, which is what readers without the
 * subframe keys make of them. With `dastard` the software text is made to contain the word; without it the presamples are
 * written 3 smaller, as such writers do (n_presamples >= 3 then). Negative channels are left out.
 * Returns the bytes needed; writes at most `size` (call with size 0 to ask). Text is LF-ended. */
size_t ljh_header_format(const struct ljh_header *header, uint8_t *out, size_t size);
/* out has 16 + 2 x n_samples bytes. Time is written in microseconds (floored). */
void ljh_record_format(const struct ljh_header *header, const struct pulse_record *record, uint8_t *out);

#endif
