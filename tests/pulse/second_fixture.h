/* tests/pulse/second_fixture.h - a search for second pulses of the synthetic pixel, records with two pulses, and what is found where there is one. */
#ifndef TESD_TESTS_PULSE_SECOND_FIXTURE_H
#define TESD_TESTS_PULSE_SECOND_FIXTURE_H

#include <math.h>

#include "pulse/linear.h"
#include "pulse/second_pulse.h"
#include "tests/pulse/synthetic.h"

enum { N = 400, P = 100, LEVEL = 20000, HEIGHT = 3000 };

struct second_fixture { struct pulse_shape *shape; struct second_search *search; };

static inline void second_fixture_whitener(double *taps) {
    double column[WHITENER_ORDER + 1], error;
    for (unsigned j = 0; j <= WHITENER_ORDER; j++)
        column[j] = synthetic_covariance(j) + (j == 0 ? 1.0 / 12 : 0);
    linear_prediction(column, WHITENER_ORDER, taps, &error);
    for (unsigned j = 0; j <= WHITENER_ORDER; j++)
        taps[j] /= sqrt(error);
}

static inline void second_fixture_init(struct second_fixture *f, int sign) {
    double shape[N], taps[WHITENER_ORDER + 1];
    for (int k = 0; k < N; k++)
        shape[k] = sign * synthetic_shape(k - P);
    second_fixture_whitener(taps);
    assert_int_equal(pulse_shape_from_template(shape, N, P, HEIGHT, &f->shape), STATUS_OK);
    assert_int_equal(second_search_new(f->shape, P, taps, &f->search), STATUS_OK);
}

static inline void second_fixture_done(struct second_fixture *f) {
    second_search_free(f->search);
    pulse_shape_free(f->shape);
}

/* A record with its own pulse and another at sample `at`. */
static inline struct second_pulse second_fixture_look(struct synthetic *s, const struct second_fixture *f, int sign, double other, double at) {
    uint16_t d[N];
    struct second_pulse found;
    double late = 0.1 * synthetic_uniform(s) - 0.05;
    for (int k = 0; k < N; k++)
        d[k] = (uint16_t)rint(LEVEL + synthetic_noise(s) + sign * (HEIGHT * synthetic_shape(k - P - late) + other * synthetic_shape(k - at)));
    /* height and phase as a filter would say that is somewhat misled */
    second_search_find(f->search, dot_kernel_best(), d, LEVEL, HEIGHT + 0.1 * other, late, &found);
    return found;
}

static inline double second_fixture_quiet_limit(struct synthetic *s, const struct second_fixture *f, int sign) {
    double most = 0;
    for (int i = 0; i < 400; i++)
        most = fmax(most, (double)second_fixture_look(s, f, sign, 0, 0).significance);
    return most;
}

#endif
