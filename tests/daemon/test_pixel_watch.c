#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/pixel_watch.h"
#include "pulse/cut.h"

static void add(struct row_block *b, uint16_t pixel, float baseline, float residual, uint32_t cuts) {
    const size_t k = b->n++;
    b->photons->n = b->n;
    b->photons->pixel[k] = pixel;
    b->photons->cuts[k] = cuts;
    b->pulses[k] = (struct measured_pulse){ .pretrigger_mean = baseline, .residual = residual, .cuts = cuts };
}

/* A window is what came since it was asked for last; records and photons are counted from the start; other pixels know nothing of it. */
static void windows_and_totals(void **state) {
    (void)state;
    struct pixel_watch *w;
    struct row_block *b;
    if (!pixel_watch_new(3, 1000, &w) || !row_block_new(16, &b))
        abort();
    add(b, 1, 100, 4, 0);
    add(b, 1, 110, 6, 0);
    add(b, 1, 120, 600, CUT_BIT(CUT_RESIDUAL));
    add(b, 1, NAN, NAN, CUT_BIT(CUT_NO_MODEL));
    add(b, 2, 7, 1, 0);
    add(b, 3, 7, 1, 0);   /* no such pixel */
    pixel_watch_rows(w, b);
    struct watched_window x = pixel_watch_take(w, 1, 3000);
    assert_true(fabs(x.window_s - 2) < 1e-12 && fabs(x.rate_per_s - 2) < 1e-12);
    assert_true(fabs(x.baseline_counts - 110) < 1e-9 && fabs(x.residual - 5) < 1e-9);
    assert_int_equal(x.records, 4);
    assert_int_equal(x.photons, 2);
    x = pixel_watch_take(w, 1, 8000);
    assert_true(fabs(x.window_s - 5) < 1e-12 && x.rate_per_s == 0 && isnan(x.baseline_counts) && isnan(x.residual));
    assert_int_equal(x.records, 4);
    x = pixel_watch_take(w, 0, 8000);
    assert_int_equal(x.records, 0);
    assert_true(isnan(pixel_watch_take(w, 0, 8000).rate_per_s));
    x = pixel_watch_take(w, 2, 2000);
    assert_int_equal(x.photons, 1);
    pixel_watch_free(w);
    row_block_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(windows_and_totals) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
