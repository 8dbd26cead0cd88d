#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/pipeline.h"

enum { JOBS = 300 };

struct seen {
    int done[JOBS];
    size_t next;       /* the job that must be taken next */
    size_t stop_at;
};

static void job(void *context, size_t i) {
    struct seen *s = context;
    unsigned work = (unsigned)(i * 2654435761u) % 5000;   /* jobs of very different length */
    for (volatile unsigned k = 0; k < work; k++) { }
    s->done[i]++;
}

static bool take(void *context, size_t i) {
    struct seen *s = context;
    assert_int_equal(i, s->next);
    assert_int_equal(s->done[i], 1);
    s->next++;
    return i != s->stop_at;
}

static void results_come_in_order_whatever_the_workers(void **state) {
    (void)state;
    for (unsigned workers = 0; workers <= 5; workers++) {
        struct seen s = { .stop_at = SIZE_MAX };
        assert_true(pipeline_run_ordered(JOBS, workers, job, take, &s));
        assert_int_equal(s.next, JOBS);
        for (int i = 0; i < JOBS; i++)
            assert_int_equal(s.done[i], 1);
    }
}

static void take_can_stop_the_run(void **state) {
    (void)state;
    for (unsigned workers = 1; workers <= 3; workers++) {
        struct seen s = { .stop_at = 40 };
        assert_false(pipeline_run_ordered(JOBS, workers, job, take, &s));
        assert_int_equal(s.next, 41);
        size_t begun = 0;
        for (int i = 0; i < JOBS; i++)
            begun += (size_t)s.done[i];
        assert_in_range(begun, 41, 41 + 3 * 3);   /* the window bounds what waits untaken */
    }
}

static void no_jobs_is_no_work(void **state) {
    (void)state;
    struct seen s = { .stop_at = SIZE_MAX };
    assert_true(pipeline_run_ordered(0, 4, job, take, &s));
    assert_true(pipeline_run(0, 4, job, &s));
    assert_in_range(pipeline_default_workers(), 1, 4096);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_come_in_order_whatever_the_workers),
        cmocka_unit_test(take_can_stop_the_run),
        cmocka_unit_test(no_jobs_is_no_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
