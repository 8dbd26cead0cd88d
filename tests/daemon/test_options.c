/* Config texts: defaults, values, and that every kind of fault is reported in its line with a remedy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/option_value.h"
#include "daemon/options.h"

static bool parse(const char *text, struct options *o, struct options_faults *f) {
    return options_parse((const uint8_t *)text, strlen(text), o, f);
}

static void defaults_are_in_range(void **state) {
    (void)state;
    struct options o;
    options_defaults(&o);
    assert_true(o.rixs.emission.lo_eV == 200 && o.rixs.emission.hi_eV == 1100 && o.rixs.emission.bin_eV == 0.25);
    assert_true(o.rixs.loss.lo_eV == -20 && o.rixs.loss.hi_eV == 80 && o.rixs.loss.bin_eV == 0.25);
    assert_string_equal(o.calibration.lines, "nslsii-mix");
    assert_string_equal(o.roi[0].name, "tfy");
    assert_true(o.roi[0].lo_eV == 200 && o.roi[0].hi_eV == 1600);
    assert_int_equal(o.n_roi, options_default_roi_count + 1);
    for (size_t i = 0; i < option_count; i++) {
        char why[OPTION_WHY];
        if (!option_value_set(&option_table[i], option_table[i].default_text, &o, why))
            fail_msg("default of %s: %s", option_table[i].name, why);
    }
    options_done(&o);
}

/* libcyaml gets one mapping for each run of rows, so a section that is split would be two mappings of one name. */
static void sections_stand_together(void **state) {
    (void)state;
    for (size_t i = 1; i < option_count; i++) {
        size_t n = strcspn(option_table[i].name, ".") + 1;
        if (strncmp(option_table[i].name, option_table[i - 1].name, n) == 0)
            continue;
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(strncmp(option_table[i].name, option_table[k].name, n), 0);
    }
}

static void values_are_taken(void **state) {
    (void)state;
    struct options o;
    struct options_faults f;
    const char *text = "# comment\nrixs:\n  emission_bin_eV: 0.5\n  loss_hi_eV: 1e2\ncalibration: {lines: \"my table\", mono_eV: 932.5}\n"
                       "replay:\n  workers: 3\narchive:\n  compress: yes\nroi:\n- {name: a_1, lo_eV: 1.5, hi_eV: 2}\n";
    assert_true(parse(text, &o, &f));
    assert_true(o.rixs.emission.bin_eV == 0.5 && o.rixs.loss.hi_eV == 100 && o.calibration.mono_eV == 932.5);
    assert_string_equal(o.calibration.lines, "my table");
    assert_int_equal(o.replay.workers, 3);
    assert_true(o.archive.compress);
    assert_int_equal(o.n_roi, 2);
    assert_string_equal(o.roi[0].name, "tfy");
    assert_string_equal(o.roi[1].name, "a_1");
    assert_true(o.roi[1].lo_eV == 1.5 && o.roi[1].hi_eV == 2);
    assert_string_equal(o.text, text);
    options_done(&o);
}

static void empty_means_defaults(void **state) {
    (void)state;
    static const char *const texts[] = { "", "\n", "# nothing\n" };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct options o;
        struct options_faults f;
        assert_true(parse(texts[i], &o, &f));
        assert_int_equal(o.n_roi, options_default_roi_count + 1);
        options_done(&o);
    }
}

static void own_tfy_replaces_ours(void **state) {
    (void)state;
    struct options o;
    struct options_faults f;
    assert_true(parse("roi:\n- {name: x, lo_eV: 1, hi_eV: 2}\n- {name: tfy, lo_eV: 250, hi_eV: 1200}\n", &o, &f));
    assert_int_equal(o.n_roi, 2);
    assert_string_equal(o.roi[1].name, "tfy");
    assert_true(o.roi[1].lo_eV == 250);
    options_done(&o);
    assert_true(parse("roi: []\n", &o, &f));
    assert_int_equal(o.n_roi, 1);
    assert_string_equal(o.roi[0].name, "tfy");
    options_done(&o);
}

