/* calib/monitor_alarm.h - which pixels have moved, against themselves and against the array.
 *   values of all pixels --monitor_alarm_find--> alarms per pixel and window, and the array's own median
 * A pixel's reference is its first window of the same key (same sample, same incident energy). For centres and the rate, what the
 * array's median has done since then is taken out: a new compound or another mono energy moves all pixels alike, and is no pixel's
 * fault. An alarm needs the size and 5 sigma:
 *   pretrigger_mean  |change x slope| x line energy > alarm_eV: what the baseline would do to energies without correction
 *   residual         1.5 times the reference
 *   rate             a factor 3 against the array's change
 *   line, elastic    moved by more than alarm_eV against the array; the 5 sigma know what the curves' own errors may have moved it by when another
 *                    calibration holds than at the reference */
#ifndef TESD_CALIB_MONITOR_ALARM_H
#define TESD_CALIB_MONITOR_ALARM_H

#include "calib/pixel_monitor.h"

struct monitor_alarm_settings {
    double alarm_eV;
    double line_eV;              /* where the effect of the baseline is judged */
    const double *slope;         /* per pixel: relative gain per count of baseline; 0 not known */
    /* eV, 1 sigma: what the errors of the pixel's curves may have moved a line by between two windows of the plan. NULL: nothing */
    double (*curve_sigma)(const void *context, enum monitor_kind kind, uint32_t pixel, uint32_t then, uint32_t now);
    const void *context;         /* for curve_sigma */
};

/* values: n_pixels rows of plan->n of one kind. alarm: the same shape, 0 or 1. median: plan->n, NaN where no pixel has a value.
 * scratch: n_pixels. Returns the number of pixels with an alarm. */
uint32_t monitor_alarm_find(const struct monitor_plan *plan, enum monitor_kind kind, const struct monitor_alarm_settings *settings, const struct monitor_value *values,
                            uint32_t n_pixels, double *scratch, uint8_t *alarm, double *median);

#endif
