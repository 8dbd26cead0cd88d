/* daemon/grading.h - grades and live time of a beamtime: the wiring between readers, stage/grade, products and archive.
 *   worker:      channel's rows --grading_channel--> their grades, the channel's grade times
 *   main thread: channels in order --grading_take--> products;   after the last: --grading_finish--> dead pixels, sensitivities, live times
 * Results are independent of the number of workers. */
#ifndef TESD_DAEMON_GRADING_H
#define TESD_DAEMON_GRADING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/array_model.h"
#include "daemon/beamtime.h"
#include "daemon/inner_event.h"
#include "daemon/sink/archive.h"
#include "daemon/source/channel_reader.h"
#include "daemon/stage/bin.h"
#include "daemon/trigger_mode.h"

struct grading_settings {
    enum trigger_kind kind;               /* unknown: by acquisition status, else by the records of each channel */
    const char *automatic, *secondary;    /* lists of channels, "" none; borrowed */
    double isolation_s;                   /* since the previous pulse, for grade high; 0: max(record, 6 x decay) */
};

/* What a live session kept of a channel's rows, in their true order. */
struct kept_rows {
    const bool *gap_before;
    const uint8_t *flags;            /* row_block.h */
    struct inner_event *seconds;     /* malloc'ed, taken over */
    size_t n_seconds;
};

struct grading;

/* Everything is borrowed and must outlive the grading. False after logging. */
bool grading_new(const struct grading_settings *settings, const struct beamtime *b, const struct array_model *m, struct bin_stage *bins, struct grading **out);
void grading_free(struct grading *g);

/* Rows of a channel, records of the reader one by one; gap_before: per row, as the records said; causal: as channel_events_find. Sets grades,
 * and CUT_SECONDARY. Any
 * thread, a channel once; the reader is walked again where samples are needed. */
bool grading_channel(struct grading *g, size_t pixel, struct channel_reader *reader, bool causal, const bool *gap_before, struct photon_block *block);
/* The same for rows that were kept without their records (channel_events_kept): all of n_samples, when they are whole. */
bool grading_kept(struct grading *g, size_t pixel, uint32_t n_samples, const struct kept_rows *kept, struct photon_block *block);
/* In channel order, when the rows have been binned. */
bool grading_take(struct grading *g, size_t pixel, const struct photon_block *block);
/* Dead pixels out, sensitivities fitted, live times set. Rows that change are changed in products and archive. */
bool grading_finish(struct grading *g, struct archive *a);

double grading_sensitivity(const struct grading *g, size_t pixel);   /* after _finish */
double grading_live_time_s(const struct grading *g, size_t pixel);   /* grade high, all points of all scans */
uint64_t grading_died(const struct grading *g);                      /* deaths found */

#endif
