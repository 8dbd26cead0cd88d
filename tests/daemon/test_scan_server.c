#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <sys/stat.h>
#include <time.h>
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
    json_t *log = log_of(&b, "logs", "scan0001.json"), *copy = log_of(&b, "beamtime_42/20261122", "scan0001.json");
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
    answers(&b, "{\"method\": \"scan_num\"}", "2");   /* counts on where the day's logs end */
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
        { "{\"method\": \"roi_set\", \"params\": [7]}", "rois are an object" },
        { "{\"method\": \"roi_set\", \"params\": [[[1, 2]]]}", "rois are an object" },
        { "{\"method\": \"roi_set\", \"params\": [{\"a b\": [1, 2], \"a_b\": [1, 2]}]}", "same name in the file" },
        { "{\"method\": \"state\", \"params\": [\"scan\"]}", "cannot be set" },
        { "{\"method\": \"scan_num\", \"params\": [-4]}", "a scan number is" },
        { "{\"method\": \"next_scan_num\", \"params\": [4]}", "cannot be set" },
        { "{\"method\": \"calibration_state\", \"params\": [\"calibrated\"]}", "cannot be set" },
        { "{\"method\": \"scan_start\", \"params\": [\"mono\", \"eV\", 5, \"x\", {}, \"some\"]}", "invalid drift plan" },
        { "{\"method\": \"calibration_start\", \"params\": [\"mono\", \"eV\", 5, \"x\", 3]}", "routine must be a text" },
        { "{\"method\": \"quick_post_process\"}", "no scan with points" },
        { "{\"method\": \"getFilenamePattern\"}", "missing argument 'path'" },
        { "{\"method\": \"make_projectors\", \"params\": [\"noise\"]}", "missing argument 'pulse_file'" },
        { "{\"method\": \"beamtime_id\", \"params\": [\"mine\"]}", "does not exit" },
        { "{\"method\": \"_reset\"}", "does not exit" },
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

/* What each of the old server's clients was seen to send for the same calibration: routine missing, in its place, last; extra in its place. */
static void orders_of_a_calibration(void **state) {
    (void)state;
    static const struct { const char *params, *number, *routine, *sample; bool extra; } cases[] = {
        { "[\"mono\", \"eV\", 3, \"mix\"]", "0", "none", "mix", false },
        { "[\"mono\", \"eV\", 3, \"mix\", {\"a\": 1}]", "1", "none", "mix", true },
        { "[\"mono\", \"eV\", 3, \"mix\", \"r\", {\"a\": 1}, \"basic\"]", "2", "r", "mix", true },
        { "[\"time\", \"seconds\", 7, 101, \"mix\", \"r\", {\"a\": 1}, \"basic\"]", "7", "r", "mix", true },
        { "[\"time\", \"seconds\", 9, 101, \"mix\", {\"a\": 1}, \"basic\", \"r\"]", "9", "r", "mix", true },
        { "[\"time\", \"seconds\", 10, 101, \"mix\", \"r\"]", "10", "r", "mix", false },
    };
    struct beam b;
    beam_begin(&b);
    good(&b, "{\"method\": \"file_start\"}");
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char request[300], name[64];
        snprintf(request, sizeof request, "{\"method\": \"calibration_start\", \"params\": %s}", cases[k].params);
        good(&b, request);
        answers(&b, "{\"method\": \"cal_number\"}", cases[k].number);
        good(&b, "{\"method\": \"scan_end\"}");
        snprintf(name, sizeof name, "calibration%04d.json", atoi(cases[k].number));
        json_t *log = log_of(&b, "logs", name);
        assert_string_equal(json_string_value(json_object_get(log, "routine")), cases[k].routine);
        assert_string_equal(json_string_value(json_object_get(log, "sample_desc")), cases[k].sample);
        assert_int_equal(json_object_size(json_object_get(log, "extra")), cases[k].extra);
        json_decref(log);
    }
    good(&b, "{\"method\": \"scan_start\", \"params\": [\"mono\", \"eV\", 20, 3, \"by name too\"], \"kwargs\": {\"extra\": {\"a\": 1}}}");
    answers(&b, "{\"method\": \"scan_num\"}", "20");
    good(&b, "{\"method\": \"scan_end\"}");
    bad(&b, "{\"method\": \"scan_start\", \"params\": [\"mono\", \"eV\", 20, 3, \"again\"]}", "scan0020.json already exists");
    answers(&b, "{\"method\": \"state\"}", "\"file_open\"");
    beam_end(&b);
}

