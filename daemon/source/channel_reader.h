/* daemon/source/channel_reader.h - all records of one channel in their true order, from any number of files.
 *   channel_input --open--> ordered places --next--> records
 * Order: epochs by time (the electronics' frame counter restarts with the source), inside an epoch by frame. So the order of the
 * files, and how they were cut, never matter. A record found twice (same epoch and frame) is delivered once and counted.
 * Memory: the channel's files. One owner thread; different channels may be read at the same time. */
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
    uint64_t unreadable;      /* files that could not be opened or read this time */
};

struct channel_reader;

/* False only when memory fails; files that cannot be read are logged and counted. */
bool channel_reader_open(const struct channel_input *input, uint32_t pixel, struct channel_reader **out);
/* Info of the first file that has records (of the first file, when none has); NULL when no file could be read. */
const struct source_info *channel_reader_info(const struct channel_reader *r);
size_t channel_reader_count(const struct channel_reader *r);
/* Record i in order, i < count; samples stay valid until the reader is closed. */
void channel_reader_get(const struct channel_reader *r, size_t i, struct channel_record *out);
/* Whether the records between i - 1 and i are not all known: torn ones stood between them in the file, or the electronics restarted. */
bool channel_reader_gap_before(const struct channel_reader *r, size_t i);
struct channel_counts channel_reader_counts(const struct channel_reader *r);
void channel_reader_close(struct channel_reader *r);

#endif
