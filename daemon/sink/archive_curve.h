/* daemon/sink/archive_curve.h - the group of one curve of a scan or a sum (NXdata) while it is written: title, values, and what all curves have. Private to archive*.c.
 * Failures are the file's (h5_file.h), which is asked at the end. */
#ifndef TESD_DAEMON_SINK_ARCHIVE_CURVE_H
#define TESD_DAEMON_SINK_ARCHIVE_CURVE_H

#include <stdint.h>

#include "calib/scan_cuts.h"
#include "daemon/sink/archive_parts.h"

struct archive_curve { struct archive *a; hid_t id; const struct archive_cuts *of; };

/* kind_NNNN_NAME or sum_GROUP_kind_NAME, without _NAME for "". what: begins the title. */
struct archive_curve archive_curve_begin(struct archive *a, const struct archive_cuts *of, const char *kind, const char *name, const char *what, const char *signal, const char *axis);
void archive_curve_end(const struct archive_curve *g);

/* n doubles; units may be NULL. */
void archive_curve_put(const struct archive_curve *g, const char *name, const char *units, const char *long_name, uint64_t n, const double *values);
void archive_curve_counts(const struct archive_curve *g, uint64_t n, const uint32_t *counts);
void archive_curve_pair(const struct archive_curve *g, const char *name, double lo, double hi);   /* an attribute */
/* Which pixels, with the sum of their sensitivities, and which grades (bits). */
void archive_curve_pixels(const struct archive_curve *g, const uint8_t *pixels_used, uint32_t grades);
/* Incident energies (or numbers of points), I0 and live time of the points. */
void archive_curve_points(const struct archive_curve *g, const double *live_time_s);
/* A curve against the points, with window and normalisation. */
void archive_curve_yield(const struct archive_curve *g, const struct scan_cut *c, const char *norm_units, const double *live_time_s);

#endif
