/* daemon/channel_rows.h - a channel's records, read from its files or kept by a live session --make--> rows with energies and grades --grade--> the same where channels wait
 * for each other. Jobs of a reprocessing (reprocess.h): any number at once, each with a channel of its own. */
#ifndef TESD_DAEMON_CHANNEL_ROWS_H
#define TESD_DAEMON_CHANNEL_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "calib/photon_block.h"
#include "daemon/array_events.h"
#include "daemon/array_model.h"
#include "daemon/beamtime.h"
#include "daemon/grading.h"
#include "daemon/monitoring.h"
#include "daemon/reprocess_settings.h"
#include "daemon/scratch.h"
#include "daemon/source/channel_reader.h"
#include "daemon/stage/analyse.h"
#include "daemon/stage/bin.h"

/* What all channels share; borrowed. */
struct channel_rows_work {
    const struct beamtime *beamtime;
    const struct array_model *model;
    const struct reprocess_stored *stored;   /* NULL: read the files */
    const struct bin_stage *bins;            /* where rows belong */
    struct grading *grading;
    struct array_events *array;              /* NULL: channels do not wait for each other */
    struct monitoring *monitoring;
    struct line_lock *lock;                  /* NULL: none */
    struct scratch *scratch;                 /* rows lie here */
    bool causal;                             /* no record looks at later ones */
};

struct channel_rows {                /* all zeros: nothing */
    struct photon_block *block;      /* in room; NULL: it failed */
    struct scratch_piece room, gaps;   /* gaps: a bool per row, while they wait for the other channels */
    struct channel_counts counts;    /* of a whole pass; records is not filled for stored ones */
};

/* How the channel's records become rows. */
struct analyse_settings channel_rows_settings(const struct channel_rows_work *w, size_t pixel);

/* Into *out, all zeros before; out->block is NULL when memory or the channel's files failed. */
void channel_rows_make(const struct channel_rows_work *w, size_t pixel, struct channel_rows *out);
/* When array_events has collected the rows of all channels. On failure the block is NULL. */
void channel_rows_grade(const struct channel_rows_work *w, size_t pixel, struct channel_rows *rows);
void channel_rows_free(const struct channel_rows_work *w, struct channel_rows *rows);

#endif
