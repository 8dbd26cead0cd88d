#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/pixel_detail.h"
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

/* Photons by energy: cut records, energies that are none or beyond the bins, are not counted. */
static void spectra(void **state) {
    (void)state;
    const float energies[] = { 99.99f, 100, 100.49f, 100.5f, 524.25f, 1399.99f, 1400, NAN, 524.3f };
    struct pixel_watch *w;
    struct row_block *b;
    if (!pixel_watch_new(2, 0, &w) || !row_block_new(16, &b))
        abort();
    for (unsigned k = 0; k < 9; k++) {
        add(b, 1, 0, 0, k == 8 ? CUT_BIT(CUT_RESIDUAL) : 0);
        b->photons->energy_eV[k] = energies[k];
    }
    pixel_watch_rows(w, b);
    const uint32_t *s = pixel_watch_spectrum(w, 1);
    uint32_t sum = 0;
    for (unsigned k = 0; k < DETAIL_BINS; k++)
        sum += s[k] + pixel_watch_spectrum(w, 0)[k];
    assert_int_equal(sum, 5);
    assert_int_equal(s[0], 2);
    assert_int_equal(s[1], 1);
    assert_int_equal(s[848], 1);
    assert_int_equal(s[DETAIL_BINS - 1], 1);
    pixel_watch_forget_spectra(w);
    assert_int_equal(pixel_watch_spectrum(w, 1)[0], 0);
    pixel_watch_free(w);
    pixel_watch_free(NULL);
    row_block_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(windows_and_totals), cmocka_unit_test(spectra) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
