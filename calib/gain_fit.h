/* calib/gain_fit.h - the gain g = p / E through or near a few points (height, gain), in one of three forms, each continued straight
 * outside the points:
 *   spline      natural cubic spline through the points (the default: doc/methods.md, Lines and curves says why)
 *   smoothing   natural cubic spline that gives way by the points' errors: minimises sum ((g_i - f(p_i)) / s_i)^2 + 1/t int f''^2
 *               with t the most likely variance of the curvature (restricted likelihood of the second differences; Wahba 1985,
 *               the same as the regression with an integrated Wiener process that microcalorimeter analysis uses)
 *   quadratic   parabola by least squares with the weights 1 / s_i^2; a straight line for two points
 * For fixed weights each is linear in the gains, fitted = H gains, and H also propagates their errors. Plain values, no allocation. */
#ifndef TESD_CALIB_GAIN_FIT_H
#define TESD_CALIB_GAIN_FIT_H

#include <stddef.h>

#include "calib/natural_spline.h"
#include "pulse/status.h"

enum curve_form { CURVE_SPLINE, CURVE_SMOOTHING, CURVE_QUADRATIC, N_CURVE_FORMS };
extern const char *const curve_form_names[N_CURVE_FORMS];   /* as the setting calibration.curve says them */

enum { GAIN_FIT_MAX = NATURAL_SPLINE_MAX };

struct gain_fit {
    enum curve_form form;
    size_t n;
    double x[GAIN_FIT_MAX];
    double hat[GAIN_FIT_MAX * GAIN_FIT_MAX];   /* n x n, row-major: fitted gains of the points = hat x gains */
    double bend[GAIN_FIT_MAX];                 /* quadratic: its second derivative = bend . gains; else unused */
};

/* Points by increasing x, n 2..GAIN_FIT_MAX. sigma >= 0: errors of the gains (all 0: equal weights, and smoothing goes through the
 * points). gain is looked at by smoothing alone, to find how much. STATUS_BAD_VALUE: too few or too many points; STATUS_NOT_POSITIVE:
 * the points do not determine the form. */
enum status gain_fit_init(struct gain_fit *f, enum curve_form form, const double *x, const double *gain, const double *sigma, size_t n);

/* The curve for these gains at the same points. */
void gain_fit_curve(const struct gain_fit *f, const double *gain, struct natural_spline *out);

#endif
