/* Lines say what noise lies between two estimates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/neighbour_judge.h"
#include "tests/pulse/synthetic.h"

enum { PAIRS = 4000 };

/* Lines of their own width 4 and a continuum; the second estimate has the noise `second`, the first `first` (at least that) on top of it. */
static struct line_verdict look(double first, double second, double promised, uint64_t seed) {
    static const double lines[] = { 3000, 5000, 6500, 7200 };
    static struct height_pair pairs[PAIRS];
    struct synthetic s = synthetic_seed(seed);
    struct line_verdict v;
    for (int i = 0; i < PAIRS; i++) {
        double height = i % 5 == 4 ? 1000 + 7000 * synthetic_uniform(&s) : lines[synthetic_bits(&s) % 4] + 4 * synthetic_gauss(&s);
        double a = second * synthetic_gauss(&s), b = sqrt(fabs(first * first - second * second)) * synthetic_gauss(&s);
        pairs[i] = (struct height_pair){ height + (first > second ? a + b : a * first / second), height + a, (uint16_t)(i < PAIRS / 2 ? 3 : 7) };
    }
    assert_int_equal(neighbour_judge(pairs, PAIRS, first, promised, &v), STATUS_OK);
    print_message("noise %.1f and %.1f, promised %.1f: variance %.2f (%.2f), pull %.3f (%.3f)\n", first, second, promised, v.variance, first * first - second * second, v.pull,
                  second / promised);
    assert_int_equal(v.pulses, PAIRS);
    return v;
}

static void promises_are_told_from_lies(void **state) {
    (void)state;
    assert_true(fabs(look(5, 4.5, 4.5, 331).pull - 1) < 0.05);
    assert_true(fabs(look(5, 4.5, 3.8, 332).pull - 4.5 / 3.8) < 0.06);
    struct line_verdict worse = look(5, 6, 4.5, 333);
    assert_true(worse.variance < 0 && worse.pull > 1.25 && worse.pull < 1.42);
    assert_true(look(5, 15, 4.5, 334).variance <= -74);
}

static void too_few_are_refused(void **state) {
    (void)state;
    static struct height_pair pairs[PAIRS];
    struct line_verdict v = { .pulses = 42 };
    for (int i = 0; i < PAIRS; i++)
        pairs[i] = (struct height_pair){ 1000 + i, 1000 + i, (uint16_t)(i < 299 ? 1 : 0xffff) };
    assert_int_equal(neighbour_judge(pairs, PAIRS, 5, 4, &v), STATUS_TOO_FEW);
    assert_int_equal(neighbour_judge(pairs, 0, 5, 4, &v), STATUS_TOO_FEW);
    for (int i = 0; i < PAIRS; i++)
        pairs[i].group = (uint16_t)(i % 100);
    assert_int_equal(neighbour_judge(pairs, 1500, 5, 4, &v), STATUS_TOO_FEW);
    assert_int_equal(v.pulses, 42);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(promises_are_told_from_lies), cmocka_unit_test(too_few_are_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
