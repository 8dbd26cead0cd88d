/* A pixel that stands elsewhere is told by three pulses, and trusted again by three; drifts, quanta, tails and single pulses tell nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "pulse/cut.h"
#include "pulse/lock_watch.h"
#include "tests/pulse/synthetic.h"

enum { N = 6000 };
static const double sigma = 4;                                  /* of a mean; a step between neighbours has 1.4 times that */
static const struct baseline_rule rule = { .jump_counts = 170 };

static const uint32_t jumped = CUT_BIT(CUT_JUMPED);

/* rate_Hz: Poisson. A slow wave of 60 counts; every eleventh pulse is cut and far off, every thirteenth stands on a tail. */
static void make(struct synthetic *s, struct measured_pulse *p, double rate_Hz) {
    double t = 1000;
    for (size_t i = 0; i < N; i++) {
        t -= log(1 - synthetic_uniform(s)) / rate_Hz;
        const bool cut = i % 11 == 10, tail = i % 13 == 12;
        p[i] = (struct measured_pulse){ .time_ns = (int64_t)(t * 1e9), .height = 1000, .cuts = cut ? CUT_BIT(CUT_PRETRIGGER) : 0, .on_tail = tail,
                                        .pretrigger_mean = (float)(5000 + 60 * sin(t / 300) + sigma * synthetic_gauss(s) + (cut || tail ? 400 : 0)) };
    }
}

static void move(struct measured_pulse *p, size_t from, size_t to, double counts) {
    for (size_t i = from; i < to; i++)
        p[i].pretrigger_mean += (float)counts;
}

static void watch(const struct baseline_rule *r, struct measured_pulse *p, size_t n) {
    struct lock_watch w = { 0 };
    for (size_t i = 0; i < n;)
        i += lock_watch_next(&w, r, p + i, n - i);
}

static size_t cut_between(const struct measured_pulse *p, size_t from, size_t to) {
    size_t n = 0;
    for (size_t i = from; i < to; i++)
        n += (p[i].cuts & jumped) != 0;
    return n;
}

/* Good ones, of those from `from` on, that pass before the pixel is known to stand elsewhere. */
static size_t good_before(const struct measured_pulse *p, size_t from, bool until) {
    size_t n = 0;
    for (size_t i = from; i < N && ((p[i].cuts & jumped) != 0) != until; i++)
        n += (p[i].cuts & ~jumped) == 0 && !p[i].on_tail;
    return n;
}

static void a_jump_is_told_by_the_third_pulse(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(61);
    static struct measured_pulse p[N];
    const double sizes[] = { 120, -120, 700, -5000 };
    for (size_t k = 0; k < 4; k++) {
        make(&s, p, 3);
        move(p, N / 3, 2 * N / 3, sizes[k]);
        watch(&rule, p, N);
        assert_int_equal(cut_between(p, 0, N / 3), 0);
        assert_int_equal(good_before(p, N / 3, true), LOCK_AGREE - 1);
        assert_int_equal(good_before(p, 2 * N / 3, false), LOCK_AGREE - 1);
        assert_int_equal(cut_between(p, N / 3 + 20, 2 * N / 3), 2 * N / 3 - N / 3 - 20);   /* others that are cut are marked as well */
        assert_int_equal(cut_between(p, 2 * N / 3 + 20, N), 0);
    }
}

/* A pixel comes back in a pause, or jumps in one: what counts is where it stood. */
static void pauses_change_nothing(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(62);
    static struct measured_pulse p[N];
    make(&s, p, 3);
    for (size_t i = N / 2; i < N; i++)
        p[i].time_ns += INT64_C(300000000000);
    move(p, N / 2, N, 500);
    watch(&rule, p, N);
    assert_int_equal(cut_between(p, 0, N / 2), 0);
    assert_int_equal(good_before(p, N / 2, true), LOCK_AGREE - 1);
}

