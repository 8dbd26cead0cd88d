/* pulse/neighbour_height.h - heights of records whose mains and baseline are known from the records around them (doc/methods.md, Filters).
 *   pulses with baselines + open filter + mains_track --learn--> neighbour_height;   pulse --take--> its height by neighbours
 *     height = map(h - mains in h + gain x (level + mean - baseline of the others - mains in level - leak))
 * h and level are the open filter's (open_filter.h). The level is blind to the template and a small shift of it, but pulses change
 * their shape with energy and arrival: leak is what that leaves, a polynomial in both fitted to the pulses. gain = -Cov(h, level) / Var, Var being that of the bracket as the pulses themselves
 * show it: noise slower than a record, an ill-known baseline and mains that is not followed all make it larger, so that a baseline is
 * trusted as far as it deserves. map, a cubic fit in the height, brings the result to the scale of the standard filter's heights.
 * A record whose bracket is beyond 4 of its robust deviations (a tail before it), or at whose time the mains is not known, keeps its
 * standard height. Whether a pixel is better off is for its lines to say (neighbour_judge.h). Pure; plain values. */
#ifndef TESD_PULSE_NEIGHBOUR_HEIGHT_H
#define TESD_PULSE_NEIGHBOUR_HEIGHT_H

#include <stdbool.h>
#include <stddef.h>

#include "pulse/mains_track.h"
#include "pulse/measured_pulse.h"
#include "pulse/pixel_model.h"
#include "pulse/status.h"

enum { NEIGHBOUR_MAP = 4, NEIGHBOUR_LEAK = 9 };

struct neighbour_height {
    bool used;                        /* for the owner to say; _take does not ask */
    bool mains;                       /* is taken off */
    double cosine, sine;              /* counts: the wave in pretrigger means */
    double height_wave[PARABOLA_TERMS][2];   /* of cos phi and sin phi in the height, as parabola in the arrival */
    double level_wave[2];
    double gain;                      /* height units per count */
    double level_spread;              /* counts: robust deviation of the bracket */
    double leak[NEIGHBOUR_LEAK];      /* counts, of the terms of neighbour_height.c */
    double scale, map[NEIGHBOUR_MAP]; /* median height; factor as polynomial in height / scale - 1, which is kept in [-1, 1.5] */
    double sigma;                     /* height units: of a height by neighbours */
    double noise_factor;              /* that over the model's noise_sigma */
    double line_pull;                 /* how wide lines are in units of that (neighbour_judge.h); 0: not judged */
};

/* track: NULL, no mains is taken off. pulses: in time order, measured with the model, baselines from both sides. STATUS_TOO_FEW: fewer
 * than 200 pulses can be used, or the model has no open filter. */
enum status neighbour_height_learn(const struct pixel_model *m, const struct mains_track *track, const struct measured_pulse *pulses, size_t n,
                                   struct neighbour_height *out);

/* Puts the height by neighbours in the place of the pulse's own, which moves to open_height, and sets noise_factor. False: the pulse stays as it is. */
bool neighbour_height_take(const struct neighbour_height *h, const struct mains_track *track, struct measured_pulse *p);
/* Takes that back. */
void neighbour_height_give_back(struct measured_pulse *p);
bool neighbour_height_taken(const struct measured_pulse *p);

#endif
