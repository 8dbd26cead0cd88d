#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pulse/edge_trigger.h"
#include "tests/dice.h"

enum { N = 512, N_PRE = 128, BASE = 8000 };
static const double LEVEL = 300;

struct world { double signal[4 * N]; sample_u16 samples[N]; struct pulse_record record; };

static void add_pulse(struct world *w, double arrival, double height) {
    for (int i = 0; i < 4 * N; i++) {
        double t = i - arrival;
        if (t > 0)
            w->signal[i] += height * (exp(-t / 75) - exp(-t / 5));
    }
}

static double rise(const double *d, int i) {
    return d[i] + d[i - 1] - d[i - 2] - d[i - 3];
}

/* The record that the trigger makes of the signal from sample `from` on; false: it does not fire. */
static bool trigger(struct world *w, struct dice *d, int from, bool inverted) {
    int at = from;
    while (at < 3 * N && rise(w->signal, at) < LEVEL)
        at++;
    for (int i = 0; i < N; i++)
        w->samples[i] = (uint16_t)lround(BASE + (inverted ? -1 : 1) * w->signal[at - N_PRE + i] + 6 * (dice_unit(d) + dice_unit(d) - 1));
    w->record = (struct pulse_record){ .samples = w->samples, .n_samples = N, .n_presamples = N_PRE };
    return at < 3 * N;
}

static struct edge_trigger learnt(struct dice *d, bool inverted) {
    struct edge_trigger t = { .inverted = inverted };
    for (int k = 0; k < 400; k++) {
        struct world w = { .signal = { 0 } };
        add_pulse(&w, N + dice_unit(d), 600 + 4000 * dice_unit(d));
        assert_true(trigger(&w, d, N / 2, inverted));
        edge_trigger_learn(&t, &w.record);
    }
    assert_true(edge_trigger_settle(&t));
    return t;
}

static void the_level_is_read_off_the_records(void **state) {
    (void)state;
    struct dice d = dice_new();
    for (int inverted = 0; inverted < 2; inverted++) {
        struct edge_trigger t = learnt(&d, inverted);
        assert_true(fabs(t.level - LEVEL) < 0.15 * LEVEL);
    }
    struct edge_trigger few = { .level = 0 };
    assert_false(edge_trigger_settle(&few));
}

static void second_pulses_are_found_where_they_are(void **state) {
    (void)state;
    struct dice d = dice_new();
    for (int inverted = 0; inverted < 2; inverted++) {
        struct edge_trigger t = learnt(&d, inverted);
        for (int k = 0; k < 300; k++) {
            struct world w = { .signal = { 0 } };
            int delay = 25 + (int)dice_below(&d, N - N_PRE - 40);
            add_pulse(&w, N + dice_unit(&d), 1000 + 2000 * dice_unit(&d));
            add_pulse(&w, N + delay, 1000 + 2000 * dice_unit(&d));
            assert_true(trigger(&w, &d, N / 2, inverted));
            uint32_t samples[4];
            assert_int_equal(edge_trigger_find(&t, &w.record, samples, 4), 1);
            assert_true(abs((int)samples[0] - N_PRE - delay) <= 4);
            assert_int_equal(edge_trigger_find(&t, &w.record, samples, 0), 0);
            assert_true(edge_trigger_fired(&t, &w.record));
        }
    }
}

/* Noise of which the difference has an eighth of the level: at the maximum of a pulse the difference falls through the
 * level slowly, and noise lifts it back in some records. None of them shows a second pulse; a true one behind the maximum is found in all. */
