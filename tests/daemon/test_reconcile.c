#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/stage/reconcile.h"
#include "tests/dice.h"

enum { CHANNELS = 3, RECORDS = 3000 };

struct truth { int64_t time_ns, frame; bool by_port, by_file; unsigned admitted; };

static enum reconcile_verdict offer(struct reconcile *r, uint32_t channel, const struct truth *t, bool from_file) {
    const struct block_record row = { .time_ns = t->time_ns, .frame = t->frame, .channel_index = (uint16_t)channel, .flags = from_file ? BLOCK_FROM_FILE : 0 };
    return reconcile_admit(r, &row);
}

/* Frames begin anew now and then; stamps jitter, step back by ms, and repeat never together with a frame. */
static void make_truth(struct dice *d, struct truth *t, size_t n, double lost, double torn) {
    int64_t time_ns = INT64_C(1790000000000000000), frame = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t step = 1 + dice_below(d, 3000);
        frame += step;
        time_ns += step * 10000;
        if (dice_below(d, 700) == 0) {
            frame = 0;
            time_ns += 2000000000;
        }
        t[i] = (struct truth){ .time_ns = time_ns - (dice_below(d, 200) == 0 ? dice_below(d, 2000) * 1000 : 0), .frame = frame, .by_port = dice_unit(d) >= lost,
                               .by_file = dice_unit(d) >= torn };
    }
}

/* Port and file walk through the records, the file behind by a varying stretch of up to `lag` records, in turns of any length. */
static void play(struct dice *d, struct reconcile *r, uint32_t channel, struct truth *t, size_t n, size_t lag) {
    size_t port = 0, file = 0;
    while (port < n || file < n) {
        bool from_file = file < port && (port == n || port - file >= lag || dice_below(d, 2));
        for (size_t k = (size_t)dice_below(d, 40); k > 0; k--) {
            size_t *i = from_file ? &file : &port;
            if (*i == n || (from_file && file == port && port < n))
                break;
            bool there = from_file ? t[*i].by_file : t[*i].by_port;
            t[*i].admitted += there && offer(r, channel, &t[*i], from_file) == RECONCILE_NEW;
            ++*i;
        }
    }
}

static void test_once(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct reconcile *r;
    static struct truth t[CHANNELS][RECORDS];
    assert_true(reconcile_new(CHANNELS, 256, &r));
    for (uint32_t c = 0; c < CHANNELS; c++) {
        make_truth(&d, t[c], RECORDS, 0.5, 0.1);
        play(&d, r, c, t[c], RECORDS, 200);
    }
    for (uint32_t c = 0; c < CHANNELS; c++) {
        uint64_t port = 0, file = 0, both = 0;
        for (size_t i = 0; i < RECORDS; i++) {
            assert_int_equal(t[c][i].admitted, t[c][i].by_port || t[c][i].by_file);
            port += t[c][i].by_port;
            file += t[c][i].by_file;
            both += t[c][i].by_port && t[c][i].by_file;
        }
        struct reconcile_counts n = reconcile_count(r, c);
        assert_int_equal(n.by_port, port);
        assert_int_equal(n.by_file, file);
        assert_int_equal(n.both, both);
        assert_int_equal(n.admitted, port + file - both);
        assert_int_equal(n.too_late + n.repeated, 0);
        assert_true(n.late > 100);
    }
    reconcile_free(r);
}

/* A file that is behind by more than is remembered: nothing counts twice, what cannot be told is counted as such. */
static void test_bounded(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct reconcile *r;
    static struct truth t[RECORDS];
    assert_true(reconcile_new(1, 64, &r));
    make_truth(&d, t, RECORDS, 0.5, 0);
    play(&d, r, 0, t, RECORDS, 500);
    uint64_t missing = 0, port = 0;
    for (size_t i = 0; i < RECORDS; i++) {
        assert_true(t[i].admitted <= 1);
        missing += t[i].admitted == 0;
        port += t[i].by_port;
    }
    struct reconcile_counts n = reconcile_count(r, 0);
    assert_true(missing > 0 && n.too_late >= missing);
    assert_int_equal(n.admitted, RECORDS - missing);
    assert_int_equal(n.by_port, port);
    assert_int_equal(n.admitted, n.by_port + n.by_file - n.both - n.too_late);
    reconcile_free(r);
}

/* We join in the middle of a run: the port is heard at once, the file is read from its beginning. */
static void test_backlog(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct reconcile *r;
    static struct truth t[RECORDS];
    assert_true(reconcile_new(1, 300, &r));
    make_truth(&d, t, RECORDS, 0.3, 0);
    for (size_t i = 0; i < RECORDS; i++) {
        if (i < RECORDS - 200)
            t[i].by_port = false;
    }
    for (size_t i = 0; i < RECORDS; i++)
        t[i].admitted += t[i].by_port && offer(r, 0, &t[i], false) == RECONCILE_NEW;
    for (size_t i = 0; i < RECORDS; i++)
        t[i].admitted += offer(r, 0, &t[i], true) == RECONCILE_NEW;
    for (size_t i = 0; i < RECORDS; i++)
        assert_int_equal(t[i].admitted, 1);
    for (size_t i = 0; i < RECORDS; i++)   /* read once more, as after the folder was named again */
        assert_int_not_equal(offer(r, 0, &t[i], true), RECONCILE_NEW);
    reconcile_free(r);
}

static void test_repeated(void **state) {
    (void)state;
    struct reconcile *r;
    const struct truth a = { .time_ns = 1000, .frame = 7 }, b = { .time_ns = 1000, .frame = 8 }, c = { .time_ns = 2000, .frame = 7 };
    assert_true(reconcile_new(2, 8, &r));
    assert_int_equal(offer(r, 1, &a, false), RECONCILE_NEW);
    assert_int_equal(offer(r, 1, &a, false), RECONCILE_REPEATED);
    assert_int_equal(offer(r, 1, &a, true), RECONCILE_KNOWN);
    assert_int_equal(offer(r, 1, &a, true), RECONCILE_REPEATED);
    assert_int_equal(offer(r, 1, &b, true), RECONCILE_NEW);
    assert_int_equal(offer(r, 1, &c, false), RECONCILE_NEW);   /* the counter began anew */
    assert_int_equal(offer(r, 0, &a, false), RECONCILE_NEW);   /* another channel */
    assert_int_equal(reconcile_count(r, 1).repeated, 2);
    assert_int_equal(reconcile_count(r, 1).admitted, 3);
    reconcile_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once), cmocka_unit_test(test_bounded), cmocka_unit_test(test_backlog), cmocka_unit_test(test_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
