/* Against libm; in a loop as alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "pulse/phase_wave.h"
#include "tests/pulse/synthetic.h"

enum { N = 1000 };
static const double two_pi = 6.283185307179586476925;

static void fill(float *turns) {
    static const float special[] = { 0, 0.25F, -0.25F, 0.5F, -0.5F, 0.75F, 1, -1, 1.2F, -1.2F, 1e-9F, 0.49999997F };
    struct synthetic s = synthetic_seed(61);
    for (size_t i = 0; i < N; i++)
        turns[i] = i < sizeof special / sizeof special[0] ? special[i] : (float)(2 * synthetic_gauss(&s));
}

WIDE_LOOP static inline void waves_loop(const float *restrict turns, size_t n, float *restrict sine, float *restrict cosine) {
    for (size_t i = 0; i < n; i++) {
        const struct phase_wave wave = phase_wave_of(turns[i]);
        sine[i] = wave.sine;
        cosine[i] = wave.cosine;
    }
}

WIDE_LOOP_CHOSEN(waves, (const float *restrict turns, size_t n, float *restrict sine, float *restrict cosine), (turns, n, sine, cosine))

static void as_libm_says(void **state) {
    (void)state;
    float turns[N];
    double worst = 0;
    fill(turns);
    for (size_t i = 0; i < N; i++) {
        const double r = (double)turns[i] - rint((double)turns[i]);
        const struct phase_wave wave = phase_wave_of(turns[i]);
        worst = fmax(worst, fmax(fabs((double)wave.sine - sin(two_pi * r)), fabs((double)wave.cosine - cos(two_pi * r))));
    }
    print_message("worst error %.2g\n", worst);
    assert_true(worst < 1e-6);
    assert_true(phase_wave_of(0).sine == 0 && phase_wave_of(0).cosine == 1);
}

static void alone_as_among_others(void **state) {
    (void)state;
    float turns[N], sine[N], cosine[N];
    fill(turns);
    for (size_t n = 1; n < 40; n++) {
        waves(turns + n, n, sine, cosine);
        for (size_t i = 0; i < n; i++) {
            const struct phase_wave one = phase_wave_of(turns[n + i]);
            assert_true(one.sine == sine[i] && one.cosine == cosine[i]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(as_libm_says), cmocka_unit_test(alone_as_among_others) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
