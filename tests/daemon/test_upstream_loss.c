#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/upstream_loss.h"
#include "tests/dice.h"

enum { CHANNELS = 5 };
static const int64_t SECOND = 1000000000, T0 = INT64_C(1790000000000000000);

/* A source of Poisson records whose server drops some; TRIGGERRATE windows end on whole seconds and come a while later. */
struct world {
    struct dice d;
    struct upstream_loss *l;
    double drop;                    /* share */
    int64_t now_ns, window_ns;      /* window: end of the last one told */
    uint32_t counts[CHANNELS], next[CHANNELS];
    bool mute;                      /* the next window is not told */
    uint64_t sent[CHANNELS], had[CHANNELS];
    struct { uint32_t index; int64_t time_ns; } dropped[4096];
    size_t n_dropped;
};

static void one_record(struct world *w, uint32_t c, bool tell) {
    bool drop = dice_unit(&w->d) < w->drop;
    (w->now_ns > w->window_ns + SECOND ? w->next : w->counts)[c]++;
    w->sent[c]++;
    w->had[c] += !drop && tell;
    if (!drop && tell)
        upstream_loss_record(w->l, c, w->now_ns + dice_below(&w->d, 20000000) - 10000000, true);   /* stamps jitter */
    else if (tell && w->n_dropped < 4096) {
        w->dropped[w->n_dropped].index = c;
        w->dropped[w->n_dropped++].time_ns = w->now_ns;
    }
}

static void tell_window(struct world *w) {
    w->window_ns += SECOND;
    if (!w->mute)
        upstream_loss_window(w->l, w->window_ns, SECOND, w->counts, CHANNELS);
    w->mute = false;
    for (uint32_t c = 0; c < CHANNELS; c++) {
        w->counts[c] = w->next[c];
        w->next[c] = 0;
    }
}

static void run(struct world *w, double seconds, double rate, bool listen) {
    int64_t end_ns = w->now_ns + (int64_t)(seconds * 1e9);
    while (w->now_ns < end_ns) {
        w->now_ns += (int64_t)(dice_unit(&w->d) * 2e9 / (rate * CHANNELS)) + 1;
        one_record(w, (uint32_t)dice_below(&w->d, CHANNELS), listen);
        if (w->now_ns > w->window_ns + SECOND + 150000000)
            tell_window(w);
    }
}

static void world_new(struct world *w, double drop) {
    *w = (struct world){ .d = dice_new(), .drop = drop, .now_ns = T0 + 300000000, .window_ns = T0 };
    assert_true(upstream_loss_new(CHANNELS, &w->l));
}

static void stop(struct world *w) {
    w->now_ns += 50000000;
    tell_window(w);
    upstream_loss_running(w->l, false);
}

static void check_exact(const struct world *w) {
    for (uint32_t c = 0; c < CHANNELS; c++) {
        struct upstream_channel u = upstream_loss_channel(w->l, c);
        assert_int_equal(u.sent, w->sent[c]);
        assert_int_equal(u.had, w->had[c]);
        assert_int_equal(u.lost, w->sent[c] - w->had[c]);
        assert_true(u.lost <= u.sent);
    }
}

/* Never more than was lost while it runs, all of it at the end; a file that fills in brings it to nothing. */
static void test_lost_and_filled(void **state) {
    (void)state;
    static struct world w;
    world_new(&w, 0.2);
    upstream_loss_running(w.l, false);
    upstream_loss_running(w.l, true);
    for (int i = 0; i < 20; i++) {
        run(&w, 0.7, 40, true);
        for (uint32_t c = 0; c < CHANNELS; c++)
            assert_true(upstream_loss_channel(w.l, c).lost <= w.sent[c] - w.had[c]);
    }
    assert_true(upstream_loss_sum(w.l).lost > 200);
    stop(&w);
    check_exact(&w);
    for (size_t i = 0; i < w.n_dropped; i++) {
        upstream_loss_record(w.l, w.dropped[i].index, w.dropped[i].time_ns, false);
        w.had[w.dropped[i].index]++;
    }
    check_exact(&w);
    assert_int_equal(upstream_loss_sum(w.l).lost, 0);
    assert_true(upstream_loss_sum(w.l).by_port < upstream_loss_sum(w.l).had);
    upstream_loss_free(w.l);
}

/* Who joins late compares nothing that was before, stale windows included. */
static void test_late(void **state) {
    (void)state;
    static struct world w;
    const uint32_t stale[CHANNELS] = { 999, 999, 999, 999, 999 };
    world_new(&w, 0);
    run(&w, 5, 60, false);
    upstream_loss_window(w.l, T0 - 100 * SECOND, SECOND, stale, CHANNELS);   /* SendAllStatus repeats what was said once */
    upstream_loss_running(w.l, true);
    run(&w, 10, 60, true);
    assert_int_equal(upstream_loss_sum(w.l).lost, 0);
    assert_in_range(upstream_loss_sum(w.l).sent, 6 * 60 * CHANNELS, 10 * 60 * CHANNELS);
    stop(&w);
    assert_int_equal(upstream_loss_sum(w.l).lost, 0);
    upstream_loss_free(w.l);
}

