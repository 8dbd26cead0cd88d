/* tests/pulse/neighbour_pixel.h - a pixel whose records hold mains and an energy-dependent shape, measured by a standard and an open filter. */
#ifndef TESD_TESTS_PULSE_NEIGHBOUR_PIXEL_H
#define TESD_TESTS_PULSE_NEIGHBOUR_PIXEL_H

#include "pulse/open_filter.h"
#include "pulse/optimal_filter.h"
#include "pulse/pixel_model.h"
#include "tests/pulse/mains_array.h"

enum { PIXEL_N = 256, PIXEL_P = 100 };
#define PIXEL_PERIOD_S 2e-5
#define PIXEL_MAINS 6.0        /* counts */

struct neighbour_pixel {
    struct pixel_model model;  /* filter, open filter and what belongs to them only */
    double standard_sigma;
    double truth[ARRAY_PULSES];
};

static inline void neighbour_pixel_filters(struct neighbour_pixel *x) {
    double template_pulse[PIXEL_N], covariance[PIXEL_N], quiet[PIXEL_N], weights[PIXEL_N], variance;
    for (unsigned k = 0; k < PIXEL_N; k++) {
        template_pulse[k] = synthetic_shape((double)k - PIXEL_P);
        quiet[k] = synthetic_covariance(k) + (k == 0 ? 1. / 12 : 0);
        covariance[k] = quiet[k] + 0.5 * PIXEL_MAINS * PIXEL_MAINS * cos(2 * M_PI * 60 * PIXEL_PERIOD_S * k);
    }
    x->model = (struct pixel_model){ .n_samples = PIXEL_N, .n_presamples = PIXEL_P, .sample_period_s = PIXEL_PERIOD_S };
    if (optimal_filter_design(template_pulse, PIXEL_N, covariance, weights, &variance) != STATUS_OK ||
        optimal_filter_new(weights, PIXEL_N - (LAGS - 1), NULL, &x->model.filter) != STATUS_OK ||
        open_filter_new(template_pulse, PIXEL_N, quiet, (struct noise_mains){ 60, PIXEL_MAINS }, &x->model.open) != STATUS_OK)
        abort();
    x->model.noise_sigma = x->standard_sigma = sqrt(variance);
}

/* Gives pixel 0 of the array records: baseline_noise counts of what the smooth does not know is added to every baseline. */
static inline void neighbour_pixel_measure(struct synthetic *s, struct neighbour_pixel *x, struct mains_array *a, double baseline_noise) {
    for (int i = 0; i < ARRAY_PULSES; i++) {
        struct measured_pulse *p = &a->pulses[0][i];
        double height = i % 3 ? 3000 : 1500, arrival = 0.2 * synthetic_uniform(s) - 0.1, base = 4000 + baseline_noise * synthetic_gauss(s) + (i % 50 == 3 ? 100 : 0), sum = 0;
        uint16_t d[PIXEL_N];
        for (int k = 0; k < PIXEL_N; k++) {
            int64_t at = p->time_ns + (int64_t)((k - PIXEL_P) * PIXEL_PERIOD_S * 1e9);
            double t = (double)k - PIXEL_P - arrival, shape = synthetic_shape(t) + 0.03 * (height / 3000) * (synthetic_shape(t * 1.1) - synthetic_shape(t));
            d[k] = (uint16_t)rint(base + synthetic_noise(s) + height * shape + PIXEL_MAINS * cos(mains_array_phase(a, at)));
            sum += k < PIXEL_P - 3 ? d[k] : 0;
        }
        float mean = (float)(sum / (PIXEL_P - 3));
        struct lag_parabola fit = optimal_filter_apply(x->model.filter, d, mean);
        struct open_value open = open_filter_apply(x->model.open, d, mean);
        *p = (struct measured_pulse){ .time_ns = p->time_ns, .height = (float)fit.height, .arrival_samples = (float)fit.arrival_samples, .pretrigger_mean = mean, .baseline = 4000,
                                      .baseline_weight = 50, .baseline_offset = (mean - 4000) * 49 / 50, .open_height = open.height, .open_level = open.level };
        x->truth[i] = height;
    }
}

static inline void neighbour_pixel_done(struct neighbour_pixel *x) {
    optimal_filter_free(x->model.filter);
    open_filter_free(x->model.open);
}

#endif
