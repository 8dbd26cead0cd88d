#include "daemon/pixel_pulse.h"

#include <complex.h>
#include <math.h>
#include <stddef.h>

static void noise_of(const struct pixel_model *m, double psd[PULSE_NOISE]) {
    for (unsigned k = 0; k < PULSE_NOISE; k++) {
        const double turns = 0.5 * k / (PULSE_NOISE - 1);   /* f dt */
        double complex sum = 0;
        for (unsigned j = 0; j <= WHITENER_ORDER; j++)
            sum += m->whitener[j] * cexp(-2 * (double)M_PI * I * turns * j);
        const double size = cabs(sum);
        psd[k] = 2 * m->sample_period_s / (size * size);
    }
}

void pixel_pulse_of(const struct pixel_model *model, struct pixel_pulse *out) {
    *out = (struct pixel_pulse){ 0 };
    if (model == NULL)
        return;
    out->sample_period_s = model->sample_period_s;
    out->n_presamples = model->n_presamples;
    out->pulse = model->template_pulse;
    out->n_samples = model->template_pulse != NULL ? model->n_samples : 0;
    out->has_noise = model->second != NULL && model->whitener[0] > 0;
    out->white = model->white_noise;
    if (out->has_noise)
        noise_of(model, out->noise_psd);
}
