/* A disk that answers is known to within moments; one that refuses has answered too. (One that keeps silent: tests/stream/test_run_hung_disk.py.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/disk_probe.h"

static void wait_for_answer(struct disk_probe *p) {
    assert_true(disk_probe_wait(p, 20000));
    assert_true(disk_probe_silent_ms(p) == 0);
}

static void test_answers(void **state) {
    (void)state;
    char folder[] = "/tmp/tesd_probe_XXXXXX";
    struct disk_probe *p;
    assert_non_null(mkdtemp(folder));
    assert_true(disk_probe_new(folder, 2, &p));
    assert_false(disk_probe_answers(p));   /* it is asked now */
    wait_for_answer(p);
    disk_probe_free(p);
    DIR *d = opendir(folder);
    assert_non_null(d);
    int n = 0;
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    assert_int_equal(n, 2);   /* nothing is left but . and .. */
    rmdir(folder);
}

static void test_refusal_is_an_answer(void **state) {
    (void)state;
    struct disk_probe *p;
    assert_true(disk_probe_new("/proc/nowhere", 2, &p));
    assert_false(disk_probe_answers(p));
    wait_for_answer(p);
    disk_probe_free(p);
    disk_probe_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_answers), cmocka_unit_test(test_refusal_is_an_answer) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
