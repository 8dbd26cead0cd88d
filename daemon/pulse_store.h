/* daemon/pulse_store.h - measured pulses of a live run, kept until its file is made.   row_blocks --add--> a file without a name
 *   --settle--> by pixel --channel--> each pixel's pulses in their true order, each once: what a channel_reader would have given
 * Order: epochs as the rows tell them (row_block.h), inside an epoch by frame (source/record_order.h), so records that came by port and file,
 * late or twice, end as in replay. Of two pulses of one record (measured anew with other filters) the one added later is kept. The file lies in the folder given and vanishes with the process; memory does not grow with it. */
#ifndef TESD_DAEMON_PULSE_STORE_H
#define TESD_DAEMON_PULSE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/inner_event.h"
#include "daemon/row_block.h"
#include "daemon/source/channel_reader.h"
#include "pulse/measured_pulse.h"

struct pulse_store;   /* opaque */

/* Its file is made in the background, and again while the folder refuses. folder: borrowed. False after logging: no memory. */
bool pulse_store_new(const char *folder, size_t n_pixels, struct pulse_store **out);
void pulse_store_free(struct pulse_store *s);   /* waits for a disk that does not answer */
bool pulse_store_answers(struct pulse_store *s);   /* the file is there, and its disk answers: then settling takes no longer than reading */
/* From now on adding waits for the disk, a minute at most, instead of refusing: for threads that do nothing else. */
void pulse_store_patient(struct pulse_store *s);

/* Does not wait for the disk (disk_queue.h): some 130,000 pulses wait in memory while it refuses or does not answer, and are written when it does.
 * False when there are more: those are left out and counted; errno says why. */
bool pulse_store_add(struct pulse_store *s, const struct row_block *rows);
uint64_t pulse_store_lost(const struct pulse_store *s);

/* Pulses before time_ns were measured with other filters than those after: their heights mean nothing, and they come without. */
void pulse_store_heights_from(struct pulse_store *s, int64_t time_ns);
int64_t pulse_store_heights_begin(const struct pulse_store *s);   /* INT64_MIN: all have theirs */

/* How much is kept so far; forgetting what came before a mark gives its room on disk back. For the time before a run begins. */
uint64_t pulse_store_mark(const struct pulse_store *s);
void pulse_store_forget(struct pulse_store *s, uint64_t mark);

/* What belongs to a run. Stamps decide only near its ends, for in between a clock may have been set: the run lasts from one mark to the other all the same. */
struct pulse_bounds {
    int64_t from_ns, until_ns;     /* both included */
    uint64_t begun, over;          /* marks: what was added from begun on is no older than the run, what was added before over no younger, whatever its stamp */
};
extern const struct pulse_bounds pulse_bounds_none;

/* After the last _add, or before _unsettle: pulses outside the bounds are left out. Waits for the disk, five seconds, or ten minutes when
 * patient. False after logging. */
bool pulse_store_settle(struct pulse_store *s, const struct pulse_bounds *bounds);
/* Not settled, both patient: what is in `from` within the bounds, behind all that is in `to`, with its heights' begin. What was before a pixel's oldest in `from` is not
 * known (a gap), unless `to` has it. `from` is of no use afterwards. False after logging. */
bool pulse_store_pour(struct pulse_store *from, const struct pulse_bounds *bounds, struct pulse_store *to);
/* Open for _add again, and to be settled once more. */
void pulse_store_unsettle(struct pulse_store *s);
/* Settled: a pixel's rows, duplicates included, and the span of their times as a file has it (source_file_span): from the first record's to the last one's, whatever a
 * clock that was set made of those between. Of no rows: 0. */
size_t pulse_store_most(const struct pulse_store *s, size_t pixel, int64_t *first_ns, int64_t *last_ns);

struct stored_channel {
    size_t n;
    bool *gaps;                    /* per pulse; malloc'ed */
    uint8_t *flags;                /* row_block.h; malloc'ed */
    struct inner_event *seconds;   /* malloc'ed; rows as in pulses */
    size_t n_seconds;
    struct channel_counts counts;
};
/* Settled; any thread. pulses: room for pulse_store_most. False: no memory. */
bool pulse_store_channel(const struct pulse_store *s, size_t pixel, double sample_period_s, struct measured_pulse *pulses, struct stored_channel *out);
void stored_channel_done(struct stored_channel *c);

#endif
