/* Against libm, and alone against among others. */
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

static void fill(double *turns) {
    static const double special[] = { 0, 0.25, -0.25, 0.5, -0.5, 0.75, 1, -1, 1.2, -1.2, 1e-9, 0.5 - 1e-9 };
    struct synthetic s = synthetic_seed(61);
    for (size_t i = 0; i < N; i++)
        turns[i] = i < sizeof special / sizeof special[0] ? special[i] : 2 * synthetic_gauss(&s);
}

static void as_libm_says(void **state) {
    (void)state;
    double turns[N], sine[N], cosine[N];
    fill(turns);
    phase_waves(turns, N, sine, cosine);
    for (size_t i = 0; i < N; i++) {
        double r = turns[i] - rint(turns[i]);
        assert_true(fabs(sine[i] - sin(two_pi * r)) < 2e-15 && fabs(cosine[i] - cos(two_pi * r)) < 2e-15);
    }
}

static void alone_as_among_others(void **state) {
    (void)state;
    double turns[N], sine[N], cosine[N], one, other;
    fill(turns);
    for (size_t n = 1; n < 12; n++) {
        phase_waves(turns + n, n, sine, cosine);
        for (size_t i = 0; i < n; i++) {
            phase_waves(turns + n + i, 1, &one, &other);
            assert_true(one == sine[i] && other == cosine[i]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(as_libm_says), cmocka_unit_test(alone_as_among_others) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
