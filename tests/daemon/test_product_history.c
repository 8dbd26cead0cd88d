#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/product_history.h"
#include "tests/daemon/made_folder.h"

struct said { const char *key, *value; };

/* A file with the facts given, made where the one before is. */
static struct product_history write_file(const char *path, const struct said *facts, size_t n) {
    struct product_history h = { 0 };
    for (size_t i = 0; i < n; i++)
        product_history_say(&h, facts[i].key, "%s", facts[i].value);
    assert_true(product_history_follow(&h, path));
    struct h5_file *f = h5_file_create(path);
    hid_t entry = h5_file_group(f, f->id, "entry", NULL), process = h5_file_group(f, entry, "process", NULL);
    product_history_write(&h, f, process);
    h5_file_close_group(process);
    h5_file_close_group(entry);
    assert_true(h5_file_finish(f));
    return h;
}

static void versions_count_changes(void **state) {
    (void)state;
    const char *path = in_folder("result.nxs");
    const struct said prelim[] = { { "state", "prelim" }, { "calibration 0", "CAL0" }, { "scan 1 map", "100 counts" }, { "channel 9", "good" } };
    const struct said final[] = { { "state", "final" }, { "calibration 0", "CAL0" }, { "calibration 4", "CAL4" }, { "scan 1 map", "103 counts" } };
    struct product_history h = write_file(path, prelim, 4);
    assert_true(h.version == 1 && h.n_changes == 0 && h.n_past == 0);
    product_history_done(&h);
    h = write_file(path, prelim, 4);   /* the same again is the same version */
    assert_true(h.version == 1 && h.n_changes == 0 && h.n_past == 0);
    product_history_done(&h);
    for (int again = 0; again < 2; again++) {
        h = write_file(path, final, 4);
        assert_int_equal(h.version, 2);
        assert_int_equal(h.n_changes, 4);
        assert_string_equal(h.changes[0], "state: prelim -> final");
        assert_string_equal(h.changes[1], "calibration 4: new, CAL4");
        assert_string_equal(h.changes[2], "scan 1 map: 100 counts -> 103 counts");
        assert_string_equal(h.changes[3], "channel 9: gone, was good");
        assert_int_equal(h.n_past, 1);
        assert_non_null(strstr(h.past[0], "version 1: prelim"));
        product_history_done(&h);
    }
    h = write_file(path, prelim, 4);
    assert_true(h.version == 3 && h.n_past == 2);
    product_history_done(&h);
}

static void other_files_are_no_history(void **state) {
    (void)state;
    const struct said one[] = { { "state", "final" } };
    const char *path = in_folder("other.nxs");
    struct product_history h = write_file(in_folder("nothing_there.nxs"), one, 1);
    assert_true(h.version == 1);
    product_history_done(&h);
    FILE *f = fopen(path, "w");
    fputs("not HDF5", f);
    fclose(f);
    assert_true(product_history_follow(&h, path));
    assert_true(h.version == 1 && h.n_changes == 0);
    product_history_done(&h);
    struct h5_file *plain = h5_file_create(path);   /* HDF5, of somebody else; then with a version but without facts */
    assert_true(h5_file_finish(plain));
    assert_true(product_history_follow(&h, path));
    assert_int_equal(h.version, 1);
    product_history_done(&h);
    plain = h5_file_create(path);
    hid_t entry = h5_file_group(plain, plain->id, "entry", NULL), process = h5_file_group(plain, entry, "process", NULL);
    h5_file_text(plain, process, "product_version", "two");
    h5_file_close_group(process);
    h5_file_close_group(entry);
    assert_true(h5_file_finish(plain));
    assert_true(product_history_follow(&h, path));
    assert_int_equal(h.version, 1);
    product_history_done(&h);
}

static void many_facts(void **state) {
    (void)state;
    enum { N = 1000 };
    const char *path = in_folder("many.nxs");
    static char text[2][N][24];
    struct said facts[N];
    for (int i = 0; i < N; i++) {
        snprintf(text[0][i], sizeof text[0][i], "channel %d", i);
        snprintf(text[1][i], sizeof text[1][i], "%d", i * i);
        facts[i] = (struct said){ text[0][i], text[1][i] };
    }
    struct product_history h = write_file(path, facts, N);
    product_history_done(&h);
    facts[777].value = "changed";
    h = write_file(path, facts, N);
    assert_int_equal(h.n_changes, 1);
    assert_string_equal(h.changes[0], "channel 777: 603729 -> changed");
    product_history_done(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(versions_count_changes), cmocka_unit_test(other_files_are_no_history), cmocka_unit_test(many_facts) };
    return cmocka_run_group_tests(tests, made_folder_new, made_folder_remove);
}
