/* Holes that a backlog left between what is still in use go back to the system. */
#include <limits.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/pipeline.h"
#include "daemon/process_heap.h"

enum { N = 4000, CHUNK = 18000, SMALL = 2100 };

static long anonymous_kB(void) {
    char line[200];
    long kB = 0;
    FILE *f = fopen("/proc/self/status", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL)
        sscanf(line, "RssAnon: %ld", &kB);
    fclose(f);
    return kB;
}

struct messages { char *chunks[N], *small[N]; };

/* As the record port's: chunks of several messages, and some that stand alone. */
static void receive_and_free(void *context) {
    struct messages *m = context;
    for (int k = 0; k < N; k++) {
        m->chunks[k] = malloc(CHUNK);
        m->small[k] = malloc(SMALL);
        if (m->chunks[k] != NULL && m->small[k] != NULL) {
            memset(m->chunks[k], 1, CHUNK);
            memset(m->small[k], 2, SMALL);
        }
    }
    for (int k = 0; k < N; k++)
        free(m->chunks[k]);
}

static void holes_go_back(void **state) {
    (void)state;
    struct pipeline_job_thread *job;
    if (mallinfo2().uordblks == 0)
        skip();   /* a sanitizer's heap, not the C library's */
    struct messages *m = calloc(1, sizeof *m);
    assert_non_null(m);
    const long before = anonymous_kB();
    assert_true(pipeline_background("messages", receive_and_free, m, &job));   /* with a heap of its own, as those of the service have */
    pipeline_background_join(job);
    const long left = anonymous_kB() - before;
    process_heap_give_back();
    const long kept = anonymous_kB() - before;
    print_message("%ld kB stand, %ld kB after giving back, %d kB in use\n", left, kept, N * SMALL / 1024);
    assert_in_range(left, N * (CHUNK / 1024) / 2, LONG_MAX);
    assert_in_range(kept, 0, left / 2);
    for (int k = 0; k < N; k++) {
        assert_non_null(m->small[k]);
        assert_int_equal(m->small[k][SMALL - 1], 2);
        free(m->small[k]);
    }
    free(m);
}

int main(void) {
    process_heap_keep();
    const struct CMUnitTest tests[] = { cmocka_unit_test(holes_go_back) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
