#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/scan_event.h"
#include "tests/daemon/made_scan_host.h"

struct beam { struct made_host host; struct scan_server *server; char folder[64]; uint64_t ticket; };

static void beam_begin(struct beam *b) {
    *b = (struct beam){ .host = { .now_ns = INT64_C(1603371671000000000) } };
    strcpy(b->folder, "/tmp/tesd-scan-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    static char file[128];
    snprintf(file, sizeof file, "%s/20261122_run0007_chan1.ljh", b->folder);
    b->host.file = file;
    const struct scan_server_settings settings = { .host = "127.0.0.1", .port = -1, .log_folder = "", .user_folder = b->folder, .beamtime_id = "42", .i0_key = "i0" };
    const struct scan_host host = made_scan_host(&b->host);
    assert_true(scan_server_open(&settings, &host, &b->server));
}

static void beam_end(struct beam *b) {
    char command[128];
    scan_server_close(b->server);
    snprintf(command, sizeof command, "rm -r %s", b->folder);
    assert_int_equal(system(command), 0);   /* NOLINT(cert-env33-c): the folder is ours */
}

/* The reply to a request; asks again as long as it comes later. */
static json_t *ask(struct beam *b, const char *request) {
    bool later = true;
    char *text = NULL;
    b->ticket++;
    for (int k = 0; k < 20 && later; k++)
        text = scan_server_answer(b->server, request, strlen(request), b->ticket, k, &later);
    assert_false(later);
    assert_non_null(text);
    assert_true(strlen(text) < 1024);
    json_t *reply = json_loads(text, 0, NULL);
    assert_int_equal(json_object_size(reply), 2);
    free(text);
    return reply;
}

static void good(struct beam *b, const char *request) {
    json_t *r = ask(b, request);
    if (!json_is_true(json_object_get(r, "success")))
        fail_msg("%s: %s", request, json_string_value(json_object_get(r, "response")));
    json_decref(r);
}

static void bad(struct beam *b, const char *request, const char *said) {
    json_t *r = ask(b, request);
    const char *text = json_string_value(json_object_get(r, "response"));
    if (!json_is_false(json_object_get(r, "success")) || text == NULL || strstr(text, said) == NULL)
        fail_msg("%s: %s", request, text);
    json_decref(r);
}

static void answers(struct beam *b, const char *request, const char *want) {
    json_t *r = ask(b, request), *value = json_loads(want, JSON_DECODE_ANY, NULL);
    assert_true(json_is_true(json_object_get(r, "success")));
    assert_true(json_equal(json_object_get(r, "response"), value));
    json_decref(value);
    json_decref(r);
}

static json_t *log_of(const struct beam *b, const char *folder, const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s/%s", b->folder, folder, name);
    json_t *log = json_load_file(path, 0, NULL);
    assert_non_null(log);
    return log;
}

static void a_beamtime_in_the_order_of_spec(void **state) {
    (void)state;
    struct beam b;
    beam_begin(&b);
    answers(&b, "{\"method\": \"state\"}", "\"no_file\"");
    good(&b, "{\"method\": \"file_start\", \"id\": 3}");
    good(&b, "{\"method\": \"calibration_start\", \"params\": [\"time\", \"s\", 1, \"mixv1\", \"ssrl_10_1_mix_cal\", {\"mono_eV\": 1000}]}");
    good(&b, "{\"method\": \"scan_point_start\", \"params\": [0]}");
    good(&b, "{\"method\": \"scan_point_end\"}");
    good(&b, "{\"method\": \"scan_end\"}");
    good(&b, "{\"method\": \"calibration_learn_from_last_data\"}");
    answers(&b, "{\"method\": \"calibration_state\"}", "\"calibrated\"");
    good(&b, "{\"method\": \"roi_set\", \"params\": [{\"O\": [505, 535]}]}");
    good(&b, "{\"method\": \"scan_start\", \"params\": [\"mono\", \"eV\", 5, \"heated\", {\"tempK\": 300}, \"none\"]}");
    bad(&b, "{\"method\": \"roi_get_counts\"}", "no point has ended yet");
    for (int k = 0; k < 3; k++) {
        char request[200];
        snprintf(request, sizeof request, "{\"method\": \"scan_point_start\", \"params\": [%g, null, {\"i0\": %g}]}", 530 + k * 0.5, 1.5 + k);
        good(&b, request);
        good(&b, "{\"method\": \"scan_point_end\"}");
        snprintf(request, sizeof request, "{\"tfy\": 7, \"point\": %d}", k);
        answers(&b, k == 1 ? "{\"method\": \"roi_save_counts\"}" : "{\"method\": \"roi_get_counts\"}", request);
    }
    good(&b, "{\"method\": \"scan_end\"}");
    assert_string_equal(b.host.labels, "CAL0 PAUSE SCAN1 PAUSE ");
    assert_non_null(strstr(b.host.events, "\n2 1 SCAN1 heated nan nan ") );
    assert_non_null(strstr(b.host.events, "3 1   530.5 nan "));
    assert_non_null(strstr(b.host.events, "4 1   nan 2.5 "));
    json_t *log = log_of(&b, "logs", "scan0001.json"), *copy = log_of(&b, "beamtime_42/20201022", "scan0001.json");
    assert_true(json_equal(log, copy));
    assert_int_equal(json_array_size(json_object_get(log, "epoch_time_end_s")), 3);
    assert_int_equal(json_integer_value(json_object_get(log, "cal_number")), 0);
    assert_string_equal(json_string_value(json_object_get(log, "sample_desc")), "heated");
    assert_true(json_real_value(json_object_get(json_object_get(json_object_get(log, "point_extras"), "1"), "i0")) == 2.5);
    assert_non_null(json_object_get(json_object_get(log, "roi"), "O"));
    json_decref(log);
    json_decref(copy);
    good(&b, "{\"method\": \"file_end\"}");
    answers(&b, "{\"method\": \"roi_get\"}", "{\"tfy\": [200.0, 1600.0]}");
    good(&b, "{\"method\": \"file_start\"}");
    answers(&b, "{\"method\": \"next_scan_num\"}", "2");   /* counts on where the day's logs end */
    beam_end(&b);
}

/* The times that a client is told, the log holds and the photons are cut by are the same to the ns. */
static void times_are_one(void **state) {
    (void)state;
    struct beam b;
    beam_begin(&b);
    good(&b, "{\"method\": \"file_start\"}");
    good(&b, "{\"method\": \"scan_start\", \"params\": [\"mono\", \"eV\", 5, \"x\"]}");
    b.host.events[0] = '\0';
    b.host.now_ns = INT64_C(1795738596644895174);
    json_t *r = ask(&b, "{\"method\": \"scan_point_start\", \"params\": [531.0]}");
    double told_s = json_real_value(json_object_get(r, "response"));
    json_decref(r);
    char want[40];
    snprintf(want, sizeof want, " %lld\n", (long long)llround(told_s * 1e9));
    assert_non_null(strstr(b.host.events, want));
    assert_true(llabs((long long)llround(told_s * 1e9) - 1795738596645895174LL) < 300);
    good(&b, "{\"method\": \"scan_point_end\"}");
    good(&b, "{\"method\": \"scan_end\"}");
    json_t *log = log_of(&b, "logs", "scan0000.json");
    assert_true(json_real_value(json_array_get(json_object_get(log, "epoch_time_start_s"), 0)) == told_s);
    json_decref(log);
    beam_end(&b);
}

static void both_orders_of_arguments_and_kwargs(void **state) {
    (void)state;
    struct beam b;
    beam_begin(&b);
    good(&b, "{\"method\": \"file_start\"}");
    good(&b, "{\"method\": \"scan_start\", \"params\": [\"mono\", \"eV\", 17, 3, \"old\", {}, \"none\"]}");
    answers(&b, "{\"method\": \"scan_num\"}", "17");
    good(&b, "{\"method\": \"scan_end\"}");
    good(&b, "{\"method\": \"calibration_start\", \"params\": [\"mono\", \"eV\", \"id7\", \"new\"]}");   /* ophyd leaves the routine away */
    answers(&b, "{\"method\": \"scan_str\"}", "\"CAL18\"");
    good(&b, "{\"method\": \"scan_end\", \"kwargs\": {\"_try_post_processing\": false}}");
    good(&b, "{\"method\": \"scan_start\", \"params\": [\"mono\"], \"kwargs\": {\"var_unit\": \"eV\", \"sample_desc\": \"by name\"}}");
    assert_non_null(strstr(b.host.events, "SCAN17 old"));
    assert_non_null(strstr(b.host.events, "CAL18 new"));
    assert_non_null(strstr(b.host.events, "SCAN19 by name"));
    good(&b, "{\"method\": \"commCheck\"}");
    beam_end(&b);
}

static void what_is_wrong_changes_nothing(void **state) {
    (void)state;
    struct beam b;
    beam_begin(&b);
    bad(&b, "{\"method\": \"scan_start\", \"params\": [\"mono\", \"eV\", 5, \"x\"]}", "the state is no_file, and this needs file_open");
    good(&b, "{\"method\": \"file_start\"}");
    static const struct { const char *request, *said; } cases[] = {
        { "{\"method\": \"file_start\"}", "the state is file_open" },
        { "{\"method\": \"scan_start\", \"params\": [\"mono\"]}", "missing argument 'var_unit'" },
        { "{\"method\": \"scan_start\", \"params\": [1, \"eV\", 5, \"x\"]}", "var_name must be a text" },
        { "{\"method\": \"scan_start\", \"params\": [\"mono\", \"eV\", 5, \"x\", 3]}", "extra must be a dict" },
        { "{\"method\": \"scan_start\", \"params\": {\"a\": 1}}", "args must be a list, instead it is {\"a\":1}" },
        { "{\"method\": \"scan_start\", \"kwargs\": {\"nonsense\": 1}}", "unexpected argument 'nonsense'" },
        { "{\"method\": \"scan_start\", \"params\": [\"m\"], \"kwargs\": {\"var_name\": \"m\"}}", "multiple values for argument 'var_name'" },
        { "{\"method\": \"__class__\"}", "Method '__class__' does not exit, valid methods are ['file_start'" },
        { "{\"params\": []}", "method key does not exist" },
        { "{\"method\": }", "JSON Parse Exception: " },
        { "{\"method\": \"roi_set\", \"params\": [{\"a\": [3, 2]}]}", "hi > lo" },
        { "{\"method\": \"roi_set\", \"params\": [{\"a\": [null, null]}]}", "no roi 'a'" },
        { "{\"method\": \"roi_set\", \"params\": [{\"a b\": [1, 2], \"a_b\": [1, 2]}]}", "same name in the file" },
        { "{\"method\": \"state\", \"params\": [\"scan\"]}", "cannot be set" },
        { "{\"method\": \"next_scan_num\", \"params\": [-4]}", "a scan number is" },
        { "{\"method\": \"scan_point_start\", \"params\": [1]}", "the state is file_open, and this needs scan" },
        { "{\"method\": \"calibration_learn_from_last_data\"}", "no calibration to learn from" },
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        bad(&b, cases[k].request, cases[k].said);
    answers(&b, "{\"method\": \"state\"}", "\"file_open\"");
    answers(&b, "{\"method\": \"roi_get\", \"params\": [\"tfy\"]}", "[200.0, 1600.0]");
    b.host.refuse_label = true;
    bad(&b, "{\"method\": \"scan_start\", \"params\": [\"mono\", \"eV\", 5, \"x\"]}", "the acquisition said no");
    b.host.refuse_label = false;
    b.host.refuse_events = true;
    bad(&b, "{\"method\": \"scan_start\", \"params\": [\"mono\", \"eV\", 5, \"x\"]}", "the book refused");
    answers(&b, "{\"method\": \"state\"}", "\"file_open\"");
    assert_string_equal(b.host.events, "");
    beam_end(&b);
}

static void many_rois_must_fit_a_reply(void **state) {
    (void)state;
    struct beam b;
    beam_begin(&b);
    char request[4096] = "{\"method\": \"roi_set\", \"params\": [{";
    for (int k = 0; k < 40; k++)
        snprintf(request + strlen(request), sizeof request - strlen(request), "%s\"window_%02d\": [%d, %d]", k ? ", " : "", k, 300 + k, 310 + k);
    strcat(request, "}]}");
    bad(&b, request, "would not fit");
    answers(&b, "{\"method\": \"roi_get\"}", "{\"tfy\": [200.0, 1600.0]}");
    beam_end(&b);
}

/* A client that waits holds up nobody who only asks; another who would change something comes after it; one that hung up is forgotten. */
static void changes_come_one_after_the_other(void **state) {
    (void)state;
    struct beam b;
    beam_begin(&b);
    const char *start = "{\"method\": \"file_start\"}", *end = "{\"method\": \"file_end\"}";
    bool later;
    b.host.later = 2;
    assert_null(scan_server_answer(b.server, start, strlen(start), 1, 0, &later));
    assert_true(later);
    assert_null(scan_server_answer(b.server, end, strlen(end), 2, 0, &later));
    assert_true(later);
    b.ticket = 100;
    answers(&b, "{\"method\": \"state\"}", "\"no_file\"");
    assert_null(scan_server_answer(b.server, start, strlen(start), 1, 5, &later));
    char *reply = scan_server_answer(b.server, start, strlen(start), 1, 10, &later);
    assert_non_null(strstr(reply, "\"success\": true"));
    free(reply);
    b.host.later = 0;
    reply = scan_server_answer(b.server, end, strlen(end), 2, 10, &later);
    assert_non_null(strstr(reply, "\"success\": true"));
    free(reply);
    answers(&b, "{\"method\": \"state\"}", "\"no_file\"");
    b.host.later = 1000;
    assert_null(scan_server_answer(b.server, start, strlen(start), 3, 0, &later));   /* and never again */
    usleep(1100000);
    b.host.later = b.host.asked = 0;
    good(&b, start);
    beam_end(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_beamtime_in_the_order_of_spec),     cmocka_unit_test(times_are_one),
        cmocka_unit_test(both_orders_of_arguments_and_kwargs), cmocka_unit_test(what_is_wrong_changes_nothing),
        cmocka_unit_test(many_rois_must_fit_a_reply),          cmocka_unit_test(changes_come_one_after_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