static void the_log_has_the_fields_of_the_old_server_in_their_order(void **state) {
    (void)state;
    static const char *const common[] = { "var_name", "var_unit", "scan_num", "beamtime_id", "sample_id", "sample_desc", "extra", "data_path", "drift_correction_plan", "user_output_dir",
                                          "point_extras", "var_values", "epoch_time_start_s", "epoch_time_end_s", "roi", "_ended" };
    struct beam b;
    beam_begin(&b);
    good(&b, "{\"method\": \"file_start\"}");
    for (int calibration = 0; calibration < 2; calibration++) {
        good(&b, calibration ? "{\"method\": \"calibration_start\", \"params\": [\"m\", \"eV\", 5, \"x\"]}" : "{\"method\": \"scan_start\", \"params\": [\"m\", \"eV\", 5, \"x\"]}");
        static const char *const values[] = { "530", "\"530.5\"", "[531]", "{\"x\": 1}" };
        for (size_t k = 0; k < 4; k++) {
            char request[120];
            snprintf(request, sizeof request, "{\"method\": \"scan_point_start\", \"params\": [%s]}", values[k]);
            good(&b, request);
            good(&b, "{\"method\": \"scan_point_end\"}");
        }
        good(&b, "{\"method\": \"scan_end\"}");
        json_t *log = log_of(&b, "logs", calibration ? "calibration0001.json" : "scan0000.json"), *first = json_object_get(log, "var_values");
        void *at = json_object_iter(log);
        for (size_t k = 0; k < sizeof common / sizeof *common; k++, at = json_object_iter_next(log, at))
            assert_string_equal(json_object_iter_key(at), common[k]);
        assert_string_equal(json_object_iter_key(at), calibration ? "routine" : "cal_number");
        at = json_object_iter_next(log, at);
        assert_string_equal(json_object_iter_key(at), "calibration");
        assert_null(json_object_iter_next(log, at));
        assert_true(json_is_real(json_array_get(first, 0)) && json_real_value(json_array_get(first, 1)) == 530.5 && json_real_value(json_array_get(first, 2)) == 531);
        assert_true(json_is_object(json_array_get(first, 3)));
        assert_true(json_is_true(json_object_get(log, "_ended")) && strstr(json_string_value(json_object_get(log, "user_output_dir")), "/beamtime_42/20261122/scan000") != NULL);
        json_decref(log);
    }
    assert_non_null(strstr(b.host.events, "3 0   530.5 nan"));
    assert_non_null(strstr(b.host.events, "3 0   nan nan"));
    beam_end(&b);
}

/* scan_num is that of the scan that runs, or of the one that comes; it alone can be set, and next_scan_num is one more. */
static void numbers_and_their_names(void **state) {
    (void)state;
    struct beam b;
    beam_begin(&b);
    b.host.now_ns = INT64_C(1795348800000000000);   /* noon of the day in the file's name */
    answers(&b, "{\"method\": \"scan_num\"}", "0");
    answers(&b, "{\"method\": \"scan_num\", \"params\": [12]}", "0");   /* the old value comes back */
    answers(&b, "{\"method\": \"scan_num\"}", "12");
    answers(&b, "{\"method\": \"filename\"}", "null");
    good(&b, "{\"method\": \"file_start\"}");
    answers(&b, "{\"method\": \"scan_num\"}", "12");
    answers(&b, "{\"method\": \"next_scan_num\"}", "13");
    answers(&b, "{\"method\": \"scan_str\"}", "\"\"");
    good(&b, "{\"method\": \"scan_start\", \"params\": [\"m\", \"eV\", 5, \"x\"]}");
    answers(&b, "{\"method\": \"scan_str\"}", "\"SCAN12\"");
    answers(&b, "{\"method\": \"scan_num\"}", "12");
    answers(&b, "{\"method\": \"next_scan_num\"}", "13");
    bad(&b, "{\"method\": \"scan_num\", \"params\": [30]}", "its number stays");
    good(&b, "{\"method\": \"scan_end\"}");
    answers(&b, "{\"method\": \"scan_str\"}", "\"\"");
    answers(&b, "{\"method\": \"scan_num\"}", "13");
    good(&b, "{\"method\": \"file_end\", \"kwargs\": {\"_try_rsync_data\": false, \"dest\": \"/x\"}}");
    answers(&b, "{\"method\": \"scan_num\"}", "13");   /* as the day's logs have it */
    answers(&b, "{\"method\": \"cal_number\"}", "-1");
    beam_end(&b);
}

