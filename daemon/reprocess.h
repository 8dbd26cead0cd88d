/* daemon/reprocess.h - a beamtime's records + array_model -> photons, products of every scan, NeXus file. The wiring of `replay`.
 * One job per channel; photons are taken in channel order, so the file does not depend on the number of workers. */
#ifndef TESD_DAEMON_REPROCESS_H
#define TESD_DAEMON_REPROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/scan_products.h"
#include "daemon/array_model.h"
#include "daemon/beamtime.h"
#include "daemon/product_history.h"
#include "daemon/reprocess_settings.h"
#include "daemon/scan_elastics.h"

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