struct fault { const char *text; uint32_t line; const char *word; };
static const struct fault faults[] = {
    { "rixs:\n  emission_bin_eV: 0.001\n", 2, "0.01 to 50 eV" },
    { "rixs:\n  emission_bin_eV: wide\n", 2, "'wide'" },
    { "rixs:\n  emission_bin_eV: nan\n", 2, "'nan'" },
    { "rixs:\n  emission_bin_eV: 0.5eV\n", 2, "'0.5eV'" },
    { "rixs:\n  emission_bin_eV:\n", 2, "''" },
    { "replay:\n\n  workers: 1.5\n", 3, "whole numbers" },
    { "replay:\n  workers: 99999999999999999999\n", 2, "0 to 256" },
    { "archive:\n  compress: maybe\n", 2, "true or false" },
    { "scan:\n  i0_key: \"a_name_that_is_longer_than_the_place_we_keep_for_it_can_hold\"\n", 2, "47 characters" },
    { "scan:\n  i0_key: \"a\\nb\"\n", 2, "not allowed" },
    { "trigger:\n  mode: Edge\n", 2, "edge-multi" },
    { "trigger:\n  auto_channels: \"3, x\"\n", 2, "list of channels" },
    { "trigger:\n  mode: edge\n  secondary_channels: \"5-3\"\n", 3, "list of channels" },
    { "rixs:\n  emision_bin_eV: 1\n", 2, "is 'rixs.emission_bin_eV' meant?" },
    { "rixs: {}\n\nbogus:\n  a: 1\n", 3, "unknown key 'bogus'" },
    { "roi:\n- {name: a, lo_eV: 1, hi_eV: 2}\n- {name: b, lo_eV: 1, hi_eV: 2,\n   colour: red}\n", 4, "unknown key 'roi[1].colour'" },
    { "roi:\n- {name: a, lo_eV: 1}\n", 2, "hi_eV" },
    { "roi:\n- {name: a, lo_eV: 2, hi_eV: 2}\n", 2, "not below" },
    { "roi:\n- {name: a b, lo_eV: 1, hi_eV: 2}\n", 2, "letters, digits" },
    { "roi:\n- {name: abcdefghijklmnopqrstuvwxyz012345, lo_eV: 1, hi_eV: 2}\n", 2, "1 to 31" },
    { "roi:\n- {name: a, lo_eV: 1, hi_eV: 2}\n- {name: a, lo_eV: 1, hi_eV: 2}\n", 3, "twice" },
    { "roi:\n- {name: a, lo_eV: -1, hi_eV: 2}\n", 2, "'-1'" },
    { "roi:\n  a: 1\n", 2, "a list wanted" },
    { "rixs: 5\n", 1, "'key: value' lines wanted" },
    { "rixs:\n  loss_lo_eV: [1, 2]\n", 2, "a single value wanted" },
    { "rixs:\n  loss_lo_eV: 1\n  loss_hi_eV: 2\n  loss_lo_eV: 3\n", 4, "first in line 2" },
    { "rixs:\n  loss_lo_eV: 1\nrixs:\n  loss_hi_eV: 2\n", 3, "first in line 1" },
    { "rixs:\n  loss_lo_eV: 90\n", 2, "must be above" },
    { "rixs:\n  loss_bin_eV: 0.3\n", 2, "end at 80.2" },
    { "rixs:\n  emission_bin_eV: 0.01\n  emission_hi_eV: 20000\n", 3, "at most 100000" },
    { "rixs: {loss_lo_eV: 1\n", 2, "not YAML" },
    { "a: \xff\xfe\n", 1, "not YAML" },
    { "rixs: {}\n---\nrixs: {}\n", 2, "second YAML document" },
    { "just a sentence\n", 0, "'key: value' lines wanted" },
    { "calibration: &c {mono_eV: 5}\nrixs: {loss_lo_eV: *c}\n", 2, "alias" },
};

static void every_fault_has_line_and_words(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct options o;
        struct options_faults f;
        if (parse(faults[i].text, &o, &f))
            fail_msg("accepted: %s", faults[i].text);
        bool found = false;
        for (uint32_t k = 0; k < f.n; k++)
            found = found || (strstr(f.list[k].text, faults[i].word) != NULL && (f.list[k].line == faults[i].line || faults[i].line == 0));
        if (!found)
            fail_msg("'%s': wanted '%s' in line %u, got '%s' in line %u", faults[i].text, faults[i].word, faults[i].line, f.list[0].text, f.list[0].line);
    }
}

static void all_faults_at_once_by_line(void **state) {
    (void)state;
    struct options o;
    struct options_faults f;
    assert_false(parse("roi:\n- {name: a, lo_eV: 3, hi_eV: 2}\nreplay:\n  workers: -1\nnothing: 1\nrixs:\n  loss_bin_eV: 99\n", &o, &f));
    assert_int_equal(f.n, 4);
    static const uint32_t lines[] = { 2, 4, 5, 7 };
    for (uint32_t i = 0; i < f.n; i++)
        assert_int_equal(f.list[i].line, lines[i]);
}

static void many_faults_are_counted(void **state) {
    (void)state;
    char text[4000] = "";
    for (int i = 0; i < 100; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "key%d: 1\n", i);
    struct options o;
    struct options_faults f;
    assert_false(parse(text, &o, &f));
    assert_int_equal(f.n, OPTIONS_MAX_FAULTS);
    assert_int_equal(f.n + f.more, 100);
}

static void too_many_windows_are_refused(void **state) {
    (void)state;
    char text[4000] = "roi:\n";
    for (int i = 0; i < OPTIONS_MAX_ROI; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "- {name: r%d, lo_eV: 1, hi_eV: 2}\n", i);
    struct options o;
    struct options_faults f;
    assert_false(parse(text, &o, &f));
    assert_int_equal(f.n, 1);
    assert_int_equal(f.list[0].line, OPTIONS_MAX_ROI + 1);
}

static void long_texts_are_refused(void **state) {
    (void)state;
    size_t n = OPTIONS_FILE_LIMIT + 1;
    uint8_t *bytes = malloc(n);
    assert_non_null(bytes);
    memset(bytes, '#', n);
    struct options o;
    struct options_faults f;
    assert_false(options_parse(bytes, n, &o, &f));
    assert_true(options_parse(bytes, n - 1, &o, &f));
    options_done(&o);
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_in_range),
        cmocka_unit_test(sections_stand_together),
        cmocka_unit_test(values_are_taken),
        cmocka_unit_test(empty_means_defaults),
        cmocka_unit_test(own_tfy_replaces_ours),
        cmocka_unit_test(every_fault_has_line_and_words),
        cmocka_unit_test(all_faults_at_once_by_line),
        cmocka_unit_test(many_faults_are_counted),
        cmocka_unit_test(too_many_windows_are_refused),
        cmocka_unit_test(long_texts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
