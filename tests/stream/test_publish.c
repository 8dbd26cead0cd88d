#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#include "daemon/sink/data_group.h"
#include "daemon/sink/publish.h"
#include "tests/daemon/made_scan.h"

enum { MAX_FRAMES = 20, PATIENCE_STEPS = 4000 };

static const struct publish_lost no_loss = { .records = 1000 };

/* ---- a subscriber ---- */

struct received {
    char topic[64];
    json_t *header;
    int n_frames;
    size_t bytes[MAX_FRAMES];
    void *frames[MAX_FRAMES];   /* blobs */
};

static void received_done(struct received *r) {
    json_decref(r->header);
    for (int k = 0; k < MAX_FRAMES; k++)
        free(r->frames[k]);
    *r = (struct received){ 0 };
}

static void keep_frame(struct received *r, int part, zmq_msg_t *m) {
    size_t n = zmq_msg_size(m);
    if (part == 0) {
        assert_true(n < sizeof r->topic);
        memcpy(r->topic, zmq_msg_data(m), n);
    } else if (part == 1) {
        r->header = json_loadb(zmq_msg_data(m), n, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(r->header);
    } else {
        assert_true(r->n_frames < MAX_FRAMES);
        r->frames[r->n_frames] = malloc(n + 1);
        memcpy(r->frames[r->n_frames], zmq_msg_data(m), n);
        r->bytes[r->n_frames++] = n;
    }
}

/* False when nothing is waiting. */
static bool receive(void *sub, struct received *r) {
    *r = (struct received){ 0 };
    for (int part = 0, more = 1; more; part++) {
        zmq_msg_t m;
        zmq_msg_init(&m);
        if (zmq_msg_recv(&m, sub, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&m);
            return false;
        }
        keep_frame(r, part, &m);
        more = zmq_msg_more(&m);
        zmq_msg_close(&m);
    }
    return true;
}

static void nap(void) { nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL); }

/* The next message while the publisher goes on; fails when none comes in a long time. */
static void wait_for(struct publisher *p, void *sub, struct received *r) {
    for (int k = 0; k < PATIENCE_STEPS; k++) {
        publisher_step(p, no_loss);
        if (receive(sub, r))
            return;
        nap();
    }
    fail_msg("no message came");
}

/* The next message of a topic that is new (snap false) or, if asked for, from the cache. */
static void wait_for_topic(struct publisher *p, void *sub, const char *topic, struct received *r) {
    for (wait_for(p, sub, r); strcmp(r->topic, topic) != 0; wait_for(p, sub, r))
        received_done(r);
}

static void *subscribe(void *context, struct publisher *p, const char *prefix, int queue) {
    void *sub = zmq_socket(context, ZMQ_SUB);
    zmq_setsockopt(sub, ZMQ_RCVHWM, &queue, sizeof queue);
    zmq_setsockopt(sub, ZMQ_LINGER, &(int){ 0 }, sizeof(int));
    zmq_setsockopt(sub, ZMQ_SUBSCRIBE, prefix, strlen(prefix));
    assert_int_equal(zmq_connect(sub, publisher_endpoint(p)), 0);
    return sub;
}

/* Returns when the publisher has heard of a subscriber: its heartbeat, which every test subscribes to, has come. The first one goes
 * out at the first step, so a little patience before it saves waiting for the second. */
static void settle(struct publisher *p, void *sub) {
    struct received r;
    for (int k = 0; k < 30; k++)
        nap();
    wait_for_topic(p, sub, "hb/", &r);
    received_done(&r);
}

struct bench {
    void *context;
    struct publisher *publisher;
    struct made_scan *scan;
};

static int open_bench(void **state) {
    static struct bench b;
    struct publish_settings settings = { .endpoint = "tcp://127.0.0.1:*", .state = "replay", .calibration_id = "cal0", .heartbeat_ms = 200 };
    b = (struct bench){ .context = zmq_ctx_new() };
    b.scan = made_scan_new((struct made_plan){ .number = 5, .n_points = 20, .n_pixels = 3, .n_photons = 4000, .i0 = true, .incident = true, .seed = 1 });
    *state = &b;
    return publisher_new(&settings, &b.publisher) ? 0 : -1;
}

static int close_bench(void **state) {
    struct bench *b = *state;
    publisher_free(b->publisher);
    made_scan_free(b->scan);
    zmq_ctx_term(b->context);
    return 0;
}

