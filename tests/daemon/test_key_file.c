#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#include "daemon/key_file.h"

#define KEY "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"

static bool parses(const char *text, struct key_file *k) {
    char why[KEY_WHY] = "";
    bool good = key_file_parse(text, strlen(text), k, why);
    assert_true(good == (why[0] == '\0'));
    return good;
}

static void what_a_key_may_say(void **state) {
    (void)state;
    struct key_file k;
    assert_true(parses("# a comment\r\nname: viewer-1\npublic-key: " KEY " \n\nexpires: 2026-12-31", &k));
    assert_string_equal(k.name, "viewer-1");
    assert_string_equal(k.public_key, KEY);
    assert_string_equal(k.secret_key, "");
    assert_int_equal(k.expires_s, 1798761600);   /* 2027-01-01 */
    assert_true(parses("name: a\npublic-key: " KEY, &k));
    assert_true(k.expires_s == INT64_MAX);
    static const char *const wrong[] = { "", "name: a", "public-key: " KEY, "name: a\npublic-key: short", "name: a/b\npublic-key: " KEY, "name: a\npublic-key: " KEY "\nexpires: soon",
                                         "name: a\npublic-key: " KEY "\nexpires: 2026-13-01", "name: a\npublic-key: " KEY "\ncolour: red", "nonsense", "name: ..\npublic-key: " KEY };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (parses(wrong[i], &k))
            fail_msg("taken: %s", wrong[i]);
}

static void written_and_read_again(void **state) {
    (void)state;
    char folder[] = "/tmp/tesd-key-XXXXXX", path[128], why[KEY_WHY] = "";
    struct key_file k = { .name = "server", .expires_s = 1798761600 }, secret, shown;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(zmq_curve_keypair(k.public_key, k.secret_key), 0);
    assert_true(key_file_write(folder, &k, why));
    assert_false(key_file_write(folder, &k, why));   /* never over another */
    snprintf(path, sizeof path, "%s/server.secret", folder);
    struct stat facts;
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    assert_true(key_file_read(path, &secret, why));
    assert_memory_equal(&secret, &k, sizeof k);
    unlink(path);
    snprintf(path, sizeof path, "%s/server.key", folder);
    assert_true(key_file_read(path, &shown, why));
    assert_string_equal(shown.secret_key, "");
    assert_string_equal(shown.public_key, k.public_key);
    unlink(path);
    assert_false(key_file_read(path, &shown, why));
    rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_a_key_may_say), cmocka_unit_test(written_and_read_again) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