/* Sums go on over a restart and over a status stream that was interrupted; a file still fills in what was before. */
static void test_restart(void **state) {
    (void)state;
    static struct world w;
    world_new(&w, 0.1);
    upstream_loss_running(w.l, false);
    upstream_loss_epoch(w.l, 0, w.now_ns, 0, 1e-5);
    run(&w, 5, 50, true);
    stop(&w);
    for (uint32_t c = 0; c < CHANNELS; c++)
        w.counts[c] = w.next[c] = 0;
    w.now_ns += 3 * SECOND + 400000000;
    w.window_ns = w.now_ns - 200000000;
    upstream_loss_running(w.l, true);
    for (int64_t k = 0; k < 3; k++)   /* each channel's first record says so */
        upstream_loss_epoch(w.l, (uint32_t)k, w.now_ns + k * SECOND / 2, k * 50000, 1e-5);
    run(&w, 5, 50, true);
    for (size_t i = 0; i < w.n_dropped && i < 50; i++) {
        upstream_loss_record(w.l, w.dropped[i].index, w.dropped[i].time_ns, false);
        w.had[w.dropped[i].index]++;
    }
    stop(&w);
    check_exact(&w);
    upstream_loss_free(w.l);
}

/* A window that never came is compared with nothing. */
static void test_gap(void **state) {
    (void)state;
    static struct world w;
    world_new(&w, 0);
    upstream_loss_running(w.l, false);
    run(&w, 4, 50, true);
    w.mute = true;
    run(&w, 4, 50, true);
    assert_false(w.mute);
    stop(&w);
    assert_int_equal(upstream_loss_sum(w.l).lost, 0);
    assert_true(upstream_loss_sum(w.l).sent > 6 * 50 * CHANNELS);
    upstream_loss_free(w.l);
}

static void test_copies(void **state) {
    (void)state;
    struct upstream_loss *l;
    assert_true(upstream_loss_new(CHANNELS, &l));
    assert_true(upstream_loss_couple(l, 0, 3));
    assert_false(upstream_loss_couple(l, 0, CHANNELS));
    upstream_loss_running(l, false);
    const uint32_t counts[CHANNELS] = { 10, 0, 0, 4, 0 };
    for (int i = 0; i < 10; i++) {
        upstream_loss_record(l, 0, T0 + (i + 1) * 10000000, true);
        if (i < 8)
            upstream_loss_record(l, 3, T0 + (i + 1) * 10000000, true);
        if (i < 4)
            upstream_loss_record(l, 3, T0 + (i + 50) * 10000000, true);
    }
    upstream_loss_window(l, T0 + SECOND, SECOND, counts, CHANNELS);
    upstream_loss_running(l, false);
    assert_int_equal(upstream_loss_channel(l, 0).lost, 0);
    assert_int_equal(upstream_loss_channel(l, 3).sent, 14);
    assert_int_equal(upstream_loss_channel(l, 3).lost, 2);
    upstream_loss_free(l);
}

static void test_message(void **state) {
    (void)state;
    struct upstream_loss *l;
    assert_true(upstream_loss_new(2, &l));
    upstream_loss_running(l, false);
    json_t *body = json_pack("{s:s,s:I,s:[i,i,i]}", "HiTime", "2026-11-22T07:23:05Z", "Duration", (json_int_t)SECOND, "CountsSeen", 3, 4, 5);
    assert_true(upstream_loss_message(l, body));
    upstream_loss_running(l, false);
    assert_int_equal(upstream_loss_sum(l).sent, 7);
    json_object_set_new(body, "HiTime", json_string("yesterday"));
    assert_false(upstream_loss_message(l, body));
    json_object_set_new(body, "HiTime", json_integer(5));
    assert_false(upstream_loss_message(l, body));
    assert_false(upstream_loss_message(l, NULL));
    json_decref(body);
    upstream_loss_free(l);
}

/* The clock is set while data flow: forward, what the window holds is all since the last one; back, what it tells a second time is nobody's. */
static void test_clock_is_set(void **state) {
    (void)state;
    static struct world w;
    world_new(&w, 0.2);
    upstream_loss_running(w.l, false);   /* we are there from the start */
    upstream_loss_running(w.l, true);
    run(&w, 10.2, 30, true);
    w.now_ns += 2370000000;
    w.window_ns += 2370000000;
    run(&w, 10, 30, true);
    stop(&w);
    check_exact(&w);
    upstream_loss_free(w.l);
}

/* Set back by a minute: what was counted stays counted, the window in which it was set is nobody's, and what comes afterwards is compared as ever; also where the words of a
 * window come before its last records. */