static void windows_as_the_old_server_had_them(void **state) {
    (void)state;
    struct beam b;
    beam_begin(&b);
    good(&b, "{\"method\": \"roi_set\", \"params\": [[[150, 250, \"test1\"], [350, 450, \"test2\"]]]}");
    answers(&b, "{\"method\": \"roi_get\"}", "{\"tfy\": [200.0, 1600.0], \"test1\": [150.0, 250.0], \"test2\": [350.0, 450.0]}");
    good(&b, "{\"method\": \"roi_set\", \"params\": [{\"test1\": [null, null], \"never\": [null, null], \"tfy\": [null, null]}]}");
    answers(&b, "{\"method\": \"roi_get\"}", "{\"test2\": [350.0, 450.0]}");
    answers(&b, "{\"method\": \"roi_get\", \"params\": [\"never\"]}", "null");
    good(&b, "{\"method\": \"roi_set\", \"params\": [null]}");
    answers(&b, "{\"method\": \"roi_get\", \"params\": [\"tfy\"]}", "[200.0, 1600.0]");
    beam_end(&b);
}

static void text_of(const struct beam *b, const char *name, char *out, size_t room) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", b->folder, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    out[fread(out, 1, room - 1, f)] = '\0';
    fclose(f);
}

/* As numpy.savetxt writes and loadtxt reads them. */
static void files_of_counts(void **state) {
    (void)state;
    struct beam b;
    char text[600], want[128];
    beam_begin(&b);
    good(&b, "{\"method\": \"file_start\"}");
    good(&b, "{\"method\": \"scan_start\", \"params\": [\"m\", \"eV\", 5, \"x\"]}");
    for (int k = 0; k < 2; k++) {
        good(&b, "{\"method\": \"scan_point_start\", \"params\": [530]}");
        good(&b, "{\"method\": \"scan_point_end\"}");
        good(&b, "{\"method\": \"roi_save_counts\"}");
    }
    bad(&b, "{\"method\": \"quick_post_process\"}", "this needs file_open");
    snprintf(want, sizeof want, "\"%s/beamtime_42/pfy/scan_0\"", b.folder);
    answers(&b, "{\"method\": \"get_pfy_output_file\", \"params\": [true]}", want);
    good(&b, "{\"method\": \"scan_end\"}");
    good(&b, "{\"method\": \"quick_post_process\"}");   /* not calibrated: nothing */
    good(&b, "{\"method\": \"calibration_load_from_disk\"}");
    good(&b, "{\"method\": \"quick_post_process\"}");
    text_of(&b, "beamtime_42/pfy/scan_0", text, sizeof text);
    assert_string_equal(text, "# tfy point\n7.000000000000000000e+00 0.000000000000000000e+00\n7.000000000000000000e+00 1.000000000000000000e+00\n");
    text_of(&b, "beamtime_42/quick_post_process/scan_0", text, sizeof text);
    assert_string_equal(text, "# tfy point\n7 0\n7 1\n");
    beam_end(&b);
}

/* Clients give folders with the date left open, and ask to have it filled in, or what the next run would be called. */
static void names_of_files(void **state) {
    (void)state;
    struct beam b;
    char request[300], want[300], path[128];
    beam_begin(&b);
    b.host.now_ns = INT64_C(1795738596000000000);   /* noon or so, in any zone of 2026-11-26 to 27 */
    time_t seconds = 1795738596;
    struct tm local;
    localtime_r(&seconds, &local);
    snprintf(path, sizeof path, "%s/0000", b.folder);
    assert_int_equal(mkdir(path, 0777), 0);
    snprintf(request, sizeof request, "{\"method\": \"getFilenamePattern\", \"params\": [\"%s\"]}", b.folder);
    snprintf(want, sizeof want, "\"%s/0001/%04d%02d%02d_run0001_%%s.%%s\"", b.folder, local.tm_year + 1900, local.tm_mon + 1, local.tm_mday);
    answers(&b, request, want);
    good(&b, "{\"method\": \"file_start\", \"params\": [\"/raw/%Y/%m\", true, false, true]}");
    snprintf(want, sizeof want, "/raw/%04d/%02d", local.tm_year + 1900, local.tm_mon + 1);
    assert_string_equal(b.host.path, want);
    good(&b, "{\"method\": \"file_end\"}");
    good(&b, "{\"method\": \"file_start\", \"params\": [\"/raw/%Y\"]}");
    assert_string_equal(b.host.path, "/raw/%Y");
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
    setenv("TZ", "UTC", 1);   /* days of clocks here and in names of files */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_beamtime_in_the_order_of_spec),     cmocka_unit_test(times_are_one),
        cmocka_unit_test(both_orders_of_arguments_and_kwargs), cmocka_unit_test(what_is_wrong_changes_nothing),
        cmocka_unit_test(many_rois_must_fit_a_reply),          cmocka_unit_test(changes_come_one_after_the_other),
        cmocka_unit_test(orders_of_a_calibration),             cmocka_unit_test(the_log_has_the_fields_of_the_old_server_in_their_order),
        cmocka_unit_test(numbers_and_their_names),             cmocka_unit_test(windows_as_the_old_server_had_them),
        cmocka_unit_test(files_of_counts),                     cmocka_unit_test(names_of_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
