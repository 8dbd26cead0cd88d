/* calib/scan_products.h - everything counted for one scan: point totals, RIXS map, energy-loss map, one PFY per region.
 * photon_block rows --add--> integers only; products of shards and of repeated scans add exactly. One owner thread. */
#ifndef TESD_CALIB_SCAN_PRODUCTS_H
#define TESD_CALIB_SCAN_PRODUCTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/photon_block.h"
#include "calib/rixs_map.h"
#include "calib/scan_timeline.h"
#include "calib/yield_index.h"
#include "calib/yield_region.h"
#include "pulse/status.h"

struct product_settings {
    struct energy_axis emission, loss;
    uint32_t n_regions;
    const struct yield_region *regions;  /* borrowed; must outlive the products */
    uint32_t wide_grades;                /* bit g: windows of WIDE_REGION_EV or more count grade g too, whose energies can be trusted */
};

/* What live times owe to other pixels than their own: parts of an array, made apart, do not add to what the whole would have given. */
enum array_rule {
    ARRAY_RULE_VETO = 1,         /* photons vetoed by other pixels' events (a shower, crosstalk) */
    ARRAY_RULE_SAMPLED = 2,      /* live time sampled at the other pixels' events */
    ARRAY_RULE_LOSSY = 4         /* a trigger without a trace of what it drops: live time from the rate of all pixels together */
};

struct scan_products {
    const struct scan *scan;     /* borrowed from the timeline */
    uint32_t n_points, n_pixels;
    uint8_t *pixels_used;        /* n_pixels, frozen for the scan */
    uint32_t *photons;           /* n_points: rows with cuts == 0 inside the point, all pixels */
    uint32_t *moving;            /* n_points: the same between this point and the next */
    double *live_time_s;         /* n_points; of the maps, per pixel of sensitivity 1 (scan_live_time.h) */
    int64_t *grade_time_ns;      /* n_pixels x n_points x N_LIVETIME_COLUMNS (pulse/livetime.h); all high when new */
    int64_t *sampled_time_ns;    /* the same, sampled at the array's events; NULL: not asked for */
    bool use_sampled;            /* which of the two counts are divided by */
    uint32_t array_rules;        /* enum array_rule; 0 when new */
    double dispersion;           /* of the array's counts within the points (beam_steadiness.h); NaN unknown */
    uint32_t *high_photons;      /* n_pixels x n_points: photons of grade high, what sensitivities are fitted to */
    uint32_t *high_events;       /* n_pixels x n_points: events of grade high, whatever their other cuts */
    uint32_t *events;            /* n_points x N_GRADES: records of the pixels used that are no secondary ones, whatever their other cuts */
    double *shared_excess;       /* n_points: what was found from the M events of the point (ARRAY_RULE_LOSSY) widens a yield of N counts by N x this / M; 0 when new */
    double *sensitivity;         /* n_pixels; 1 when new */
    double *window_s;            /* n_pixels: the shorter of the two windows around a photon of grade high; 0 when new */
    double *resolution_eV;       /* n_pixels: FWHM when the scan began, by which pixels are chosen; NaN unknown, and when new */
    double *unresolved_s;        /* n_pixels: two photons nearer than this make one event; 0 when new */
    double *tail_s;              /* n_pixels: how much longer than for grade tail a photon must stand behind the one before for grade high; 0 when new */
    struct rixs_map *emission, *loss;
    uint32_t n_yields;
    struct yield_spectrum **yields;
    struct yield_index yield_index;   /* of their regions */
};

/* pixels_used: n_pixels bytes 0/1, copied. Until grade times are put in, all time is live: live_time_s is the dwell of each point. */
enum status scan_products_new(const struct scan *scan, uint32_t n_pixels, const uint8_t *pixels_used, const struct product_settings *settings, struct scan_products **out);
/* The same for a scan that goes on: no time is live yet, grade times, live times and crowding are 0. It does not cost what settling costs. */
enum status scan_products_untimed(const struct scan *scan, uint32_t n_pixels, const uint8_t *pixels_used, const struct product_settings *settings, struct scan_products **out);
void scan_products_free(struct scan_products *p);
const int64_t *scan_products_times(const struct scan_products *p);   /* those that counts are divided by */
double scan_products_events(const struct scan_products *p, uint32_t point);   /* of all grades */
/* Makes sampled_time_ns, zeroed. */
enum status scan_products_sampled(struct scan_products *p);
/* Row i of the block, already placed in this scan (point >= 0, or -1 with `after` = the point it moves away from). Rows with cuts are
 * events, no photons. Many rows are counted quicker by a product_counter. */
void scan_products_add(struct scan_products *p, const struct photon_block *b, size_t i, int32_t after);
/* Takes back what _add did with the same row. */
void scan_products_remove(struct scan_products *p, const struct photon_block *b, size_t i, int32_t after);
/* Adds counts and grade times of point r to point row_of[r]; UINT32_MAX: left out. The pixels used become those of either; time of a
 * pixel that one of them did not use is dead there, since its photons are not in that one's counts. live_time_s is left alone:
 * scan_live_time_settle makes it of the sums. STATUS_BAD_VALUE, and nothing added, unless axes, grades and regions agree. */
enum status scan_products_sum(struct scan_products *into, const struct scan_products *from, const uint32_t *row_of);

/* Repeated scans of one sample and edge, summed as counts, I0 and live time (never as ratios). */
struct scan_sum {
    char group[80];              /* [A-Za-z0-9_]+ made of sample and edge, unique in the file */
    uint32_t n_scans;
    int32_t *scan_numbers;
    struct scan_products *sum;   /* own scan with summed points: incident_eV mean of set points, grade times added, i0 mean over live time */
    struct scan *scan;           /* owned; what sum->scan points to */
};
/* Groups scans whose sample, variable, edge and number of points agree and whose set points, k-th by energy with k-th, differ by
 * half the local step of the group's first scan at most; scans that fit no other, or whose motor is no energy, form a group of one.
 * A sum's points begin with the first scan's and last as long as all together (end - start = summed dwell; they may overlap one
 * another). Its I0 is the mean of theirs over live time, so that I0 x live time is what all were exposed to; errors in quadrature; NaN where
 * a scan that was live has none above 0. Extras that all of them have are
 * means over live time as I0 is; number is -1. *sums is a new array of *n new sums; free with scan_sums_free. */
enum status scan_sums_make(struct scan_products *const *products, size_t n_products, struct scan_sum **sums, size_t *n);
void scan_sums_free(struct scan_sum *sums, size_t n);

#endif
