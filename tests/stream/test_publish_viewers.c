/* Who listens to the publisher, and how: late, slowly, many at once, over a restart. */
#include <stdio.h>
#include <unistd.h>

#include "tests/stream/publish_bench.h"

static void late_joiners_get_the_last_state(void **state) {
    struct bench *b = *state;
    publisher_scan(b->publisher, b->scan->products, 20, true, no_loss);
    for (int round = 0; round < 2; round++) {
        void *sub = subscribe(b->context, b->publisher, "pfy/O/", 1000);
        struct received r;
        wait_for(b->publisher, sub, &r);
        assert_string_equal(r.topic, "pfy/O/");
        assert_true(is_snap(&r));
        assert_int_equal(whole(&r, "seq"), 1);
        assert_int_equal(whole(&r, "point"), 19);
        received_done(&r);
        zmq_close(sub);
    }
}

/* Twenty points in a moment: fewer messages than points, none missing by their numbers, the last one whole. */
static void newest_wins_and_seq_has_no_gaps(void **state) {
    struct bench *b = *state;
    void *sub = subscribe(b->context, b->publisher, "", 1000);
    settle(b->publisher, sub);
    for (uint32_t n = 1; n <= 20; n++) {
        publisher_scan(b->publisher, b->scan->products, n, n == 20, no_loss);
        publisher_step(b->publisher, no_loss);
    }
    json_int_t seq = 0, point = -1;
    while (point < 19) {
        struct received r;
        wait_for_topic(b->publisher, sub, "pfy/tfy/", &r);
        if (!is_snap(&r)) {
            assert_int_equal(whole(&r, "seq"), ++seq);
            assert_true(whole(&r, "point") > point);
            point = whole(&r, "point");
        }
        received_done(&r);
    }
    assert_true(seq < 20);
    zmq_close(sub);
}

static void heartbeat_names_the_last_of_each_topic(void **state) {
    struct bench *b = *state;
    void *sub = subscribe(b->context, b->publisher, "hb/", 1000);
    settle(b->publisher, sub);
    publisher_scan(b->publisher, b->scan->products, 20, true, (struct publish_lost){ .upstream = 3, .records = 7 });
    struct received r;
    wait_for(b->publisher, sub, &r);
    json_t *last = json_object_get(r.header, "last");
    assert_int_equal(json_integer_value(json_object_get(last, "pfy/Co/")), 1);
    assert_int_equal(json_integer_value(json_object_get(last, "rixs/map/")), 1);
    assert_int_equal(json_integer_value(json_object_get(last, "run/")), 2);
    assert_int_equal(whole(&r, "interval_ms"), 200);
    assert_true(json_is_object(json_object_get(r.header, "rates")));
    received_done(&r);
    zmq_close(sub);
}

/* A viewer that does not read costs the publisher neither time nor memory without bound, and sees the end when it wakes up. */
static void a_stuck_viewer_stops_nobody_and_sees_the_end(void **state) {
    struct bench *b = *state;
    enum { SCANS = 300 };
    void *sub = subscribe(b->context, b->publisher, "", 1);
    settle(b->publisher, sub);
    for (int k = 0; k < SCANS; k++)
        publisher_scan(b->publisher, b->scan->products, 20, true, no_loss);
    int got = 0;
    json_int_t seq = 0;
    while (seq < SCANS) {
        struct received r;
        wait_for_topic(b->publisher, sub, "rixs/map/", &r);
        got++;
        seq = whole(&r, "seq");
        received_done(&r);
    }
    print_message("%d of %d maps came through\n", got, SCANS);
    assert_true(got < SCANS);
    zmq_close(sub);
}