static void test_clock_is_set_back_far(void **state) {
    (void)state;
    static struct world w;
    static struct { uint32_t index; int64_t time_ns; } pending[64];
    for (int k = 0; k < 8; k++) {
        const size_t n_pending = k % 2 == 0 ? 0 : 40;
        world_new(&w, 0);
        upstream_loss_running(w.l, false);
        upstream_loss_running(w.l, true);
        run(&w, 20.2 + 0.1 * k, 30, true);
        for (size_t i = 0; i < n_pending; i++) {   /* triggered, told by the next window, and under way */
            pending[i].index = (uint32_t)dice_below(&w.d, CHANNELS);
            pending[i].time_ns = w.now_ns;
            w.counts[pending[i].index]++;
        }
        w.now_ns -= 60 * SECOND;
        w.window_ns -= 60 * SECOND;
        if (n_pending > 0) {
            tell_window(&w);
            w.now_ns = w.window_ns + 10000000;
        }
        for (size_t i = 0; i < n_pending; i++)
            upstream_loss_record(w.l, pending[i].index, pending[i].time_ns, true);
        run(&w, 15, 30, true);
        assert_int_equal(upstream_loss_sum(w.l).lost, 0);
        stop(&w);
        assert_int_equal(upstream_loss_sum(w.l).lost, 0);
        assert_true(upstream_loss_sum(w.l).sent > 30 * CHANNELS * 30);
        upstream_loss_free(w.l);
    }
}

/* Set back by less than ten windows while the source was away. One connection of the port is behind: its channels bring what came before when others are in the new epoch
 * already. Nothing is lost. */
static void test_one_connection_is_behind(void **state) {
    (void)state;
    static struct world w;
    static struct { uint32_t index; int64_t time_ns; } behind[64];
    world_new(&w, 0);
    upstream_loss_running(w.l, false);
    upstream_loss_running(w.l, true);
    for (uint32_t c = 0; c < CHANNELS; c++)
        upstream_loss_epoch(w.l, c, w.now_ns, 0, 1e-5);
    run(&w, 10.2, 30, true);
    for (size_t i = 0; i < 64; i++) {   /* of the last channels: told by the last window, on their way */
        w.now_ns += 1000000;
        behind[i].index = CHANNELS - 2 + (uint32_t)i % 2;
        behind[i].time_ns = w.now_ns;
        (w.now_ns > w.window_ns + SECOND ? w.next : w.counts)[behind[i].index]++;
        w.sent[behind[i].index]++;
        w.had[behind[i].index]++;
    }
    stop(&w);
    const int64_t set_back = 3 * SECOND + 100000000;
    w.now_ns -= set_back;
    w.window_ns = w.now_ns;
    for (uint32_t c = 0; c < CHANNELS; c++)
        w.counts[c] = w.next[c] = 0;
    upstream_loss_running(w.l, true);
    for (uint32_t c = 0; c < CHANNELS - 2; c++)
        upstream_loss_epoch(w.l, c, w.now_ns, 0, 1e-5);
    for (size_t i = 0; i < 64; i++)
        upstream_loss_record(w.l, behind[i].index, behind[i].time_ns, true);
    for (uint32_t c = CHANNELS - 2; c < CHANNELS; c++)
        upstream_loss_epoch(w.l, c, w.now_ns, 0, 1e-5);
    run(&w, 10, 30, true);
    stop(&w);
    assert_int_equal(upstream_loss_sum(w.l).lost, 0);
    assert_true(upstream_loss_sum(w.l).sent > 2 * 9 * 30 * CHANNELS);
    upstream_loss_free(w.l);
}

/* Windows run ahead of records: those of the new epoch reach beyond the end of the old one before its first record tells that the clock was set back. */
static void test_windows_run_ahead(void **state) {
    (void)state;
    static struct world w;
    world_new(&w, 0);
    upstream_loss_running(w.l, false);
    upstream_loss_running(w.l, true);
    for (uint32_t c = 0; c < CHANNELS; c++)
        upstream_loss_epoch(w.l, c, w.now_ns, 0, 1e-5);
    run(&w, 10.2, 30, true);
    stop(&w);
    const int64_t began_ns = w.now_ns - 3 * SECOND - 100000000;
    const uint32_t counts[CHANNELS] = { 30, 30, 30, 30, 30 };
    w.window_ns = began_ns;
    upstream_loss_running(w.l, true);
    for (int k = 0; k < 5; k++)
        upstream_loss_window(w.l, w.window_ns += SECOND, SECOND, counts, CHANNELS);
    for (uint32_t c = 0; c < CHANNELS; c++) {
        upstream_loss_epoch(w.l, c, began_ns, 0, 1e-5);
        for (int k = 0; k < 5 * 30; k++)
            upstream_loss_record(w.l, c, began_ns + k * (SECOND / 30) + 1000000, true);
        w.counts[c] = w.next[c] = 0;
    }
    w.now_ns = w.window_ns;
    run(&w, 10, 30, true);
    stop(&w);
    assert_int_equal(upstream_loss_sum(w.l).lost, 0);
    assert_true(upstream_loss_sum(w.l).sent > 2 * 9 * 30 * CHANNELS);
    upstream_loss_free(w.l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lost_and_filled), cmocka_unit_test(test_late), cmocka_unit_test(test_restart), cmocka_unit_test(test_gap), cmocka_unit_test(test_clock_is_set),
        cmocka_unit_test(test_clock_is_set_back_far), cmocka_unit_test(test_one_connection_is_behind), cmocka_unit_test(test_windows_run_ahead),
        cmocka_unit_test(test_copies), cmocka_unit_test(test_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
