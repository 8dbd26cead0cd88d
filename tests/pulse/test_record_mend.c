/* What a second look makes of a record that has been cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "pulse/cut.h"
#include "pulse/record_mend.h"
#include "pulse/sample_turn.h"
#include "tests/pulse/synthetic.h"

enum { N = 500, P = 128, NOISE_SD = 6 };

static struct mended_record mended;

static const struct mended_record *mend(const uint16_t *d, uint32_t turn) {
    struct pulse_record r = { .samples = d, .n_samples = N, .n_presamples = P, .trigger_frame = 7 };
    record_mend(dot_kernel_best(), &r, turn, NOISE_SD, &mended);
    assert_true(mended.record.samples == mended.samples && mended.record.trigger_frame == 7);
    return &mended;
}

static void test_good_record_is_left(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(55);
    uint16_t d[N];
    for (int i = 0; i < 300; i++) {
        synthetic_record(&s, d, N, P, 20000, 20 * i, 0.3);
        const struct mended_record *m = mend(d, SAMPLE_TURN_NONE);
        assert_true(!m->turned && m->n_jumps == 0 && m->cuts == 0 && m->turn == SAMPLE_TURN_NONE);
    }
}

static void test_wraps(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(56);
    uint16_t d[N], wrapped[N];
    synthetic_record(&s, d, N, P, 30000, 9000, 0);
    for (int k = 0; k < N; k++)
        wrapped[k] = (uint16_t)(d[k] + 32768);
    const struct mended_record *m = mend(wrapped, SAMPLE_TURN_NONE);
    assert_true(m->turned && m->turn == SAMPLE_TURN_HALF && m->cuts == 0 && m->n_jumps == 0);
    assert_memory_equal(m->samples, d, sizeof d);
    m = mend(wrapped, SAMPLE_TURN_HALF);
    assert_true(m->turned && m->turn == SAMPLE_TURN_NONE);
    for (int k = P; k < N; k++)
        wrapped[k] = (uint16_t)(wrapped[k] + 8192);   /* and a jump on top */
    m = mend(wrapped, SAMPLE_TURN_NONE);
    assert_true(m->turned && m->n_jumps <= 1 && m->cuts == 0);
}

static void test_out_of_lock(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(57);
    uint16_t d[N];
    for (int k = 0; k < N; k++)
        d[k] = 777;
    assert_int_equal(mend(d, SAMPLE_TURN_NONE)->cuts, CUT_BIT(CUT_UNLOCKED));
    synthetic_record(&s, d, N, P, 20000, 0, 0);
    for (int k = 0; k < N; k++)
        d[k] = (uint16_t)(d[k] + k * 60 % 4096);
    assert_int_equal(mend(d, SAMPLE_TURN_NONE)->cuts, CUT_BIT(CUT_UNLOCKED));
    for (int k = 0; k < N; k++)
        d[k] = (uint16_t)synthetic_bits(&s);
    assert_int_equal(mend(d, SAMPLE_TURN_NONE)->cuts, CUT_BIT(CUT_UNLOCKED));
}

/* At whatever level, and either way. */
static void test_flat_top(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(58);
    uint16_t up[N], down[N];
    synthetic_record(&s, up, N, P, 20000, 15000, 0);
    for (int k = 0; k < N; k++) {
        up[k] = up[k] < 32767 ? up[k] : 32767;
        down[k] = (uint16_t)~up[k];
    }
    assert_int_equal(mend(up, SAMPLE_TURN_NONE)->cuts, CUT_BIT(CUT_SATURATED));
    assert_int_equal(mend(down, SAMPLE_TURN_NONE)->cuts, CUT_BIT(CUT_SATURATED));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_record_is_left), cmocka_unit_test(test_wraps), cmocka_unit_test(test_out_of_lock), cmocka_unit_test(test_flat_top),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
