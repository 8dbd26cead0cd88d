/* pulse/sharpening.h - coefficients that make a spectrum sharpest: points whose place depends linearly on a few coefficients.
 *   x_i = height_i + sum over k of coefficient[k] slope[i][k]
 * Each group of points has its own density f, the histogram of its points smoothed with a kernel (three moving averages), plus a
 * floor of 0.15 counts a kernel width. The sum of log f(x_i) is climbed by Gauss-Newton while the kernel narrows from 20 to 0.8 sigma:
 * with psi = f'/f, step = (F' w F)^-1 F' psi, F the slopes, w = psi^2 smoothed with the kernel once more. (The mean of psi^2 over smoothed
 * points is minus the mean of psi', so this is Newton's step; psi^2 itself in place of w, as in doc/methods.md, Corrections, steps too far
 * by 1 + (kernel / line width)^2 and does not settle at kernels above one sigma.)
 * Only points of one group are compared, so groups may hold different spectra. Nothing runs away: every coefficient has a limit,
 * and the caller removes from the slopes what would only stretch a spectrum (a polynomial of the height). Pure; caller owns memory. */
#ifndef TESD_PULSE_SHARPENING_H
#define TESD_PULSE_SHARPENING_H

#include <stddef.h>
#include <stdint.h>

#include "pulse/status.h"

enum { SHARPENING_TERMS_MAX = 10 };

struct sharpening_points {
    size_t n, n_groups;
    unsigned n_terms;            /* 0..SHARPENING_TERMS_MAX */
    double sigma;                /* of a narrow line, same units as height; > 0 */
    double *height;              /* n, group by group */
    double *slope;               /* n x n_terms */
    size_t *group_end;           /* points of group g are group_end[g-1] .. group_end[g]-1 */
    double limit[SHARPENING_TERMS_MAX];  /* largest |coefficient| */
};

struct density;  /* opaque: a histogram and its room */
/* Room for spectra of these heights, to be moved by at most 10 %. */
enum status density_new(const struct sharpening_points *p, struct density **out);
void density_free(struct density *d);

/* Moves coefficient k alone to where the entropy at 8 sigma is least on a grid over its whole range: the start for a large drift. */
void sharpening_scan(struct density *d, const struct sharpening_points *p, unsigned k, double *coefficients);

/* Climbs from the coefficients given, beginning with the kernels of at most `widest` sigmas. */
void sharpening_climb(struct density *d, const struct sharpening_points *p, double widest, double *coefficients);

/* Nats for each point: -mean log f at a kernel of one sigma. Less is sharper; comparable between coefficients, not between sets of points. */
double sharpening_entropy(struct density *d, const struct sharpening_points *p, const double *coefficients);

/* psi_i at a kernel of one sigma (per unit of height). */
void sharpening_gradient(struct density *d, const struct sharpening_points *p, const double *coefficients, double *psi);

/* Covariance of the coefficients, n_terms x n_terms: J^-1 (F' psi^2 F) J^-1 with J = F' w F at one sigma. STATUS_NOT_POSITIVE: there is
 * none. */
enum status sharpening_covariance(struct density *d, const struct sharpening_points *p, const double *coefficients, double *covariance);

#endif
