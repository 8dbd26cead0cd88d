#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/pipeline.h"

enum { JOBS = 1000 };

struct tally { atomic_int done[JOBS]; size_t order[JOBS]; atomic_size_t n; };

static void mark(void *ctx, size_t i) {
    struct tally *t = ctx;
    atomic_fetch_add(&t->done[i], 1);
    t->order[atomic_fetch_add(&t->n, 1)] = i;
}

static void test_every_job_once(void **state) {
    (void)state;
    static const unsigned workers[] = {0, 1, 2, 7, 64};
    static const size_t jobs[] = {0, 1, 3, JOBS};
    static struct tally t;
    for (size_t w = 0; w < 5; w++)
        for (size_t j = 0; j < 4; j++) {
            for (size_t i = 0; i < JOBS; i++)
                atomic_store(&t.done[i], 0);
            atomic_store(&t.n, 0);
            assert_true(pipeline_run(jobs[j], workers[w], mark, &t));
            assert_int_equal(atomic_load(&t.n), jobs[j]);
            for (size_t i = 0; i < JOBS; i++)
                assert_int_equal(atomic_load(&t.done[i]), i < jobs[j]);
        }
}

static void test_one_worker_keeps_the_order(void **state) {
    (void)state;
    static struct tally t;
    assert_true(pipeline_run(JOBS, 1, mark, &t));
    for (size_t i = 0; i < JOBS; i++)
        assert_int_equal(t.order[i], i);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_job_once),
        cmocka_unit_test(test_one_worker_keeps_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
