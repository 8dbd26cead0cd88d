/* daemon/sink/raw_recorder.h - every record as it came, one LJH 2.2 file per channel.
 *   record_block --> FOLDER/BASE_chanN.ljh, which MASS and `tesd replay` read
 * Each channel fills a buffer of its own; full ones, and after flush_s what there is, go to the disk (disk_queue.h). Files hold whole
 * records up to what was acknowledged at any moment, and never more than their data: a program that dies leaves at most the tail of one
 * record behind. A file is made at its channel's first record; that record's length is the file's, others are counted and left out (the
 * format has one length for all).
 * When the disk does not follow, records are refused by channel and counted; nothing waits, and BASE_recorded.txt says what is missing, with
 * those that found no block on their way here (record_block.left_out):
 *   # channel name records lost other_length      one line a channel, then      gap CHANNEL FROM_NS TO_NS LOST (times of records, both lost)
 * It is written at the end, and while gaps come every few seconds. One thread, except for the counts of _health. */
#ifndef TESD_DAEMON_SINK_RAW_RECORDER_H
#define TESD_DAEMON_SINK_RAW_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/live_sink.h"
#include "daemon/sink/disk_engine.h"

struct raw_recorder;   /* opaque */

struct raw_settings {
    const struct disk_engine *engine;   /* NULL: the best that this machine has */
    size_t memory_bytes;                /* for all buffers */
    size_t block_bytes;                 /* of one buffer, at most: with many channels they get smaller so that the memory suffices */
    double flush_s, retry_s;
    double patience_s;                  /* a disk that keeps silent for longer is trouble; 0: 2 s */
    bool (*answers)(void *context);     /* whether files may be made now without waiting for the disk; asked again. NULL: always */
    void *answers_context;
};

bool raw_recorder_new(const struct raw_settings *settings, struct raw_recorder **out);   /* false: no memory */
void raw_recorder_free(struct raw_recorder *r);   /* writes what is left, 3 s at most; NULL is fine */

void raw_recorder_begin(struct raw_recorder *r, const struct live_session *session);
void raw_recorder_end(struct raw_recorder *r);
/* False: a record of this block needs a file, and the disk does not answer; come again with the same block. */
bool raw_recorder_ready(struct raw_recorder *r, const struct record_block *block);
void raw_recorder_add(struct raw_recorder *r, const struct record_block *block);
void raw_recorder_step(struct raw_recorder *r);
bool raw_recorder_settled(const struct raw_recorder *r);   /* nothing waits for the disk */

struct raw_counts {
    uint64_t accepted, acked;           /* records taken; of these in the file */
    uint64_t lost, other_length, gaps;
};
struct raw_counts raw_recorder_counts(const struct raw_recorder *r, uint32_t channel_index);   /* of the present or last run */

struct record_sink raw_recorder_sink(struct raw_recorder *r);   /* frees r in done */

#endif
