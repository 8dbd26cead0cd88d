/* daemon/sink/archive.h - the NeXus file of doc/nexus.md.  photon blocks, pixels, scans, products --> OUT.nxs
 * Written as OUT.nxs.part and renamed when whole. All HDF5 calls on one thread (the library has one lock). Same calls with the
 * same data give the same datasets byte for byte (no times of writing inside datasets, object tracking of times off). */
#ifndef TESD_DAEMON_SINK_ARCHIVE_H
#define TESD_DAEMON_SINK_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/calibration_table.h"
#include "calib/elastic_area.h"
#include "calib/line_lock.h"
#include "calib/photon_block.h"
#include "calib/pixel_monitor.h"
#include "calib/scan_elastic.h"
#include "calib/scan_products.h"
#include "calib/scan_sensitivity.h"
#include "daemon/cut_list.h"
#include "daemon/product_history.h"
#include "pulse/cut.h"
#include "pulse/pixel_model.h"

struct archive;  /* opaque */

struct archive_pixel {          /* one row of /entry/pixels */
    uint32_t channel;
    char name[64];
    double sensitivity;         /* eps of doc/methods.md, Live time; 1 when not measured */
    const char *verdict;        /* text, borrowed */
    const char *reason;
    uint64_t records, photons, cut_counts[N_CUTS];
    double resolution_eV;       /* NaN unknown */
    double live_time_s;         /* sum over the points of all scans */
    uint64_t lost_upstream;     /* records known to be lost: torn in the file, or never received */
    uint8_t neighbours;         /* 1: heights use the mains and baseline known from the records around (analysis.neighbours) */
    int64_t jumped_ns;          /* of its first record that is cut as jumped; 0: none */
    double neighbour_line_pull; /* width of its lines with such heights, in units of their promise; 0: not tried */
};

struct archive_process {        /* /entry/process */
    const char *command_line;
    const char *config_text;
    const char *const *inputs;  /* file names */
    size_t n_inputs;
    const char *state;          /* "live", "prelim", "final", "recovered" */
    struct archive_counter { const char *name; uint64_t value; } const *counters;
    size_t n_counters;
    const struct product_history *history;   /* NULL: none */
};

/* All return false after logging path and reason. `compress`: gzip photon columns too. */
bool archive_create(const char *path, bool compress, struct archive **out);
bool archive_photons(struct archive *a, const struct photon_block *block);           /* appends; feeds /entry/heights as well */
bool archive_photons_end(struct archive *a);                                         /* the rest of the rows reaches the file */
/* Row `row` of those appended so far gets another grade and other flags. */
bool archive_photon_regrade(struct archive *a, uint64_t row, uint8_t grade, uint8_t flags);
bool archive_pixels(struct archive *a, const struct archive_pixel *pixels, size_t n);
/* Beside the pixels, after them: what calibrations say of sensitivities, so that a merge of files can fit them anew. */
bool archive_calibration_counts(struct archive *a, const struct calibration_counts *c);
bool archive_scan(struct archive *a, const struct scan_products *products);          /* scan_, rixs_, loss_, pfy_ groups */
bool archive_sum(struct archive *a, const struct scan_sum *sum);
/* Curves cut out of a scan's or a sum's products: xes_ (one over all points, and those chosen), cee_, cet_, ipfy_ (of the windows marked),
 * elastic_ (yield of the line, and PFY without it where it runs through the window), extra_ (columns of the log, also over I0). */
struct archive_cuts {
    const struct scan_products *products;
    const struct scan_sum *sum;             /* NULL: products are those of a scan */
    const struct cut_list *choice;   /* NULL: none */
    const struct scan_elastic *elastic;     /* NULL: not looked for */
    const struct elastic_area *area;        /* n_points; NULL: no elastic line, or no exposure */
    const uint8_t *inverse;                 /* one byte a window; NULL: none */
};
bool archive_cuts(struct archive *a, const struct archive_cuts *of);
struct scan_consistency;
/* consistency_GROUP; list: one for each scan of the sum. */
bool archive_consistency(struct archive *a, const struct scan_sum *sum, const struct scan_consistency *list);
struct archive_monitor {        /* monitor_NAME; all borrowed */
    const char *name, *units, *line;     /* line "": none */
    const struct monitor_plan *plan;
    size_t n_pixels;
    const struct monitor_value *values;  /* n_pixels x plan->n */
    const uint8_t *alarm;                /* the same */
    const double *median;                /* plan->n: of the array */
    uint32_t pixels_alarmed;
};
bool archive_monitor(struct archive *a, const struct archive_monitor *m);
/* elastic_NNNN, or sum_GROUP_elastic (sum; NULL: a scan's). point_used: one byte a point. */
bool archive_elastic(struct archive *a, const struct scan *scan, const struct scan_sum *sum, const struct scan_elastic *e, const uint8_t *point_used);
bool archive_line_lock(struct archive *a, const struct line_lock *l);                /* lock_LINE */
/* state_text: how the table came about ("learnt", "loaded from CAL.h5"). */
bool archive_calibration(struct archive *a, const struct calibration_table *table, const char *state_text);
/* Beside that calibration, after it: average pulse and noise of each of its n pixels, models[k] NULL: none. */
bool archive_pulses(struct archive *a, int32_t calibration_number, const struct pixel_model *const *models, size_t n);
/* Writes title, times, process and the default attributes, flushes, closes and renames. The archive is freed either way. */
bool archive_finish(struct archive *a, const char *title, int64_t start_ns, int64_t end_ns, const struct archive_process *process);
void archive_abandon(struct archive *a);  /* closes and removes the .part file; NULL is fine */

#endif