static json_int_t whole(const struct received *r, const char *key) { return json_integer_value(json_object_get(r->header, key)); }

static bool is_snap(const struct received *r) { return json_is_true(json_object_get(r->header, "snap")); }

/* ---- what a message holds ---- */

/* Each array's blob has the size its entry says. */
static void check_arrays(const struct received *r) {
    size_t k;
    json_t *entry;
    json_array_foreach(json_object_get(r->header, "arrays"), k, entry) {
        const char *dtype = json_string_value(json_object_get(entry, "dtype"));
        size_t n = (size_t)(dtype[2] - '0'), i;
        json_t *dimension;
        json_array_foreach(json_object_get(entry, "shape"), i, dimension) n *= (size_t)json_integer_value(dimension);
        json_int_t blob = json_integer_value(json_object_get(entry, "blob"));
        assert_true(blob < r->n_frames);
        assert_int_equal(r->bytes[blob], n);
    }
    assert_int_equal(json_array_size(json_object_get(r->header, "arrays")), r->n_frames);
}

static const void *blob_of(const struct received *r, const char *name, size_t *bytes) {
    size_t k;
    json_t *entry;
    json_array_foreach(json_object_get(r->header, "arrays"), k, entry) if (strcmp(json_string_value(json_object_get(entry, "name")), name) == 0) {
        json_int_t blob = json_integer_value(json_object_get(entry, "blob"));
        *bytes = r->bytes[blob];
        return r->frames[blob];
    }
    fail_msg("no array %s", name);
    return NULL;
}

static void pfy_is_that_of_the_file_bit_for_bit(void **state) {
    struct bench *b = *state;
    void *sub = subscribe(b->context, b->publisher, "", 1000);
    settle(b->publisher, sub);
    publisher_scan(b->publisher, b->scan->products, 20, true, no_loss);
    struct received r;
    struct data_group g;
    wait_for_topic(b->publisher, sub, "pfy/Co/", &r);
    assert_int_equal(data_group_yield(b->scan->products, b->scan->products->yields[2], 20, "scan 5", &g), STATUS_OK);
    check_arrays(&r);
    assert_int_equal(r.n_frames, g.n_arrays);
    for (unsigned k = 0; k < g.n_arrays; k++) {
        size_t bytes = 0;
        const void *blob = blob_of(&r, g.arrays[k].name, &bytes);
        assert_int_equal(bytes, data_array_bytes(&g.arrays[k]));
        assert_memory_equal(blob, g.arrays[k].data, bytes);
    }
    assert_string_equal(json_string_value(json_object_get(r.header, "normalised_by")), g.normalised_by);
    assert_true(json_is_string(json_object_get(r.header, "t_ns")));
    data_group_done(&g);
    received_done(&r);
    wait_for_topic(b->publisher, sub, "rixs/map/", &r);
    check_arrays(&r);
    size_t bytes;
    assert_memory_equal(blob_of(&r, "counts", &bytes), b->scan->products->emission->counts, 20 * 3600 * 4);
    received_done(&r);
    zmq_close(sub);
}

/* ---- delivery ---- */

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

static void run_tells_start_and_end(void **state) {
    struct bench *b = *state;
    void *sub = subscribe(b->context, b->publisher, "", 1000);
    settle(b->publisher, sub);
    publisher_scan(b->publisher, b->scan->products, 1, false, no_loss);
    publisher_scan(b->publisher, b->scan->products, 20, true, no_loss);
    char events[200] = "";
    while (!strstr(events, "end.")) {
        struct received r;
        wait_for_topic(b->publisher, sub, "run/", &r);
        if (!is_snap(&r)) {
            strcat(events, json_string_value(json_object_get(r.header, "event")));
            strcat(events, ".");
        }
        received_done(&r);
    }
    assert_memory_equal(events, "start.", 6);
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

static void loss_is_told_with_every_spectrum(void **state) {
    struct bench *b = *state;
    publisher_scan(b->publisher, b->scan->products, 20, true, (struct publish_lost){ .upstream = 10, .queue = 5, .rejected = 5, .records = 180 });
    void *sub = subscribe(b->context, b->publisher, "pfy/sPFY/", 1000);
    struct received r;
    wait_for(b->publisher, sub, &r);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(r.header, "lost"), "upstream")), 10);
    assert_true(fabs(json_real_value(json_object_get(r.header, "loss_fraction")) - 0.1) < 1e-12);
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

