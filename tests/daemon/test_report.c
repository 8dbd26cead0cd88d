#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/sink/report.h"
#include "tests/daemon/capture.h"
#include "tests/daemon/made_array.h"
#include "tests/daemon/made_folder.h"

static const char hostile[] = "</script><script>alert(1)</script><!--<img src=x onerror='alert(2)'>&amp;\"\\\xe2\x80\xa8";
static const struct report_facts plain_facts = { .title = "20261122/0001", .command_line = "tesd calibrate", .source = "learnt" };

static char *read_all(const char *path, size_t *n) {
    FILE *f = fopen(path, "rb");
    struct stat s;
    assert_non_null(f);
    assert_int_equal(fstat(fileno(f), &s), 0);
    char *text = calloc((size_t)s.st_size + 1, 1);
    *n = fread(text, 1, (size_t)s.st_size, f);
    assert_int_equal(*n, s.st_size);
    fclose(f);
    return text;
}

static char *written(const struct report_facts *facts, const struct array_model *m, const struct report_spectra *spectra, size_t *n) {
    assert_true(report_write(in_folder("report.html"), facts, m, spectra));
    return read_all(in_folder("report.html"), n);
}

static size_t times(const char *text, const char *piece) {
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, piece)); at += strlen(piece))
        n++;
    return n;
}

/* What a browser would take for the data: from the element's end of tag to the first "</script". */
static json_t *data_of(const char *page) {
    const char *start = strstr(page, "id=\"report-data\">");
    assert_non_null(start);
    start += strlen("id=\"report-data\">");
    json_error_t why;
    json_t *data = json_loadb(start, (size_t)(strstr(start, "</script") - start), 0, &why);
    assert_non_null(data);
    return data;
}

static const char *text_at(const json_t *object, const char *key) { return json_string_value(json_object_get(object, key)); }

static void a_page_is_whole_and_asks_nothing_of_a_network(void **state) {
    (void)state;
    struct seeded r = draw_start("report page", 1);
    struct made_array a = made_array(8, 3000, &r);
    size_t n;
    char *page = written(&plain_facts, a.model, a.spectra, &n);
    assert_int_equal(strncmp(page, "<!doctype html>", 15), 0);
    assert_int_equal(times(page, "REPORT-"), 0);
    assert_int_equal(times(page, "<script"), 2);
    assert_int_equal(times(page, "</script"), 2);
    assert_int_equal(times(page, "</html>"), 1);
    assert_int_equal(times(page, "http://") - times(page, "http://www.w3.org/2000/svg"), 0);
    assert_int_equal(times(page, "https://") + times(page, " src=") + times(page, "@import") + times(page, "url("), 0);
    assert_int_equal(access(in_folder("report.html.part"), F_OK), -1);
    json_t *data = data_of(page);
    assert_string_equal(text_at(data, "title"), "20261122/0001");
    assert_int_equal(json_array_size(json_object_get(data, "channels")), 8);
    assert_int_equal(json_array_size(json_object_get(data, "tables")), 2);
    json_decref(data);
    free(page);
    made_array_done(&a);
}

static void names_from_files_are_text(void **state) {
    (void)state;
    struct seeded r = draw_start("report names", 2);
    struct made_array a = made_array(6, 1500, &r);
    struct calibration_table *t = a.model->tables[1];
    snprintf(a.model->channels[0].name, sizeof a.model->channels[0].name, "%s", "</script><script>alert(3)</script>");
    snprintf(a.model->channels[1].name, sizeof a.model->channels[1].name, "no utf-8 \xff\xfe");
    snprintf(t->label, sizeof t->label, "</script><b onload=x>");
    snprintf(t->pixels[0].reason, sizeof t->pixels[0].reason, "<!--<script>");
    snprintf(t->pixels[0].fits[0].line, sizeof t->pixels[0].fits[0].line, "<svg/onload=y>");
    free(t->line_table_text);
    t->line_table_text = strdup("REPORT-SCRIPT </script>");
    struct report_facts facts = { .title = hostile, .command_line = hostile, .source = "learnt" };
    size_t n;
    char *page = written(&facts, a.model, a.spectra, &n);
    assert_int_equal(times(page, "<script"), 2);
    assert_int_equal(times(page, "</script"), 2);
    assert_int_equal(times(page, "<img") + times(page, "<b onload") + times(page, "<svg/") + times(page, "<!--"), 0);
    json_t *data = data_of(page), *channels = json_object_get(data, "channels");
    assert_string_equal(text_at(data, "title"), hostile);
    assert_string_equal(text_at(json_array_get(channels, 0), "name"), "</script><script>alert(3)</script>");
    assert_string_equal(text_at(json_array_get(channels, 1), "name"), "no utf-8 ?\?");
    assert_string_equal(text_at(json_array_get(json_object_get(data, "tables"), 1), "line_text"), "REPORT-SCRIPT </script>");
    json_decref(data);
    free(page);
    made_array_done(&a);
}

static void an_array_of_240_pixels_stays_light(void **state) {
    (void)state;
    struct seeded r = draw_start("report size", 3);
    struct made_array a = made_array(240, 5000, &r);
    size_t n, fits = 0;
    char *page = written(&plain_facts, a.model, a.spectra, &n);
    for (size_t k = 0; k < 2; k++)
        for (uint32_t i = 0; i < 240; i++)
            fits += a.model->tables[k]->pixels[i].n_fits;
    printf("240 pixels, two calibrations, %zu fits: %.2f MB\n", fits, (double)n / 1e6);
    assert_true(fits > 2 * 240 * 6);
    assert_true(n < 4000000);
    free(page);
    made_array_done(&a);
}

static void nothing_to_show_is_a_page_too(void **state) {
    (void)state;
    struct array_model none = { 0 };
    size_t n;
    char *page = written(&plain_facts, &none, NULL, &n);
    json_t *data = data_of(page);
    assert_int_equal(json_array_size(json_object_get(data, "tables")), 0);
    json_decref(data);
    free(page);
}

/* A loaded calibration has curves and fits, but the heights are gone. */
static void without_spectra_there_are_still_curves(void **state) {
    (void)state;
    struct seeded r = draw_start("report loaded", 4);
    struct made_array a = made_array(6, 1500, &r);
    size_t n;
    char *page = written(&plain_facts, a.model, NULL, &n);
    json_t *data = data_of(page), *table = json_array_get(json_object_get(data, "tables"), 0), *pixel = json_array_get(json_object_get(table, "pixels"), 0);
    assert_null(json_object_get(pixel, "spectrum"));
    assert_non_null(json_object_get(json_object_get(pixel, "curve"), "energy"));
    assert_true(json_array_size(json_object_get(pixel, "fits")) >= 6);
    json_decref(data);
    free(page);
    made_array_done(&a);
}

static void a_place_that_cannot_be_written_is_an_error(void **state) {
    (void)state;
    struct array_model none = { 0 };
    char said[400];
    struct capture c = capture_begin();
    bool good = report_write("/no/such/folder/report.html", &plain_facts, &none, NULL);
    capture_end(&c, said, sizeof said);
    assert_false(good);
    assert_non_null(strstr(said, "/no/such/folder/report.html"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_whole_and_asks_nothing_of_a_network),
        cmocka_unit_test(names_from_files_are_text),
        cmocka_unit_test(an_array_of_240_pixels_stays_light),
        cmocka_unit_test(nothing_to_show_is_a_page_too),
        cmocka_unit_test(without_spectra_there_are_still_curves),
        cmocka_unit_test(a_place_that_cannot_be_written_is_an_error),
    };
    return cmocka_run_group_tests(tests, made_folder_new, made_folder_remove);
}
