/* daemon/source/channel_reader.h - all records of one channel in their true order, from any number of files.
 *   channel_input --open--> --next--> records
 * Order: epochs by time (the electronics' frame counter restarts with the source), inside an epoch by frame. So the order of the
 * files, and how they were cut, never matter. A record found twice (same epoch and frame) is delivered once and counted.
 *
 * Nearly every file stands in that order already, and its records go by in one pass without being kept. So either
 *   - read once, and ask afterwards whether the order was right; if not, sort and read again, or
 *   - sort first, where every record must come at its time: one pass more, over what is then in the system's cache.
 * Memory: a window per file; 32 bytes per record when the order is not right. One owner thread; different channels may be read at
 * the same time. */
#ifndef TESD_DAEMON_SOURCE_CHANNEL_READER_H
#define TESD_DAEMON_SOURCE_CHANNEL_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/source/run_input.h"
#include "daemon/source/source.h"

struct channel_counts {
    uint64_t records;         /* delivered in one pass */
    uint64_t duplicates;      /* found twice, delivered once */
    uint64_t torn;            /* torn records skipped */
    uint64_t tail_bytes;      /* behind the last whole record, all files */
    uint64_t restarts;        /* epochs - 1 */
    uint64_t disagreements;   /* stamps that differ from the frame counter by more than 1 ms from one record to the next */
    uint64_t unreadable;      /* files that could not be opened or read to their end this time */
};

struct channel_reader;

/* False only when memory fails; files that cannot be read are logged and counted. */
bool channel_reader_open(const struct channel_input *input, uint32_t pixel, struct channel_reader **out);
/* The next record, valid until the next call; false at the end. */
bool channel_reader_next(struct channel_reader *r, struct channel_record *out);
/* Where the last record came from, and that record once more: its samples or coefficients, without time and frame; valid until the next
 * call of any kind. Cheapest for places that follow one another. False when its file no longer holds it. */
struct channel_place { uint64_t where; uint32_t file; };
struct channel_place channel_reader_place(const struct channel_reader *r);
bool channel_reader_again(struct channel_reader *r, struct channel_place place, struct channel_record *out);
/* Records that stand one behind the other in a file's window, at once: as channel_reader_next and _place would give them one by one. Valid until the
 * next call of any kind. n = 0: take the next one by channel_reader_next; there may be a run behind it. */
struct channel_run {
    size_t n;
    struct channel_record record;     /* the first; of the others samples, time and frame differ */
    size_t record_bytes;              /* from the samples of one to those of the next */
    const struct ljh_stamp *stamps;   /* of each: time and frame */
    const bool *gap_before;           /* of each */
    struct channel_place place;       /* of the first; each next one is record_bytes further on */
};
void channel_reader_run(struct channel_reader *r, size_t most, struct channel_run *out);
void channel_reader_rewind(struct channel_reader *r);
/* After a whole pass: did the records come in their true order, each once? */
bool channel_reader_ordered(const struct channel_reader *r);
/* A pass over all records, if none was made yet; when they are not in order their places are kept and sorted, and come in order
 * from now on. Leaves the reader rewound. False when memory fails. */
bool channel_reader_sort(struct channel_reader *r);
/* An upper bound of the records in one pass. */
uint64_t channel_reader_most(const struct channel_reader *r);
/* After a whole pass: the first file that has records (the first file, when none has); NULL when no file could be read. */
const struct source_info *channel_reader_info(const struct channel_reader *r);
/* After a whole pass. */
struct channel_counts channel_reader_counts(const struct channel_reader *r);
void channel_reader_close(struct channel_reader *r);

#endif
