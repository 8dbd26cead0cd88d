/* calib/emission_model.c - a Voigt profile is the sum of a Gaussian and a Cauchy number. */
#include "calib/emission_model.h"

#include <assert.h>
#include <math.h>

const char *const emission_kind_names[N_EMISSION_KINDS] = {"line", "fluorescence", "inelastic", "elastic", "feature", "continuum", "shower"};

void emission_model_add(struct emission_model *m, struct emission_component c) {
    if (!(c.intensity > 0))
        return;
    assert(m->n < EMISSION_MAX);
    m->components[m->n++] = c;
    m->total += c.intensity;
}

void emission_model_scale(struct emission_model *m, double factor) {
    m->total *= factor;
    for (uint32_t i = 0; i < m->n; i++)
        m->components[i].intensity *= factor;
}

double emission_model_total(const struct emission_model *m, enum emission_kind kind) {
    double sum = 0;
    for (uint32_t i = 0; i < m->n; i++)
        sum += m->components[i].kind == kind ? m->components[i].intensity : 0;
    return sum;
}

static double sample_profile(const struct emission_component *c, struct random_stream *r) {
    if (c->kind == EMISSION_CONTINUUM)
        return c->centre_eV + c->gauss_fwhm_eV * (random_stream_uniform(r) - 0.5);
    double e = c->centre_eV;
    if (c->gauss_fwhm_eV > 0)
        e += c->gauss_fwhm_eV / 2.354820045030949 * random_stream_normal(r);
    if (c->lorentz_fwhm_eV > 0) {
        double wing;
        do wing = 0.5 * c->lorentz_fwhm_eV * tan(3.141592653589793 * (random_stream_uniform(r) - 0.5));
        while (fabs(wing) > 25);
        e += wing;
    }
    return e;
}

double emission_model_sample(const struct emission_model *m, struct random_stream *r, enum emission_kind *kind) {
    assert(m->n > 0);
    double left = m->total * random_stream_uniform(r);
    uint32_t i = 0;
    while (i + 1 < m->n && left >= m->components[i].intensity)
        left -= m->components[i++].intensity;
    *kind = m->components[i].kind;
    return sample_profile(&m->components[i], r);
}
