#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "daemon/ring.h"
#include "tests/dice.h"

enum { BLOCKS = 5, TURNS = 200000 };

struct numbers { size_t n, list[7]; };

static void four_verbs_by_hand(void **state) {
    (void)state;
    int a = 1, b = 2;
    void *blocks[] = { &a, &b };
    struct ring *r;
    assert_true(ring_new(blocks, 2, &r));
    assert_null(ring_take_full(r));
    assert_ptr_equal(ring_take_empty(r), &a);
    assert_ptr_equal(ring_take_empty(r), &a);   /* not handed on yet */
    assert_null(ring_take_full(r));
    ring_mark_full(r);
    assert_int_equal(ring_filled(r), 1);
    assert_ptr_equal(ring_take_empty(r), &b);
    ring_mark_full(r);
    assert_null(ring_take_empty(r));
    assert_ptr_equal(ring_take_full(r), &a);
    assert_null(ring_take_empty(r));            /* lent until it is given back */
    ring_mark_empty(r);
    assert_ptr_equal(ring_take_empty(r), &a);
    assert_ptr_equal(ring_take_full(r), &b);
    ring_mark_empty(r);
    assert_null(ring_take_full(r));
    assert_int_equal(ring_filled(r), 0);
    ring_free(r);
}

struct producer { struct ring *ring; size_t total; };

static void *produce(void *argument) {
    struct producer *p = argument;
    struct dice d = dice_new();
    for (size_t next = 0; next < p->total;) {
        struct numbers *b = ring_take_empty(p->ring);
        if (b == NULL) {
            sched_yield();
            continue;
        }
        b->n = (size_t)dice_below(&d, 8);
        for (size_t i = 0; i < b->n; i++)
            b->list[i] = next++;
        ring_mark_full(p->ring);
    }
    return NULL;
}

/* Every number once and in order, whatever the two threads' pace. */
static void two_threads_lose_nothing(void **state) {
    (void)state;
    struct numbers store[BLOCKS];
    void *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++)
        blocks[i] = &store[i];
    struct producer p = { .total = TURNS };
    assert_true(ring_new(blocks, BLOCKS, &p.ring));
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, produce, &p), 0);
    size_t expected = 0;
    while (expected < TURNS) {
        const struct numbers *b = ring_take_full(p.ring);
        if (b == NULL) {
            sched_yield();
            continue;
        }
        for (size_t i = 0; i < b->n; i++)
            assert_int_equal(b->list[i], expected++);
        ring_mark_empty(p.ring);
    }
    pthread_join(thread, NULL);
    ring_free(p.ring);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(four_verbs_by_hand), cmocka_unit_test(two_threads_lose_nothing) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
