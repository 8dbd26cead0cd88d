/* daemon/stage/channel_match.h - one learnt channel's photons, ready to be matched with the array's spectra (gain_match.h).
 *   learnt_channel + curve of one calibration + cells --points--> energies by its correction so far, and how they go with each gain
 *   coefficients that were found --estimate--> its gains and their covariance (correction_prior.h) */
#ifndef TESD_DAEMON_STAGE_CHANNEL_MATCH_H
#define TESD_DAEMON_STAGE_CHANNEL_MATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "calib/calibration_curve.h"
#include "calib/gain_match.h"
#include "calib/spectrum_cells.h"
#include "daemon/stage/learnt_channel.h"

/* Columns: the gains, as differences to those of the channel's correction, and the smooth error of its curve, a cubic. */
enum { MATCH_CURVE = N_CORRECTION_TERMS, MATCH_COLUMNS = MATCH_CURVE + 4 };

struct channel_match {
    const struct calibration_curve *curve;   /* of heights in [start, end); NULL: the channel is not matched */
    int64_t start_ns, end_ns;
    unsigned terms;                          /* bit k: gain k is learnt */
    double scale_eV;                         /* middle of the energies, for the cubic */
    double coefficients[MATCH_COLUMNS];      /* found so far; 0 to begin with */
};

/* out->energy_eV, slope and cell are malloc'ed: channel_match_points_done, after failure too. False: no memory. */
bool channel_match_points(const struct learnt_channel *c, const struct spectrum_groups *groups, const struct spectrum_cells *cells, const struct channel_match *m, struct gain_match_points *out);
void channel_match_points_done(struct gain_match_points *p);

/* covariance: MATCH_COLUMNS x MATCH_COLUMNS. */
struct correction_estimate channel_match_estimate(const struct learnt_channel *c, const struct channel_match *m, const double *covariance);

#endif