static void what_is_no_jump(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(63);
    static struct measured_pulse p[N];
    const double rates[] = { 0.3, 3, 60, 200 };
    for (size_t k = 0; k < 4; k++) {
        make(&s, p, rates[k]);
        for (size_t i = 50; i + 2 < N; i += 97)   /* now and then one, or two that follow each other */
            move(p, i, i + 1 + i % 2, 900);
        watch(&rule, p, N);
        assert_int_equal(cut_between(p, 0, N), 0);
    }
    make(&s, p, 3);
    move(p, N / 2, N, 4096);
    const struct baseline_rule quanta = { .jump_counts = 170, .quantum_counts = 4096 }, none = { 0 };
    watch(&quanta, p, N);
    assert_int_equal(cut_between(p, 0, N), 0);
    watch(&none, p, N);
    assert_int_equal(cut_between(p, 0, N), 0);
    move(p, N / 2, N, 300);                        /* a quantum and more */
    watch(&quanta, p, N);
    assert_int_equal(good_before(p, N / 2, true), LOCK_AGREE - 1);
}

/* The first pulse of all may be the odd one. */
static void the_first_may_be_odd(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(64);
    static struct measured_pulse p[N];
    make(&s, p, 3);
    move(p, 0, 1, 600);
    watch(&rule, p, N);
    assert_int_equal(cut_between(p, 0, N), 0);
}

/* Half of the rule's jump is the limit, also where all pulses are looked at together; beyond half a quantum a level is one of another quantum. */
static void the_limit_is_where_it_is_said(void **state) {
    (void)state;
    enum { BEFORE = 40, ALL = 60 };
    const struct baseline_rule quanta = { .jump_counts = 170, .quantum_counts = 150 };
    for (int size = 80; size <= 90; size++) {
        struct measured_pulse p[ALL], q[ALL];
        struct lock_watch v = { 0 }, w = { 0 };   /* the first pulse makes a place */
        for (int i = 0; i < ALL; i++)
            p[i] = q[i] = (struct measured_pulse){ .time_ns = 1 + 1000 * i, .pretrigger_mean = (float)(5000 + (i < BEFORE ? 0 : size)) };
        assert_int_equal(lock_watch_next(&v, &rule, p, 1), 1);
        for (size_t i = 1; i < ALL;)
            i += lock_watch_next(&v, &rule, p + i, ALL - i);
        assert_int_equal(cut_between(p, 0, ALL), size > 85 ? ALL - BEFORE - LOCK_AGREE + 1 : 0);
        assert_int_equal(lock_watch_next(&w, &quanta, q, 1), 1);
        assert_int_equal(lock_watch_next(&w, &quanta, q + 1, BEFORE), BEFORE);
        assert_true(fabs(w.place_counts - (5000 + (size - 150) / 32.)) < 1e-9);
    }
}

/* To the bit: what a place has become tells all that came. */
static void pieces_do_not_matter(void **state) {
    (void)state;
    const struct baseline_rule rules[] = { rule, { .jump_counts = 170, .quantum_counts = 1024 }, { .jump_counts = 170, .quantum_counts = 150 }, { .jump_counts = 0 } };
    struct synthetic s = synthetic_seed(65);
    static struct measured_pulse p[N], q[N];
    for (size_t round = 0; round < 8; round++) {
        const struct baseline_rule *r = &rules[round % 4];
        struct lock_watch w = { 0 }, v = { 0 };
        make(&s, p, 3);
        move(p, N / 4, N / 2, 300);
        for (size_t i = 31; i < N; i += 311)   /* within reach, at the limit, and beyond it */
            move(p, i, i + 1 + i % 2, 10 * (double)(i % 12));
        move(p, 3 * N / 4, N, 1024);
        memcpy(q, p, sizeof p);
        for (size_t i = 0; i < N; i++)
            assert_int_equal(lock_watch_next(&w, r, p + i, 1), 1);
        for (size_t i = 0, n; i < N; i += n) {
            n = 1 + (size_t)(synthetic_uniform(&s) * 140);
            n = lock_watch_next(&v, r, q + i, n < N - i ? n : N - i);
        }
        for (size_t i = 0; i < N; i++)
            assert_int_equal(p[i].cuts, q[i].cuts);
        assert_true(w.place_counts == v.place_counts && w.n_place == v.n_place && w.place_ns == v.place_ns && w.n_pending == v.n_pending && w.moved_counts == v.moved_counts &&
                    w.jumped == v.jumped && w.jumped_ns == v.jumped_ns);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_jump_is_told_by_the_third_pulse), cmocka_unit_test(pauses_change_nothing), cmocka_unit_test(what_is_no_jump), cmocka_unit_test(the_first_may_be_odd), cmocka_unit_test(pieces_do_not_matter),
        cmocka_unit_test(the_limit_is_where_it_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