/* States of others: cached, sent to who joins; one of many is not in the heartbeat. */
static void any_state_can_be_published(void **state) {
    struct bench *b = *state;
    json_t *keys = json_pack("{s:s,s:i}", "reason", "none", "answer", 42);
    assert_true(publisher_state(b->publisher, "alarm/", "alarm", "window", keys));
    assert_true(publisher_state(b->publisher, "pixel/7/", "pixel", "window", keys));
    json_decref(keys);
    void *sub = subscribe(b->context, b->publisher, "", 1000);
    struct received r;
    wait_for_topic(b->publisher, sub, "pixel/7/", &r);
    assert_int_equal(whole(&r, "answer"), 42);
    assert_true(is_snap(&r));
    received_done(&r);
    wait_for_topic(b->publisher, sub, "hb/", &r);
    json_t *last = json_object_get(r.header, "last");
    assert_non_null(json_object_get(last, "alarm/"));
    assert_null(json_object_get(last, "pixel/7/"));
    received_done(&r);
    zmq_close(sub);
}

static void an_unfinished_scan_is_aborted(void **state) {
    (void)state;
    struct publish_settings settings = { .endpoint = "tcp://127.0.0.1:*", .state = "replay" };
    struct publisher *p;
    struct made_scan *m = made_scan_new((struct made_plan){ .number = 1, .n_points = 3, .n_pixels = 2, .n_photons = 30, .incident = true, .seed = 1 });
    void *context = zmq_ctx_new();
    assert_true(publisher_new(&settings, &p));
    void *sub = subscribe(context, p, "", 1000);
    settle(p, sub);
    publisher_scan(p, m->products, 2, false, no_loss);
    publisher_free(p);
    bool aborted = false;
    for (int k = 0; k < PATIENCE_STEPS && !aborted; k++) {
        struct received r;
        if (!receive(sub, &r)) {
            nap();
            continue;
        }
        const char *event = json_string_value(json_object_get(r.header, "event"));
        aborted = event && strcmp(event, "abort") == 0;
        received_done(&r);
    }
    assert_true(aborted);
    zmq_close(sub);
    zmq_ctx_term(context);
    made_scan_free(m);
}

static void other_machines_are_refused(void **state) {
    (void)state;
    struct publisher *p;
    assert_false(publisher_new(&(struct publish_settings){ .endpoint = "tcp://*:5560", .state = "replay" }, &p));
    assert_false(publisher_new(&(struct publish_settings){ .endpoint = "tcp://0.0.0.0:5560", .state = "replay" }, &p));
    assert_false(publisher_new(&(struct publish_settings){ .endpoint = "tcp://127.0.0.1:notaport", .state = "replay" }, &p));
    publisher_free(NULL);
}

/* ---- the document ---- */

/* The example under "### `topic`" in doc/stream.md. */
static json_t *example(const char *document, const char *heading) {
    char mark[80];
    snprintf(mark, sizeof mark, "### `%s`", heading);
    const char *at = strstr(document, mark);
    assert_non_null(at);
    const char *begin = strstr(at, "```json"), *end = begin ? strstr(begin + 7, "```") : NULL;
    assert_non_null(end);
    json_error_t error;
    json_t *j = json_loadb(begin + 7, (size_t)(end - begin - 7), 0, &error);
    if (!j)
        fail_msg("%s: %s", heading, error.text);
    return j;
}

static char *read_document(void) {
    FILE *f = fopen("doc/stream.md", "r");
    assert_non_null(f);
    char *text = calloc(1, 200000);
    size_t n = fread(text, 1, 199999, f);
    assert_true(n > 0);
    fclose(f);
    return text;
}

static void same_keys(json_t *a, json_t *b, const char *where) {
    const char *key;
    json_t *value;
    json_object_foreach(a, key, value) if (!json_object_get(b, key)) fail_msg("%s: key %s is on one side only", where, key);
    json_object_foreach(b, key, value) if (!json_object_get(a, key)) fail_msg("%s: key %s is on one side only", where, key);
}

