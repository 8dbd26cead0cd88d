#include "calib/gain_match.h"

#include <math.h>
#include <string.h>

#include "pulse/normal_equations.h"

_Static_assert(GAIN_MATCH_TERMS_MAX <= (int)NORMAL_MAX, "solved by normal equations");

enum { STEPS = 3, SOME = 32 /* points */ };

/* Rms of each column, by which it is divided: coefficients of very different units are solved for together. */
static void scales_of(const struct gain_match_points *p, double scale[GAIN_MATCH_TERMS_MAX]) {
    for (unsigned k = 0; k < p->n_terms; k++) {
        double sum = 0;
        for (size_t i = 0; i < p->n; i++)
            sum += p->slope[i * p->n_terms + k] * p->slope[i * p->n_terms + k];
        scale[k] = sum > 0 ? sqrt(sum / (double)p->n) : 1;
    }
}

double gain_match_energy(const struct gain_match_points *p, const double *coefficients, size_t i) {
    double energy_eV = p->energy_eV[i];
    for (unsigned k = 0; k < p->n_terms; k++)
        energy_eV += coefficients[k] * p->slope[i * p->n_terms + k];
    return energy_eV;
}

/* n <= SOME points from `first` on. */
static void add_points(const struct array_spectra *s, const struct gain_match_points *p, const double *coefficients, const double *scale, size_t first, size_t n,
                       struct normal_equations *e, struct normal_equations *variance) {
    double rows[SOME * GAIN_MATCH_TERMS_MAX], psi[SOME], weight[SOME], none[SOME] = { 0 };
    for (size_t i = 0; i < n; i++) {
        const struct array_pull pull = array_spectra_pull(s, p->cell[first + i], gain_match_energy(p, coefficients, first + i));
        psi[i] = pull.psi;
        weight[i] = pull.weight;
        for (unsigned k = 0; k < p->n_terms; k++)
            rows[i * p->n_terms + k] = p->slope[(first + i) * p->n_terms + k] / scale[k];
    }
    normal_equations_add_rows(e, rows, weight, psi, n);
    for (size_t i = 0; i < n; i++)
        weight[i] = psi[i] * psi[i];
    if (variance != NULL)
        normal_equations_add_rows(variance, rows, weight, none, n);
}

/* Score and informations, in scaled columns; variance may be NULL. */
static void collect(const struct array_spectra *s, const struct gain_match_points *p, const double *coefficients, const double *scale, struct normal_equations *e,
                    struct normal_equations *variance) {
    normal_equations_init(e, p->n_terms);
    for (size_t i = 0; i < p->n; i += SOME)
        add_points(s, p, coefficients, scale, i, p->n - i < SOME ? p->n - i : SOME, e, variance);
    double most = 0;
    for (unsigned k = 0; k < p->n_terms; k++)
        most = fmax(most, e->matrix[k * p->n_terms + k]);
    for (unsigned k = 0; k < p->n_terms; k++)
        e->matrix[k * p->n_terms + k] += 1e-9 * most;
}

enum status gain_match_climb(const struct array_spectra *s, const struct gain_match_points *p, double *coefficients) {
    double scale[GAIN_MATCH_TERMS_MAX] = { 0 }, at[GAIN_MATCH_TERMS_MAX], move[GAIN_MATCH_TERMS_MAX];
    scales_of(p, scale);
    memcpy(at, coefficients, p->n_terms * sizeof *at);
    for (int k = 0; k < STEPS; k++) {
        struct normal_equations e;
        collect(s, p, at, scale, &e, NULL);
        if (normal_equations_factor(&e) != STATUS_OK)
            return STATUS_NOT_POSITIVE;
        normal_equations_solve(&e, e.right, move);
        for (unsigned j = 0; j < p->n_terms; j++)
            at[j] += move[j] / scale[j];
    }
    memcpy(coefficients, at, p->n_terms * sizeof *at);
    return STATUS_OK;
}

enum status gain_match_covariance(const struct array_spectra *s, const struct gain_match_points *p, const double *coefficients, double *covariance) {
    const unsigned n = p->n_terms;
    double scale[GAIN_MATCH_TERMS_MAX] = { 0 };
    struct normal_equations e, v;
    scales_of(p, scale);
    normal_equations_init(&v, n);
    collect(s, p, coefficients, scale, &e, &v);
    if (normal_equations_factor(&e) != STATUS_OK)
        return STATUS_NOT_POSITIVE;
    normal_equations_covariance(&e, &v, covariance);
    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j < n; j++)
            covariance[i * n + j] /= scale[i] * scale[j];
    return STATUS_OK;
}
