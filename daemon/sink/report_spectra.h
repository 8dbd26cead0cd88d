/* daemon/sink/report_spectra.h - what a report draws and a calibration table does not keep: every pixel's heights in every
 * calibration, as histograms.   table + heights --report_spectra_add--> spectrum, fitted windows, course in time
 * Made while the heights are at hand (learning), and only when somebody asked for a report: about 10 kB per pixel and
 * calibration. Owned whole. */
#ifndef TESD_DAEMON_SINK_REPORT_SPECTRA_H
#define TESD_DAEMON_SINK_REPORT_SPECTRA_H

#include <stddef.h>

#include "calib/calibration_table.h"
#include "calib/spectrum.h"
#include "pulse/status.h"

enum { REPORT_BINS = 1500, REPORT_SLICES = 12 };

struct report_slice {             /* one of REPORT_SLICES equal numbers of pulses, in the order they came */
    double offset_eV, sigma_eV;   /* median of (energy - line) over the pulses in the lines of the curve, less that of all slices */
};

struct report_pixel {
    struct spectrum *spectrum;    /* height units, bins of a third of the resolution; NULL: too few pulses */
    struct spectrum *windows[CURVE_MAX_ANCHORS];  /* the bins of fits[] of the table; NULL: none of its own */
    size_t n_slices;              /* 0: too few pulses in lines */
    struct report_slice slices[REPORT_SLICES];
};

struct report_spectra {
    size_t n_tables, max_tables;
    size_t n_pixels;
    struct report_pixel *pixels;  /* [max_tables][n_pixels] */
};

enum status report_spectra_new(size_t n_pixels, size_t max_tables, struct report_spectra **out);
void report_spectra_free(struct report_spectra *s);

/* The next table of the array (their order is that of array_model.tables); heights: n_pixels of them, in order of time, those
 * the table was learnt from. At most max_tables calls. */
enum status report_spectra_add(struct report_spectra *s, const struct calibration_table *t, const struct calibration_heights *heights);

/* NULL when that table was not added. s may be NULL. */
const struct report_pixel *report_spectra_of(const struct report_spectra *s, size_t table, size_t pixel);

#endif
