/* calib/calibration_curve.h - height p -> energy_eV for one pixel, with its uncertainty: E = p / g(p), the gain g(p) a natural cubic
 * spline through the anchors, or another form of gain_fit.h, continued straight outside them.
 * Immutable once made; any thread may evaluate. */
#ifndef TESD_CALIB_CALIBRATION_CURVE_H
#define TESD_CALIB_CALIBRATION_CURVE_H

#include <stddef.h>
#include <stdint.h>

#include "calib/gain_fit.h"
#include "pulse/status.h"

enum { CURVE_MAX_ANCHORS = 24 };

struct curve_anchor {
    double height, height_sigma;        /* fitted centre, height units */
    double energy_eV, energy_unc_eV;    /* table; its uncertainty is common to all pixels */
};

struct calibration_curve;  /* opaque: knots, second derivatives, covariance, lookup table */

/* n >= 2 anchors in any order. STATUS_BAD_VALUE: heights or energies not strictly increasing together; STATUS_NOT_CONVERGED:
 * the curve is not monotone up to 1.05 x the top anchor. */
enum status calibration_curve_new(enum curve_form form, const struct curve_anchor *anchors, size_t n, struct calibration_curve **out);
void calibration_curve_free(struct calibration_curve *c);

struct curve_value {
    float energy_eV;        /* NaN where the curve has no meaning (height <= 0 or NaN) */
    float sigma_eV;         /* from the anchors' fit errors alone: this pixel's part */
    float common_sigma_eV;  /* from the table's uncertainties: shared by all pixels, never averages away */
    float slope;            /* dE/dp, eV per unit, from a table: to a millionth or so */
    uint8_t trust;          /* TRUST_INSIDE / NEAR / BEYOND of photon_block.h, by energy against the anchors (doc/nexus.md) */
};
struct curve_value calibration_curve_value(const struct calibration_curve *c, float height);

/* The same for n photons, by columns and quicker: energy and trust, and as sigma_eV noise x slope and the curve's own added in quadrature.
 * variance[n]: of each height, height units squared. */
struct curve_rows { float *energy_eV, *sigma_eV; uint8_t *trust; };
void calibration_curve_rows(const struct calibration_curve *c, const float *height, const float *variance, size_t n, const struct curve_rows *out);
double calibration_curve_slope(const struct calibration_curve *c, double height);   /* dE/dp, eV per unit */
double calibration_curve_height(const struct calibration_curve *c, double energy_eV); /* inverse; NaN outside 0..2 x top */

enum curve_form calibration_curve_form(const struct calibration_curve *c);
size_t calibration_curve_anchors(const struct calibration_curve *c, const struct curve_anchor **out);  /* borrowed, by height */
/* n x n covariance of the anchors' gains (pixel's part), row-major, borrowed. */
const double *calibration_curve_covariance(const struct calibration_curve *c);

#endif