static long resident_kB(void) {
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%*s %ld", &pages), 1);
    fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* What waits for stuck viewers is in memory once: a hundred more of them cost little, however large the map. */
static void many_stuck_viewers_share_what_waits(void **state) {
    struct bench *b = *state;
    enum { STUCK = 100 };
    void *stuck[STUCK], *alive = subscribe(b->context, b->publisher, "hb/", 1000);
    settle(b->publisher, alive);
    for (int k = 0; k < STUCK; k++)
        stuck[k] = subscribe(b->context, b->publisher, "", 1);
    settle(b->publisher, alive);
    publisher_scan(b->publisher, b->scan->products, 20, true, no_loss);
    settle(b->publisher, alive);
    long before = resident_kB();
    for (int k = 0; k < 3; k++)   /* heartbeats, each with all states again */
        settle(b->publisher, alive);
    long grown = resident_kB() - before, map = 20L * 3600 * 4 / 1024;
    print_message("%d stuck viewers: %ld kB more in three heartbeats; a map is %ld kB\n", STUCK, grown, map);
    assert_true(grown < STUCK * map);   /* copies would be three times that, for the map alone */
    for (int k = 0; k < STUCK; k++)
        zmq_close(stuck[k]);
    zmq_close(alive);
}

/* Fifty at once, joining in the middle: each has every product, and the same numbers. */
static void fifty_subscribers_have_every_product(void **state) {
    struct bench *b = *state;
    enum { MANY = 50 };
    static const char *const topics[] = { "pfy/O/", "pfy/sPFY/", "pfy/Co/", "pfy/tfy/", "rixs/map/", "rixs/loss/", "rixs/row/", "xes/scan/", "run/" };
    enum { N_TOPICS = sizeof topics / sizeof *topics };
    void *subs[MANY];
    unsigned have[MANY] = { 0 }, complete = 0;
    publisher_scan(b->publisher, b->scan->products, 12, false, no_loss);
    for (int k = 0; k < MANY; k++)
        subs[k] = subscribe(b->context, b->publisher, "", 1000);
    for (int turn = 0; turn < PATIENCE_STEPS && complete < MANY; turn++) {
        struct received r;
        publisher_step(b->publisher, no_loss);
        for (int k = 0; k < MANY; k++)
            while (receive(subs[k], &r)) {
                unsigned before = have[k];
                for (unsigned t = 0; t < N_TOPICS; t++)
                    if (strcmp(r.topic, topics[t]) == 0 && (strcmp(r.topic, "rixs/row/") == 0 || whole(&r, "point") == 11))
                        have[k] |= 1u << t;
                complete += have[k] == (1u << N_TOPICS) - 1 && before != have[k];
                received_done(&r);
            }
        nap();
    }
    assert_int_equal(complete, MANY);
    for (int k = 0; k < MANY; k++)
        zmq_close(subs[k]);
}

/* Whoever hears a heartbeat has had every state that it names, however shortly before it they subscribed: late joiners and those that had stood
 * still and came back are right within one heartbeat. Subscriptions are strewn over the time between two. */
static void a_heartbeat_names_nothing_that_was_not_sent(void **state) {
    struct bench *b = *state;
    enum { MANY = 24, STEPS = 4 };
    void *subs[MANY];
    unsigned opened = 0, heard = 0, early = 0;
    json_t *had[MANY];
    publisher_scan(b->publisher, b->scan->products, 12, false, no_loss);
    for (int turn = 0; turn < PATIENCE_STEPS && heard < MANY; turn++) {
        struct received r;
        if (opened < MANY && turn % STEPS == 0) {
            had[opened] = json_object();
            subs[opened++] = subscribe(b->context, b->publisher, "", 1000);
        }
        publisher_step(b->publisher, no_loss);
        for (unsigned k = 0; k < opened; k++)
            while (receive(subs[k], &r)) {
                const char *topic;
                json_t *seq;
                if (strcmp(r.topic, "hb/") == 0) {
                    bool lacks = false, first = json_object_get(had[k], "hb/") == NULL;
                    json_object_foreach(json_object_get(r.header, "last"), topic, seq)
                        lacks = lacks || json_integer_value(json_object_get(had[k], topic)) < json_integer_value(seq);
                    assert_true(first || !lacks);
                    early += lacks;
                    heard += first;
                }
                json_object_set_new(had[k], r.topic, json_integer(whole(&r, "seq")));
                received_done(&r);
            }
        nap();
    }
    assert_int_equal(heard, MANY);
    assert_true(early <= 2);   /* one that came while the heartbeat was on its way; without the answer before it a fourth of them */
    for (unsigned k = 0; k < opened; k++) {
        json_decref(had[k]);
        zmq_close(subs[k]);
    }
}

/* Another start of the program at the same place: its boot differs, its numbers begin anew, and nothing of the first is sent any more. */
static void a_restart_is_seen_by_boot(void **state) {
    struct bench *b = *state;
    char endpoint[128], boot[64];
    void *sub = subscribe(b->context, b->publisher, "pfy/tfy/", 1000);
    struct received r;
    publisher_scan(b->publisher, b->scan->products, 20, true, no_loss);
    publisher_scan(b->publisher, b->scan->products, 20, true, no_loss);
    do {
        wait_for(b->publisher, sub, &r);
        snprintf(boot, sizeof boot, "%s", json_string_value(json_object_get(r.header, "boot")));
        bool last = whole(&r, "seq") == 2;
        received_done(&r);
        if (last)
            break;
    } while (true);
    snprintf(endpoint, sizeof endpoint, "%s", publisher_endpoint(b->publisher));
    publisher_free(b->publisher);
    bool open = false;
    for (int k = 0; k < PATIENCE_STEPS && !open; k++, nap())   /* until the old socket has let go of the port */
        open = publisher_new(&(struct publish_settings){ .endpoint = endpoint, .state = "replay" }, &b->publisher);
    assert_true(open);
    publisher_scan(b->publisher, b->scan->products, 20, true, no_loss);
    do {
        wait_for(b->publisher, sub, &r);
        bool other = strcmp(boot, json_string_value(json_object_get(r.header, "boot"))) != 0;
        if (other)
            assert_int_equal(whole(&r, "seq"), 1);
        received_done(&r);
        if (other)
            break;
    } while (true);
    zmq_close(sub);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_BENCH(late_joiners_get_the_last_state),
        WITH_BENCH(newest_wins_and_seq_has_no_gaps),
        WITH_BENCH(heartbeat_names_the_last_of_each_topic),
        WITH_BENCH(a_stuck_viewer_stops_nobody_and_sees_the_end),
        WITH_BENCH(many_stuck_viewers_share_what_waits),
        WITH_BENCH(fifty_subscribers_have_every_product),
        WITH_BENCH(a_heartbeat_names_nothing_that_was_not_sent),
        WITH_BENCH(a_restart_is_seen_by_boot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
