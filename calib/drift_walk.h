/* calib/drift_walk.h - a number followed in time that is known at calibrations and walks in between: points with errors --> the walk, smoothed.
 *     value_i = constant + B(t_i) + error_i,   B a Brownian bridge between the two calibrations (a walk away from the only one)
 * with B's variance per hour as the one parameter: chosen by restricted likelihood, and 0 unless the points insist. The constant is what
 * the number would be without drift; the points next to the calibrations decide it. Dense algebra for up to a few hundred points. */
#ifndef TESD_CALIB_DRIFT_WALK_H
#define TESD_CALIB_DRIFT_WALK_H

#include <stddef.h>

#include "pulse/status.h"

enum { DRIFT_WALK_MAX = 200 };

struct drift_point { double time_s, value, sigma; };
struct drift_ends { double before_s, after_s; };   /* of the calibrations; -INFINITY, INFINITY: none */

/* n x (n + 3) doubles. */
struct drift_room { double *matrix; };
size_t drift_room_doubles(void);

/* ln of the restricted likelihood up to a constant; -INFINITY when the algebra fails. variance: of B in an hour away from a calibration,
 * value squared, >= 0. */
double drift_walk_likelihood(const struct drift_point *p, size_t n, struct drift_ends ends, double variance, struct drift_room room);

/* Values become B at their times, sigma its error; 0 and 0 with variance 0. */
enum status drift_walk_smooth(struct drift_point *p, size_t n, struct drift_ends ends, double variance, struct drift_room room);

#endif
