#include <sys/wait.h>
#include <unistd.h>

#include "daemon/pixel_detail.h"
#include "daemon/sink/data_group.h"
#include "tests/daemon/made_child.h"
#include "tests/stream/publish_bench.h"

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

/* ---- what is told besides ---- */

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

/* A message of detail/7/ with all that may be in it, as the session makes it. */
static void tell_detail(struct publisher *p) {
    static struct pixel_detail d;
    static uint32_t spectrum[DETAIL_BINS] = { [5] = 42 };
    static float pulse[4] = { 0, 1, 0.5f, 0.2f };
    const struct curve_anchor anchors[] = { { 1000, 1, 250, 0.1 }, { 2000, 1, 520, 0.1 } };
    const struct pixel_model model = { .n_samples = 4, .n_presamples = 1, .sample_period_s = 4e-6, .template_pulse = pulse, .second = (struct second_search *)(void *)pulse, .whitener = { 1 } };
    struct data_group g = { .title = "pixel 7", .signal = "counts", .axes = { "energy" }, .n_axes = 1 };
    struct calibration_curve *curve;
    assert_int_equal(calibration_curve_new(CURVE_SPLINE, anchors, 2, &curve), STATUS_OK);
    struct pixel_pulse known;
    pixel_pulse_of(&model, &known);
    pixel_detail_set(&d, spectrum, &known, curve);
    g.n_arrays = d.n_arrays;
    memcpy(g.arrays, d.arrays, d.n_arrays * sizeof *d.arrays);
    json_t *keys = pixel_detail_keys(7, &known);
    assert_true(publisher_arrays(p, "detail/7/", "detail", "cumulative", &g, keys));
    json_decref(keys);
    calibration_curve_free(curve);
}

static void step_until(struct publisher *p, bool asked) {
    char topic[PUBLISH_TOPIC];
    for (int k = 0; k < PATIENCE_STEPS && publisher_asked(p, 0, topic) != asked; k++) {
        publisher_step(p, no_loss);
        nap();
    }
    assert_true(publisher_asked(p, 0, topic) == asked);
}

/* Whoever names a detail has it asked for, until the last of them leaves; who subscribes to all, or to their prefix, asks for none. */
static void details_are_for_who_asks(void **state) {
    struct bench *b = *state;
    struct received r;
    char *document = read_document();
    void *all = subscribe(b->context, b->publisher, "", 1000), *prefix = subscribe(b->context, b->publisher, "detail/", 1000);
    void *one = subscribe(b->context, b->publisher, "detail/7/", 1000), *two = subscribe(b->context, b->publisher, "detail/7/", 1000);
    step_until(b->publisher, true);
    char topic[PUBLISH_TOPIC];
    assert_true(publisher_asked(b->publisher, 0, topic) && !publisher_asked(b->publisher, 1, topic));
    assert_true(publisher_asked(b->publisher, 0, topic));
    assert_string_equal(topic, "detail/7/");
    tell_detail(b->publisher);
    wait_for(b->publisher, one, &r);
    json_t *shown = example(document, "detail/<n>/");
    same_keys(shown, r.header, "detail/");
    same_arrays(json_object_get(shown, "arrays"), json_object_get(r.header, "arrays"), "detail/");
    assert_int_equal(((const uint32_t *)r.frames[0])[5], 42);
    received_done(&r);
    zmq_close(one);
    for (int k = 0; k < 50; k++) {
        publisher_step(b->publisher, no_loss);
        nap();
    }
    assert_true(publisher_asked(b->publisher, 0, topic));   /* the other still looks at it */
    zmq_close(two);
    step_until(b->publisher, false);
    json_decref(shown);
    free(document);
    zmq_close(all);
    zmq_close(prefix);
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
    pid_t stepper = made_child();   /* the publisher's socket stays with this process; the child only reads */
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

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_BENCH(pfy_is_that_of_the_file_bit_for_bit),
        WITH_BENCH(run_tells_start_and_end),
        WITH_BENCH(loss_is_told_with_every_spectrum),
        WITH_BENCH(any_state_can_be_published),
        cmocka_unit_test(an_unfinished_scan_is_aborted),
        cmocka_unit_test(other_machines_are_refused),
        WITH_BENCH(the_document_shows_what_is_sent),
        WITH_BENCH(details_are_for_who_asks),
        WITH_BENCH(the_python_example_prints_the_pfy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
