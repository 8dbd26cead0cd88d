/* Line tables by name: $TESD_CONFIG first, then the source tree beside the build folder, and a message that helps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "daemon/config_path.h"
#include "tests/daemon/capture.h"

static char folder[] = "/tmp/tesd-config-XXXXXX";
static char table[200];

static int make_folder(void **state) {
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(table, sizeof table, "%s/lines", folder);
    if (mkdir(table, 0700) != 0)
        return -1;
    snprintf(table, sizeof table, "%s/lines/our-mix.csv", folder);
    FILE *f = fopen(table, "w");
    return f != NULL && fclose(f) == 0 ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    char lines[200];
    snprintf(lines, sizeof lines, "%s/lines", folder);
    return remove(table) | remove(lines) | remove(folder);
}

static void chosen_folder_comes_first(void **state) {
    (void)state;
    char path[CONFIG_PATH];
    setenv("TESD_CONFIG", folder, 1);
    assert_true(config_path_lines("our-mix", path));
    assert_string_equal(path, table);
    unsetenv("TESD_CONFIG");
}

static void source_tree_is_found_from_the_build(void **state) {
    (void)state;
    char path[CONFIG_PATH];
    setenv("TESD_CONFIG", folder, 1);
    assert_true(config_path_lines("nslsii-mix", path));
    unsetenv("TESD_CONFIG");
    assert_non_null(strstr(path, "/config/lines/nslsii-mix.csv"));
    assert_int_equal(access(path, R_OK), 0);
}

static void paths_are_taken_as_they_are(void **state) {
    (void)state;
    char path[CONFIG_PATH];
    assert_true(config_path_lines(table, path));
    assert_string_equal(path, table);
}

static void message_says_where_and_what(void **state) {
    (void)state;
    char path[CONFIG_PATH] = "untouched", text[8000];
    setenv("TESD_CONFIG", folder, 1);
    struct capture c = capture_begin();
    bool found = config_path_lines("no-such-mix", path);
    capture_end(&c, text, sizeof text);
    unsetenv("TESD_CONFIG");
    assert_false(found);
    assert_string_equal(path, "untouched");
    assert_non_null(strstr(text, "no-such-mix.csv"));
    assert_non_null(strstr(text, folder));
    assert_non_null(strstr(text, "share/tesd/lines"));
    assert_non_null(strstr(text, "our-mix"));
    assert_non_null(strstr(text, "nslsii-mix"));
}

static void missing_file_is_named(void **state) {
    (void)state;
    char path[CONFIG_PATH], text[1000];
    struct capture c = capture_begin();
    bool found = config_path_lines("./nothing.csv", path);
    capture_end(&c, text, sizeof text);
    assert_false(found);
    assert_non_null(strstr(text, "./nothing.csv: No such file"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chosen_folder_comes_first),
        cmocka_unit_test(source_tree_is_found_from_the_build),
        cmocka_unit_test(paths_are_taken_as_they_are),
        cmocka_unit_test(message_says_where_and_what),
        cmocka_unit_test(missing_file_is_named),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
