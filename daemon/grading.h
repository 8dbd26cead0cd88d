/* daemon/grading.h - grades and live time of a beamtime: the wiring between readers, stage/grade, products and archive.
 *   worker:      channel's rows --grading_events, grading_rows--> their grades, the channel's grade times
 *   main thread: channels in order --grading_take--> products;   after the last: --grading_finish--> dead pixels, sensitivities, live times
 * Results are independent of the number of workers. */
#ifndef TESD_DAEMON_GRADING_H
#define TESD_DAEMON_GRADING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/scan_sensitivity.h"
#include "daemon/array_model.h"
#include "daemon/beamtime.h"
#include "daemon/inner_event.h"
#include "daemon/sink/archive.h"
#include "daemon/source/channel_reader.h"
#include "daemon/stage/bin.h"
#include "daemon/stage/grade.h"
#include "daemon/trigger_mode.h"
#include "pulse/time_span.h"

struct grading_settings {
    enum trigger_kind kind;               /* unknown: by acquisition status, else by the records of each channel */
    const char *automatic, *secondary;    /* lists of channels, "" none; borrowed */
    double isolation_s;                   /* since the previous pulse, for grade high; 0: the longest of record, 6 x decay and what was learnt of tails (pulse/tail_reach.h) */
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

/* Rows of a channel, records of the reader one by one: CUT_SECONDARY is set, and what the samples tell of time is kept. Any thread, a
 * channel once; the reader is walked again where samples are needed. causal: as channel_events_find. */
bool grading_events(struct grading *g, size_t pixel, struct channel_reader *reader, bool causal, struct photon_block *block);
/* The same for rows that were kept without their records (channel_events_kept): all of n_samples, when they are whole. */
bool grading_events_kept(struct grading *g, size_t pixel, uint32_t n_samples, const struct kept_rows *kept, struct photon_block *block);
/* Pulses seen inside records of the channel, by row; valid until it is taken. */
const struct inner_event *grading_seconds(const struct grading *g, size_t pixel, size_t *n);
/* Windows of the channel's grades; NULL: not known, or its trigger leaves no live time. */
const struct livetime_table *grading_windows(const struct grading *g, size_t pixel);
/* Whether its trigger leaves no trace of pulses before a record; known with its events. */
bool grading_unseen(const struct grading *g, size_t pixel);
/* Then their grades, and CUT_VETO in the spans of `vetoes` (NULL: none), which are taken over. gap_before: per row, as the records said. Any
 * thread, a channel once. */
bool grading_rows(struct grading *g, size_t pixel, const bool *gap_before, struct time_spans *vetoes, struct photon_block *block);
/* Live time is to be sampled at these instants, by time, of the array's events (array_events.h); before the first _rows. False: no memory. */
bool grading_sample_at(struct grading *g, const int64_t *instants_ns, size_t n);
/* In channel order, when the rows have been binned. */
bool grading_take(struct grading *g, size_t pixel, const struct photon_block *block);
/* Dead pixels out, sensitivities fitted, live times set. Rows that change are changed in products and archive. */
bool grading_finish(struct grading *g, struct archive *a);

/* Photons and live time of grade high in the calibrations, as sensitivities are fitted to them; the caller's. False: no memory. */
bool grading_calibrations(const struct grading *g, struct calibration_counts *out);

double grading_sensitivity(const struct grading *g, size_t pixel);   /* after _finish */
double grading_live_time_s(const struct grading *g, size_t pixel);   /* grade high, all points of all scans */
uint64_t grading_died(const struct grading *g);                      /* deaths found */

#endif
