/* A clock that is set is seen in every pixel, once, by how much; jitter, gaps, late records and restarts of the frame counter are no steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/stamp_watch.h"
#include "tests/dice.h"

enum { PIXELS = 3 };
static const double PERIOD_S = 1e-5;
static const int64_t START_NS = INT64_C(1764000000000000000);

static int64_t stamp(int64_t frame, int64_t set_ns) { return START_NS + frame * 10000 + set_ns; }

static void test_step(void **state) {
    (void)state;
    for (int sign = -1; sign <= 1; sign += 2) {
        struct stamp_watch *w = NULL;
        struct dice d = dice_new();
        int64_t set_ns = 0;
        assert_true(stamp_watch_new(PIXELS, &w));
        for (int64_t k = 1; k < 2000; k++) {
            if (k == 1000)
                set_ns = sign * INT64_C(2000000000);
            const int64_t frame = k * 3000 + dice_below(&d, 1000), jitter_ns = dice_below(&d, 60000000) - 30000000;
            stamp_watch_row(w, (uint32_t)(k % PIXELS), stamp(frame, set_ns) + jitter_ns, frame, PERIOD_S, false);
            if (k % 7 == 0)   /* by file, after it came by port, or in its place */
                stamp_watch_row(w, (uint32_t)(k % PIXELS), stamp(frame - 500, 0), frame - 500, PERIOD_S, false);
            if (k < 1000)
                assert_int_equal(stamp_watch_steps(w).records, 0);
        }
        const struct stamp_steps s = stamp_watch_steps(w);
        assert_int_equal(s.records, PIXELS);
        assert_true(llabs(s.last_ns - set_ns) < 70000000);
        assert_true(s.at_ns > stamp(2990000, set_ns) && s.at_ns < stamp(3020000, set_ns));
        stamp_watch_free(w);
    }
}

static void test_no_step(void **state) {
    (void)state;
    struct stamp_watch *w = NULL;
    assert_true(stamp_watch_new(PIXELS, &w));
    stamp_watch_row(w, 0, stamp(1000, 0), 1000, PERIOD_S, false);
    stamp_watch_row(w, 0, stamp(1000 + 80000000, 0), 1000 + 80000000, PERIOD_S, false);         /* quiet for 800 s */
    stamp_watch_row(w, 0, stamp(90000000, 0) + 5000000000, 10, PERIOD_S, true);                 /* the source began anew, some time later */
    stamp_watch_row(w, 0, stamp(90000000, 0) + 5010000000, 1010, PERIOD_S, false);
    stamp_watch_row(w, 1, stamp(0, 0), 0, PERIOD_S, false);
    stamp_watch_row(w, 1, stamp(0, 0) + INT64_C(36000000000000), INT64_C(3599640000), PERIOD_S, false);   /* ten hours later; the crystal is 1e-4 off */
    assert_int_equal(stamp_watch_steps(w).records, 0);
    stamp_watch_free(w);
    stamp_watch_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_step), cmocka_unit_test(test_no_step) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
