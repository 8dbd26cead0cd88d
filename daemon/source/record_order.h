/* daemon/source/record_order.h - the true order of a channel's records: epochs by time (the electronics' frame counter restarts
 * with the source), inside an epoch by frame. record_order watches records go by and says whether they come in that order, which
 * they do in nearly every file; where they do not, a record_index of all of them is sorted. */
#ifndef TESD_DAEMON_SOURCE_RECORD_ORDER_H
#define TESD_DAEMON_SOURCE_RECORD_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pulse/record_ljh.h"

struct record_order {            /* zeros before the first record */
    double period_s;             /* of the first record */
    uint64_t records;
    uint64_t restarts;           /* epochs - 1 */
    uint64_t disagreements;      /* stamps that differ from the frame counter by more than 1 ms from one record to the next */
    bool disorder;               /* a record came late or twice: the numbers above are not to be used, and an index is needed */
    int64_t newest_frame, newest_time_ns, last_time_ns;   /* of this epoch */
};
void record_order_note(struct record_order *o, double period_s, int64_t time_ns, int64_t frame);
void record_order_note_all(struct record_order *o, double period_s, const struct ljh_stamp *stamps, size_t n);   /* the same of each of them */

/* Where a record stands: sort keys and a cookie that its file understands. */
struct record_place {
    int64_t time_ns;             /* floored to 1 us */
    int64_t frame;
    uint64_t where;              /* grows along a file */
    uint32_t file;               /* files are numbered by first times */
    int32_t epoch;               /* for record_index_settle_told: which of the frame counter's, in their order */
};

struct record_index {
    size_t n, capacity;
    struct record_place *places;
};
bool record_index_add(struct record_index *x, struct record_place place);  /* false: out of memory */
/* Sorts, and keeps one of those found twice (same epoch, frame, and stamp within 1 ms: a counter that began anew while a clock was set back repeats frames). Epochs are told by
 * the order in which records were added, which is that of a file. Returns how many were dropped; *order is what noting the sorted records gives. */
uint64_t record_index_settle(struct record_index *x, double period_s, struct record_order *order);
/* The same where each record says which epoch it is of. */
uint64_t record_index_settle_told(struct record_index *x, double period_s, struct record_order *order);
void record_index_done(struct record_index *x);

#endif