static void noise_at_the_maximum_is_no_second_pulse(void **state) {
    (void)state;
    struct dice d = dice_new();
    unsigned again = 0;
    for (int k = 0; k < 4000; k++) {
        struct world w = { .signal = { 0 } };
        struct edge_trigger t = { .inverted = k % 2, .level = LEVEL };
        const int delay = 45 + (int)dice_below(&d, N - N_PRE - 60);
        const bool second = k % 4 > 1;
        add_pulse(&w, N + dice_unit(&d), 1500 + 3000 * dice_unit(&d));
        if (second)
            add_pulse(&w, N + delay, 1500 + 3000 * dice_unit(&d));
        for (int i = 0; i < 4 * N; i++)
            w.signal[i] += 40 * (dice_unit(&d) + dice_unit(&d) + dice_unit(&d) - 1.5);
        assert_true(trigger(&w, &d, N - 8, k % 2));
        bool high = true;
        for (uint32_t i = N_PRE + 1; i < N_PRE + 30; i++) {
            bool now = edge_rule_difference(t.inverted, &w.record, i) >= LEVEL;
            again += now && !high;
            high = now;
        }
        uint32_t samples[4];
        assert_int_equal(edge_trigger_find(&t, &w.record, samples, 4), second);
    }
    printf("%u times noise reached the level again at the maximum\n", again);
    assert_true(again > 20);
}

static void quiet_records_show_nothing(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct edge_trigger t = learnt(&d, false);
    uint32_t samples[4];
    struct world w = { .signal = { 0 } };
    assert_false(trigger(&w, &d, N, false));
    assert_false(edge_trigger_fired(&t, &w.record));
    assert_int_equal(edge_trigger_find(&t, &w.record, samples, 4), 0);
    for (int k = 0; k < 200; k++) {
        memset(&w, 0, sizeof w);
        add_pulse(&w, N + dice_unit(&d), 600 + 4000 * dice_unit(&d));
        assert_true(trigger(&w, &d, N / 2, false));
        assert_int_equal(edge_trigger_find(&t, &w.record, samples, 4), 0);
    }
    w.record.n_presamples = 2;
    assert_false(edge_trigger_fired(&t, &w.record));
    assert_int_equal(edge_trigger_find(&t, &w.record, samples, 4), 0);
}

/* The meaning, one sample at a time. */
static size_t find_plainly(const struct edge_trigger *t, const struct pulse_record *r, uint32_t *samples, size_t max) {
    size_t n = 0;
    bool high = true, over = false;
    for (uint32_t i = r->n_presamples + 1; i < r->n_samples && n < max; i++) {
        int32_t rise = ((int16_t)(r->samples[i] - r->samples[i - 2]) + (int16_t)(r->samples[i - 1] - r->samples[i - 3])) * (t->inverted ? -1 : 1);
        bool now = rise >= t->level, second = now && !high && over;
        if (second)
            samples[n++] = i;
        over = !second && (over || rise <= 0);
        high = now;
    }
    return n;
}

/* Any samples, also long stretches where nothing happens between steps, any level, any length: sixteen at a time say what one at a time says. */
static void sixteen_at_a_time_are_one_at_a_time(void **state) {
    (void)state;
    struct dice d = dice_new();
    for (int turn = 0; turn < 4000; turn++) {
        uint16_t x[403];
        int64_t reach = turn % 2 ? 65536 : 1 + dice_below(&d, 300), step = 0;
        for (size_t i = 0; i < 403; i++) {
            step = turn % 4 == 0 && dice_below(&d, 50) > 0 ? step : dice_below(&d, reach);
            x[i] = (uint16_t)(60000 + step);
        }
        struct edge_trigger t = { .inverted = turn % 3 == 0, .level = turn % 5 == 0 ? 70000 * dice_unit(&d) : (double)reach * dice_unit(&d) };
        struct pulse_record r = { .samples = (const sample_u16 *)x + dice_below(&d, 3), .n_presamples = (uint32_t)(4 + dice_below(&d, 20)) };
        r.n_samples = r.n_presamples + 1 + (uint32_t)dice_below(&d, 370);
        uint32_t a[64], b[64];
        size_t max = (size_t)dice_below(&d, 65), n = find_plainly(&t, &r, a, max);
        assert_int_equal(edge_trigger_find(&t, &r, b, max), n);
        assert_memory_equal(a, b, n * sizeof *a);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_level_is_read_off_the_records),
        cmocka_unit_test(second_pulses_are_found_where_they_are),
        cmocka_unit_test(sixteen_at_a_time_are_one_at_a_time),
        cmocka_unit_test(noise_at_the_maximum_is_no_second_pulse),
        cmocka_unit_test(quiet_records_show_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
