#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/rfc3339.h"

static void test_good_and_bad(void **state) {
    (void)state;
    const struct { const char *text; int64_t ns; } good[] = {
        { "2026-11-22T07:23:05Z", INT64_C(1795332185000000000) },
        { "2026-11-22T08:23:05.250+01:00", INT64_C(1795332185250000000) },
        { "2026-11-22T01:53:05.000000001-05:30", INT64_C(1795332185000000001) },
        { "1970-01-01t00:00:00.9999999999z", 999999999 },
    };
    const char *const bad[] = { "", "2026-11-22", "2026-11-22T07:23:05", "2026-13-22T07:23:05Z", "2026-11-22T07:23:05.Z", "2026-11-22T07:23:05+0100", "2026-11-22T07:23:05Zx",
                                "2026-1-22T07:23:05Z", "9999-11-22T07:23:05Z", "HTTP/1.0" };
    int64_t ns;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(rfc3339_parse(good[i].text, &ns));
        assert_true(ns == good[i].ns);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(rfc3339_parse(bad[i], &ns));
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_good_and_bad) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
