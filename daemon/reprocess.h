/* daemon/reprocess.h - a beamtime's records + array_model -> photons, products of every scan, NeXus file. The wiring of `replay`.
 * One job per channel; photons are taken in channel order, so the file does not depend on the number of workers. */
#ifndef TESD_DAEMON_REPROCESS_H
#define TESD_DAEMON_REPROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/scan_products.h"
#include "daemon/array_events.h"
#include "daemon/array_model.h"
#include "daemon/beamtime.h"
#include "daemon/cut_list.h"
#include "daemon/grading.h"
#include "daemon/monitoring.h"
#include "daemon/scan_elastics.h"
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

struct pixel_totals {
    uint64_t records, photons, cut_counts[N_CUTS];
    int64_t jumped_ns;               /* first record cut as jumped; 0: none */
    uint64_t torn, duplicates, restarts, disagreements, tail_bytes, unreadable;
};

struct reprocessed {                 /* what remains after the file is written: for the table, the picture, the stream */
    size_t n_pixels;
    struct pixel_totals *pixels;
    struct bin_stage *bins;          /* products of every scan */
    struct scan_elastics elastics;   /* of them and of their sums */
    double photons_wall_s, photons_cpu_s;   /* from the first file opened to the last photon column written; CPU of the whole process */
    struct product_history history;  /* against the file that was there before */
    size_t n_sums;
    struct scan_sum *sums;
};

/* False after logging; then no file is left behind. The timeline of the beamtime must outlive *out. */
bool reprocess_run(const struct beamtime *b, const struct array_model *m, const struct reprocess_settings *settings, const char *path, struct reprocessed *out);
void reprocessed_done(struct reprocessed *r);

#endif
