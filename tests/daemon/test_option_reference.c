/* What lies in config/, and the manual page of settings, is what the program says about itself, and every config file there is accepted. Runs from the tree's top. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glob.h>

#include "daemon/option_reference.h"
#include "daemon/options.h"

static char *text_of(void (*print)(FILE *)) {
    char *text = NULL;
    size_t n = 0;
    FILE *memory = open_memstream(&text, &n);
    assert_non_null(memory);
    print(memory);
    assert_int_equal(fclose(memory), 0);
    return text;
}

static char *text_of_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("%s cannot be read", path);
    char *text = calloc(1, OPTIONS_FILE_LIMIT);
    assert_non_null(text);
    size_t n = fread(text, 1, OPTIONS_FILE_LIMIT - 1, file);
    assert_true(n > 0);
    fclose(file);
    return text;
}

static void expect_file(const char *path, void (*print)(FILE *), const char *flag) {
    char *made = text_of(print), *kept = text_of_file(path);
    if (strcmp(made, kept) != 0)
        fail_msg("%s is out of date: tesd check-config %s >%s", path, flag, path);
    free(made);
    free(kept);
}

static void sample_is_kept(void **state) {
    (void)state;
    expect_file("config/tesd.yaml", option_reference_sample, "--sample");
}

static void reference_is_kept(void **state) {
    (void)state;
    expect_file("config/reference.md", option_reference_table, "--reference");
}

static void manual_is_kept(void **state) {
    (void)state;
    expect_file("doc/tesd.yaml.5", option_reference_manual, "--manual");
}

static void sample_means_the_defaults(void **state) {
    (void)state;
    char *text = text_of(option_reference_sample);
    struct options from_text, plain;
    struct options_faults faults;
    memset(&from_text, 0, sizeof from_text);
    assert_true(options_parse((const uint8_t *)text, strlen(text), &from_text, &faults));
    options_defaults(&plain);
    assert_string_equal(from_text.calibration.lines, plain.calibration.lines);
    assert_string_equal(from_text.scan.i0_key, plain.scan.i0_key);
    assert_string_equal(from_text.stream.endpoint, plain.stream.endpoint);
    assert_memory_equal(&from_text.rixs, &plain.rixs, sizeof plain.rixs);
    assert_int_equal(from_text.n_roi, plain.n_roi);
    for (uint32_t i = 0; i < plain.n_roi; i++) {
        assert_string_equal(from_text.roi[i].name, plain.roi[i].name);
        assert_true(from_text.roi[i].lo_eV == plain.roi[i].lo_eV && from_text.roi[i].hi_eV == plain.roi[i].hi_eV);
    }
    options_done(&from_text);
    free(text);
}

static void every_config_file_is_accepted(void **state) {
    (void)state;
    glob_t found;
    assert_int_equal(glob("config/*.yaml", 0, NULL, &found), 0);
    assert_true(found.gl_pathc > 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct options o;
        if (!options_load(found.gl_pathv[i], &o))
            fail_msg("%s is refused", found.gl_pathv[i]);
        options_done(&o);
    }
    globfree(&found);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sample_is_kept),
        cmocka_unit_test(reference_is_kept),
        cmocka_unit_test(manual_is_kept),
        cmocka_unit_test(sample_means_the_defaults),
        cmocka_unit_test(every_config_file_is_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
