/* daemon/reprocess_settings.h - how a beamtime is reprocessed (reprocess.h): the config's part, and what the caller sets beside it. Plain; borrows. */
#ifndef TESD_DAEMON_REPROCESS_SETTINGS_H
#define TESD_DAEMON_REPROCESS_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "calib/scan_products.h"
#include "daemon/array_events.h"
#include "daemon/cut_list.h"
#include "daemon/grading.h"
#include "daemon/monitoring.h"
#include "daemon/pulse_store.h"
#include "daemon/sink/archive.h"

/* Pulses that a live session measured, instead of files to read (then the beamtime's files are names and spans only). */
struct reprocess_stored {
    const struct pulse_store *pulses;   /* settled */
    const uint16_t *pixel_of;           /* model's channel -> pixel of the store */
    uint32_t n_samples;                 /* of a whole record */
    double sample_period_s;
    const uint64_t *lost;               /* of each pixel of the store: records that never came; NULL: not known */
};

struct reprocess_settings {
    const struct reprocess_stored *stored;   /* NULL: read the files */
    unsigned workers;                /* 0: one per processor */
    struct product_settings products;
    struct grading_settings grading;
    struct array_event_settings array;   /* vetoes across pixels, sampled live time */
    struct monitoring_settings monitoring;
    const char *line_lock;           /* line of the sample that holds the gains during scans; "" or NULL: none. Not with causal */
    bool compress;                   /* photon columns too */
    uint32_t best_pixels;            /* of the finest resolution at a scan's start are used; 0: all good ones */
    struct archive_process process;  /* counters are added here */
    bool tell;                       /* print how repeats of a scan agree */
    bool causal;                     /* a frozen model: no record looks at later ones */
    const char *calibration_state;   /* how the tables came about: "learnt", "loaded from CAL.h5" */
    const char *title;
    struct cut_list cuts;            /* XES, CEE and CET beside those that are always made */
};

struct options;
/* What the config says of it; the rest is zero. Borrows from the options. */
struct reprocess_settings reprocess_settings_of(const struct options *o);

#endif
