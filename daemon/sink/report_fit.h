/* daemon/sink/report_fit.h - the model of a fitted line, made again from what the calibration table keeps of the fit.
 *   anchor_fit + line table --> expected counts in each bin of its window */
#ifndef TESD_DAEMON_SINK_REPORT_FIT_H
#define TESD_DAEMON_SINK_REPORT_FIT_H

#include "calib/calibration_table.h"
#include "calib/line_fit.h"
#include "calib/line_table.h"
#include "pulse/status.h"

struct report_model {
    size_t n;
    double expected[LINE_FIT_MAX_BINS];   /* line, companion and background */
    double background;                    /* counts per bin */
};

/* Lines that the table does not have (the elastic line) have no width of their own. STATUS_BAD_VALUE: the fit has no window, or
 * one that no fit could have had. */
enum status report_fit_model(const struct anchor_fit *f, const struct line_table *lines, struct report_model *out);

#endif
