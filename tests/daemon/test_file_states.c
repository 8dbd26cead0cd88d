#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/client/file_states.h"
#include "daemon/h5_file.h"
#include "made_folder.h"

static void put_curve(struct h5_file *f, hid_t entry, const char *name, double value) {
    const double x[2] = { 1, 2 }, y[2] = { value, value + 0.5 }, roi[2] = { 500, 520 };
    const char *axis = "incident_energy";
    hid_t g = h5_file_group(f, entry, name, "NXdata");
    h5_file_attribute_text(f, g, "signal", "yield");
    h5_file_attribute_texts(f, g, "axes", &axis, 1);
    h5_file_attribute_text(f, g, "normalised_by", "live_time");
    h5_file_attribute_array(f, g, &(struct data_array){ .name = "roi_eV", .type = ARRAY_F8, .rank = 1, .shape = { 2 }, .data = roi });
    h5_file_text(f, g, "title", name);
    h5_file_array(f, g, &(struct data_array){ .name = "incident_energy", .type = ARRAY_F8, .rank = 1, .shape = { 2 }, .units = "eV", .data = x });
    h5_file_array(f, g, &(struct data_array){ .name = "yield", .type = ARRAY_F8, .rank = 1, .shape = { 2 }, .units = "1/s", .data = y });
    h5_file_array(f, g, &(struct data_array){ .name = "yield_errors", .type = ARRAY_F8, .rank = 1, .shape = { 2 }, .units = "1/s", .data = y });
    h5_file_close_group(g);
}

static void put_map(struct h5_file *f, hid_t entry, const char *name) {
    const double x[2] = { 1, 2 }, e[3] = { 10, 11, 12 };
    const uint32_t counts[6] = { 0, 1, 2, 3, 4, 5 };
    const char *axes[] = { "incident_energy", "emission_energy" };
    hid_t g = h5_file_group(f, entry, name, "NXdata");
    h5_file_attribute_text(f, g, "signal", "counts");
    h5_file_attribute_texts(f, g, "axes", axes, 2);
    h5_file_text(f, g, "title", name);
    h5_file_array(f, g, &(struct data_array){ .name = "incident_energy", .type = ARRAY_F8, .rank = 1, .shape = { 2 }, .units = "eV", .data = x });
    h5_file_array(f, g, &(struct data_array){ .name = "emission_energy", .type = ARRAY_F8, .rank = 1, .shape = { 3 }, .units = "eV", .data = e });
    h5_file_array(f, g, &(struct data_array){ .name = "counts", .type = ARRAY_U4, .rank = 2, .shape = { 2, 3 }, .units = "counts", .data = counts });
    h5_file_close_group(g);
}

struct told { unsigned n, most; char lines[32][400]; };

static bool take(void *context, const struct stream_state *s) {
    struct told *t = context;
    const struct data_array *signal = stream_state_array(s, stream_state_text(s, "signal"));
    assert_non_null(signal);
    assert_int_equal(signal->role, ROLE_SIGNAL);
    snprintf(t->lines[t->n++], sizeof t->lines[0], "%s|%s|%d|%.1f", stream_state_text(s, "set"), s->topic, (int)stream_state_integer(s, "scan", -9), stream_state_value(signal, 1));
    return t->n < t->most;
}

static const char *make_file(void) {
    const char *path = in_folder("a.nxs");
    struct h5_file *f = h5_file_create(path);
    assert_non_null(f);
    hid_t entry = h5_file_group(f, f->id, "entry", "NXentry");
    put_map(f, entry, "rixs_0012");
    put_map(f, entry, "loss_0003");
    put_curve(f, entry, "pfy_0003_O_522_525", 3);
    put_curve(f, entry, "pfy_0012_O", 12);
    put_curve(f, entry, "ipfy_0003_C", 7);
    put_curve(f, entry, "elastic_0003_O", 0);      /* not shown */
    put_curve(f, entry, "pfy_abc_O", 0);           /* of no scan */
    put_map(f, entry, "sum_a_rixs");
    put_map(f, entry, "sum_a_pfy_b_rixs");         /* a group whose name looks like a product */
    put_curve(f, entry, "sum_a_pfy_b", 1);         /* window b of group a */
    put_curve(f, entry, "sum_a_pfy_b_pfy_O", 2);   /* window O of group a_pfy_b */
    h5_file_close_group(entry);
    assert_true(h5_file_finish(f));
    return path;
}

/* Scans by number, then sums, each under its set and topic; the longest name of a group wins. */
static void names_and_order(void **state) {
    (void)state;
    static const char *const want[] = { "scan 3|ipfy/C/|3|7.5", "scan 3|pfy/O_522_525/|3|3.5", "scan 3|rixs/loss/|3|1.0", "scan 12|pfy/O/|12|12.5", "scan 12|rixs/map/|12|1.0",
                                        "sum a|pfy/b/|-1|1.5", "sum a|rixs/map/|-1|1.0", "sum a_pfy_b|pfy/O/|-1|2.5", "sum a_pfy_b|rixs/map/|-1|1.0" };
    struct told t = { .most = 32 };
    const char *path = make_file();
    assert_true(file_states_read(path, "", take, &t));
    assert_int_equal(t.n, sizeof want / sizeof *want);
    for (unsigned k = 0; k < t.n; k++)
        assert_string_equal(t.lines[k], want[k]);
    struct told named = { .most = 1 };   /* and no more than is wanted */
    assert_true(file_states_read(path, "heated", take, &named));
    assert_int_equal(named.n, 1);
    assert_string_equal(named.lines[0], "heated scan 3|ipfy/C/|3|7.5");
}

static void what_is_refused(void **state) {
    (void)state;
    struct told t = { .most = 32 };
    const char *path = in_folder("empty.nxs");
    assert_false(file_states_read(in_folder("missing.nxs"), "", take, &t));
    struct h5_file *f = h5_file_create(path);
    h5_file_close_group(h5_file_group(f, f->id, "entry", "NXentry"));
    assert_true(h5_file_finish(f));
    assert_false(file_states_read(path, "", take, &t));
    assert_int_equal(t.n, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(names_and_order), cmocka_unit_test(what_is_refused) };
    return cmocka_run_group_tests(tests, made_folder_new, made_folder_remove);
}
