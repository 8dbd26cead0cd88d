#include "daemon/stage/channel_match.h"

#include <math.h>
#include <stdlib.h>

#include "pulse/correction_terms.h"

_Static_assert(MATCH_COLUMNS <= (int)GAIN_MATCH_TERMS_MAX, "all columns are solved for together");

void channel_match_points_done(struct gain_match_points *p) {
    free(p->energy_eV);
    free(p->slope);
    free(p->cell);
    *p = (struct gain_match_points){ 0 };
}

/* How the energy goes with each column: a gain moves a height in proportion, the offset by itself. */
static void slopes_of(const struct height_correction *c, const struct measured_pulse *p, const struct channel_match *m, double slope, double energy_eV, double *row) {
    double term[N_CORRECTION_TERMS], u = energy_eV / m->scale_eV - 1, power = energy_eV;
    height_correction_terms(c, p, term);
    for (int k = 0; k < N_CORRECTION_TERMS; k++) {
        double change = k == TERM_OFFSET ? term[k] : (double)p->height * (term[k] - c->reference[k]);
        row[k] = m->terms >> k & 1 ? slope * change : 0;
    }
    for (int k = MATCH_CURVE; k < MATCH_COLUMNS; k++, power *= u)
        row[k] = power;
}

static void add_point(const struct learnt_channel *c, const struct height_correction *by, const struct channel_match *m, size_t pulse, uint16_t cell, struct gain_match_points *out) {
    const struct measured_pulse *p = &c->pulses[pulse];
    const struct curve_value v = calibration_curve_value(m->curve, height_correction_apply(by, p));
    if (!isfinite(v.energy_eV) || !(v.slope > 0))
        return;
    slopes_of(by, p, m, (double)v.slope, (double)v.energy_eV, out->slope + out->n * MATCH_COLUMNS);
    out->energy_eV[out->n] = (double)v.energy_eV;
    out->cell[out->n++] = cell;
}

bool channel_match_points(const struct learnt_channel *c, const struct spectrum_groups *groups, const struct spectrum_cells *cells, const struct channel_match *m, struct gain_match_points *out) {
    *out = (struct gain_match_points){ .n_terms = MATCH_COLUMNS };
    out->energy_eV = malloc((c->n_pulses + 1) * sizeof *out->energy_eV);
    out->slope = malloc((c->n_pulses + 1) * MATCH_COLUMNS * sizeof *out->slope);
    out->cell = malloc((c->n_pulses + 1) * sizeof *out->cell);
    if (out->energy_eV == NULL || out->slope == NULL || out->cell == NULL)
        return false;
    const struct height_correction by = learnt_channel_correction(c, m->start_ns, m->end_ns);
    for (size_t i = 0; i < c->n_pulses && m->curve != NULL; i++) {
        const uint16_t cell = correction_pulse_usable(&c->pulses[i]) ? spectrum_cells_of(cells, spectrum_groups_at(groups, c->pulses[i].time_ns)) : SPECTRUM_CELL_NONE;
        if (cell != SPECTRUM_CELL_NONE)
            add_point(c, &by, m, i, cell, out);
    }
    return true;
}

struct correction_estimate channel_match_estimate(const struct learnt_channel *c, const struct channel_match *m, const double *covariance) {
    struct correction_estimate e = { .terms = m->terms };
    for (unsigned j = 0; j < N_CORRECTION_TERMS; j++) {
        if (!(m->terms >> j & 1))
            continue;
        e.gain[j] = c->correction.gain[j] + m->coefficients[j];
        for (unsigned k = 0; k < N_CORRECTION_TERMS; k++)
            e.covariance[j][k] = m->terms >> k & 1 ? covariance[j * MATCH_COLUMNS + k] : 0;
    }
    return e;
}
