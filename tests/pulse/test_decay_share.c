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

static void fill(struct dice *d, double *times) {
    static const double special[] = { 0, 1e-300, 1e-17, 0.34657359027997264, 0.34657359027997270, 0.69314718055994531, 1, 20, 699.9, DECAY_SHARE_LONGEST };
    for (size_t i = 0; i < N; i++)
        times[i] = i < sizeof special / sizeof special[0] ? special[i] : dice_unit(d) * (i % 2 ? 2 : DECAY_SHARE_LONGEST);
}

static void as_libm_says(void **state) {
    (void)state;
    struct dice d = dice_new();
    double times[N], share[N];
    fill(&d, times);
    decay_shares(times, N, share);
    assert_true(share[0] == 1);
    for (size_t i = 0; i < N; i++)
        assert_true(fabs(share[i] - exp(-times[i])) <= 4e-16 * exp(-times[i]));
}

static void alone_as_among_others(void **state) {
    (void)state;
    struct dice d = dice_new();
    double times[N], share[N], one;
    fill(&d, times);
    for (size_t n = 1; n < 12; n++) {
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