static void same_arrays(json_t *a, json_t *b, const char *where) {
    assert_int_equal(json_array_size(a), json_array_size(b));
    static const char *const keys[] = { "name", "role", "dtype", "units", "label", "codec" };
    for (size_t i = 0; i < json_array_size(a); i++) {
        json_t *x = json_array_get(a, i), *y = json_array_get(b, i);
        same_keys(x, y, where);
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            assert_string_equal(json_string_value(json_object_get(x, keys[k])), json_string_value(json_object_get(y, keys[k])));
        assert_int_equal(json_array_size(json_object_get(x, "shape")), json_array_size(json_object_get(y, "shape")));
    }
}

static void the_document_shows_what_is_sent(void **state) {
    struct bench *b = *state;
    static const struct { const char *topic, *heading; } topics[] = {
        { "hb/", "hb/" }, { "run/", "run/" }, { "pfy/Co/", "pfy/<roi>/" }, { "rixs/row/", "rixs/row/" }, { "rixs/map/", "rixs/map/" },
        { "rixs/loss/", "rixs/loss/" }, { "xes/scan/", "xes/scan/" }
    };
    char *document = read_document();
    publisher_scan(b->publisher, b->scan->products, 20, true, no_loss);
    for (size_t k = 0; k < sizeof topics / sizeof *topics; k++) {
        void *sub = subscribe(b->context, b->publisher, topics[k].topic, 1000);
        struct received r;
        wait_for(b->publisher, sub, &r);
        json_t *shown = example(document, topics[k].heading);
        same_keys(shown, r.header, topics[k].topic);
        same_arrays(json_object_get(shown, "arrays"), json_object_get(r.header, "arrays"), topics[k].topic);
        assert_string_equal(json_string_value(json_object_get(shown, "kind")), json_string_value(json_object_get(r.header, "kind")));
        assert_string_equal(json_string_value(json_object_get(shown, "accum")), json_string_value(json_object_get(r.header, "accum")));
        json_decref(shown);
        received_done(&r);
        zmq_close(sub);
    }
    free(document);
}

static void the_python_example_prints_the_pfy(void **state) {
    struct bench *b = *state;
    if (system("/usr/bin/python3 -c 'import zmq, numpy' 2>/dev/null") != 0) {
        print_message("skipped: no python3-zmq or python3-numpy\n");
        skip();
    }
    char command[300], line[200];
    snprintf(command, sizeof command, "exec env LD_PRELOAD= timeout 60 /usr/bin/python3 doc/subscribe.py --count 1 '%s' Co", publisher_endpoint(b->publisher));
    publisher_scan(b->publisher, b->scan->products, 20, true, no_loss);
    FILE *out = popen(command, "r");
    assert_non_null(out);
    pid_t stepper = fork();   /* the publisher's socket stays with this process; the child only reads */
    if (stepper == 0) {
        int rows = 0;
        double incident, yield, error;
        while (fgets(line, sizeof line, out))
            rows += sscanf(line, "%lf %lf %lf", &incident, &yield, &error) == 3 && fabs(incident - b->scan->scan.points[rows].incident_eV) < 1e-3;
        _exit(rows == 20 ? 0 : 1);
    }
    int ended = -1;
    for (int k = 0; k < 30000 && waitpid(stepper, &ended, WNOHANG) == 0; k++) {
        publisher_step(b->publisher, no_loss);
        nap();
    }
    assert_true(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
    assert_int_equal(pclose(out), 0);
}

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_BENCH(pfy_is_that_of_the_file_bit_for_bit),
        WITH_BENCH(late_joiners_get_the_last_state),
        WITH_BENCH(newest_wins_and_seq_has_no_gaps),
        WITH_BENCH(run_tells_start_and_end),
        WITH_BENCH(heartbeat_names_the_last_of_each_topic),
        WITH_BENCH(loss_is_told_with_every_spectrum),
        WITH_BENCH(a_stuck_viewer_stops_nobody_and_sees_the_end),
        WITH_BENCH(many_stuck_viewers_share_what_waits),
        WITH_BENCH(fifty_subscribers_have_every_product),
        WITH_BENCH(a_restart_is_seen_by_boot),
        WITH_BENCH(any_state_can_be_published),
        cmocka_unit_test(an_unfinished_scan_is_aborted),
        cmocka_unit_test(other_machines_are_refused),
        WITH_BENCH(the_document_shows_what_is_sent),
        WITH_BENCH(the_python_example_prints_the_pfy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
