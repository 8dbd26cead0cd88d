/* Against libm, and alone against among others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "pulse/decay_share.h"
#include "tests/dice.h"

enum { N = 4000 };

static void fill(struct dice *d, float *times) {
    static const float special[] = { 0, 1e-30F, 1e-9F, 0.34657359F, 0.34657362F, 0.69314718F, 1, 20, 86.9F, DECAY_SHARE_LONGEST };
    for (size_t i = 0; i < N; i++)
        times[i] = i < sizeof special / sizeof special[0] ? special[i] : (float)dice_unit(d) * (i % 2 ? 2 : DECAY_SHARE_LONGEST);
}

static void as_libm_says(void **state) {
    (void)state;
    struct dice d = dice_new();
    float times[N], share[N];
    double worst = 0;
    fill(&d, times);
    decay_shares(times, N, share);
    assert_true(share[0] == 1);
    for (size_t i = 0; i < N; i++)
        worst = fmax(worst, fabs((double)share[i] / exp(-(double)times[i]) - 1));
    print_message("worst error %.2g\n", worst);
    assert_true(worst <= 2e-7);
}

static void alone_as_among_others(void **state) {
    (void)state;
    struct dice d = dice_new();
    float times[N], share[N], one;
    fill(&d, times);
    for (size_t n = 1; n < 40; n++) {
        decay_shares(times + n, n, share);
        for (size_t i = 0; i < n; i++) {
            decay_shares(times + n + i, 1, &one);
            assert_true(one == share[i]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(as_libm_says), cmocka_unit_test(alone_as_among_others) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
