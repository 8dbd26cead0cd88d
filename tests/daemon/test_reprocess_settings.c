/* Settings of a config reach those of a reprocessing, each in its place and unit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/options.h"
#include "daemon/reprocess_settings.h"

static void defaults(void **state) {
    (void)state;
    struct options o;
    options_defaults(&o);
    const struct reprocess_settings s = reprocess_settings_of(&o);
    assert_true(s.products.emission.bin_eV == 0.25 && s.products.loss.lo_eV == -20 && s.products.regions == o.roi && s.products.n_regions == o.n_roi);
    assert_true(s.workers == 0 && s.best_pixels == 0 && s.cuts.n == 0 && !s.compress && !s.causal && s.stored == NULL && s.monitoring.window_s > 0);
    assert_false(array_events_wanted(&s.array));
    options_done(&o);
}

static void each_in_its_place(void **state) {
    (void)state;
    static const char text[] = "rixs: {emission_bin_eV: 0.5, loss_hi_eV: 60, best_pixels: 64}\nreplay: {workers: 3}\narchive: {compress: true}\n"
                               "trigger: {mode: edge-multi-isolated, isolation_s: 0.02}\nveto: {neighbours: '3', neighbour_above_eV: 700, array_pixels: 5, array_hold_s: 0.004}\n"
                               "live_time: {method: array}\ncalibration: {line_lock: OKa}\nmonitor: {window_s: 33, alarm_eV: 2, line: CKa}\n"
                               "products: {xes: 'f=530:531', cee: 'l=522:526', cet: 'dd=1:5', ipfy: 'O=505:535-540:560'}\n";
    struct options o;
    struct options_faults faults;
    assert_true(options_parse((const uint8_t *)text, strlen(text), &o, &faults));
    const struct reprocess_settings s = reprocess_settings_of(&o);
    assert_true(s.products.emission.bin_eV == 0.5 && s.products.loss.hi_eV == 60 && s.best_pixels == 64 && s.workers == 3 && s.compress);
    assert_true(s.grading.kind == TRIGGER_KIND_ISOLATED && s.grading.isolation_s == 0.02);
    assert_true(s.array.neighbour_above_eV == 700 && s.array.array_pixels == 5 && s.array.array_hold_s == 0.004 && s.array.instants && array_events_wanted(&s.array));
    assert_string_equal(s.line_lock, "OKa");
    assert_true(s.monitoring.window_s == 33 && s.monitoring.alarm_eV == 2 && strcmp(s.monitoring.line, "CKa") == 0);
    static const enum cut_kind kinds[] = { CUT_XES, CUT_CEE, CUT_CET, CUT_IPFY };
    static const char *const names[] = { "f", "l", "dd", "O" };
    assert_int_equal(s.cuts.n, 4);
    for (int k = 0; k < 4; k++) {
        assert_int_equal(s.cuts.kind[k], kinds[k]);
        assert_string_equal(s.cuts.window[k].name, names[k]);
        assert_int_equal(s.cuts.background[k].hi_eV, k == 3 ? 560 : 0);
    }
    assert_true(s.process.config_text == o.text && o.text != NULL);
    options_done(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(defaults), cmocka_unit_test(each_in_its_place) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
