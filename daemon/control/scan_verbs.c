/* The methods of the scan server, one function each; the table at the end is the only place where they are named. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/control/scan_log_folder.h"
#include "daemon/control/scan_server_parts.h"

static const json_t *argument(const struct scan_request *r, unsigned k) {
    const json_t *a = r->call->arguments[k];
    return json_is_null(a) ? NULL : a;
}

static enum scan_answer refuse(char why[SCAN_ERROR], const char *text) {
    if (text != why)
        snprintf(why, SCAN_ERROR, "%s", text);
    return SCAN_REFUSED;
}

/* SCAN_DONE when the session stands in the state. */
static enum scan_answer wants(const struct scan_server *s, enum scan_state state, char why[SCAN_ERROR]) {
    char text[120];
    const char *wrong = scan_session_wants(&s->session, state, text);
    return wrong == NULL ? SCAN_DONE : refuse(why, wrong);
}

static enum scan_answer wish(struct scan_server *s, enum scan_wish what, const json_t *argument, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    return s->host.wish(s->host.context, what, argument, r->waited_ms, result, why);
}

/* The clock's time as the double that the client is told and the log holds. */
static double now_s(const struct scan_server *s) { return (double)s->host.now_ns(s->host.context) * 1e-9; }

static struct scan_event event_of(const struct scan_server *s, enum scan_event_kind kind, int64_t time_ns) {
    return (struct scan_event){ .kind = kind, .time_ns = time_ns, .number = s->session.number, .incident_eV = NAN, .i0 = NAN, .i0_sigma = NAN };
}

/* Points of a calibration stand in its log alone: all its records count, between points too. */
static bool tell(struct scan_server *s, const struct scan_event *e, char why[SCAN_ERROR]) {
    const char *text = "refused";
    if (s->session.calibration && (e->kind == SCAN_EVENT_POINT_START || e->kind == SCAN_EVENT_POINT_END))
        return true;
    if (s->host.told(s->host.context, e, &text))
        return true;
    snprintf(why, SCAN_ERROR, "%s", text);
    return false;
}

/* ---- files ---- */

static enum scan_answer file_start(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    enum scan_answer a = wants(s, SCAN_NO_FILE, why);
    if (a != SCAN_DONE)
        return a;
    json_t *settings = json_object(), *name = NULL;
    static const char *const keys[] = { "path", "write_ljh", "write_off" };
    for (unsigned k = 0; k < 3; k++)
        if (argument(r, k) != NULL)
            json_object_set_new(settings, keys[k], json_deep_copy(argument(r, k)));
    a = wish(s, SCAN_WISH_FILE_START, settings, r, &name, why);
    json_decref(settings);
    if (a == SCAN_DONE) {
        char folder[PATH_MAX];
        const char *file = json_string_value(name) != NULL ? json_string_value(name) : "";
        scan_log_folder_of_file(s->log_folder, file, folder, sizeof folder);
        int32_t next = scan_log_folder_next(folder);
        if (s->user_folder[0] != '\0') {
            scan_log_folder_of_day(s->user_folder, s->beamtime_id, s->host.now_ns(s->host.context), folder, sizeof folder);
            next = scan_log_folder_next(folder) > next ? scan_log_folder_next(folder) : next;
        }
        scan_session_file(&s->session, file, next);
        *result = json_string(file);
    }
    json_decref(name);
    return a;
}

static enum scan_answer file_end(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    enum scan_answer a = wants(s, SCAN_FILE_OPEN, why);
    if (a == SCAN_DONE)
        a = wish(s, SCAN_WISH_FILE_END, NULL, r, result, why);
    json_decref(*result);
    *result = NULL;
    if (a == SCAN_DONE) {
        scan_session_file_end(&s->session);
        scan_regions_reset(&s->regions);
        s->pfy_file[0] = '\0';
        snprintf(s->calibration_state, sizeof s->calibration_state, "no_calibration");
        if (!s->host.regions(s->host.context, &s->regions, why))
            return SCAN_REFUSED;
    }
    return a;
}

/* ---- scans ---- */

/* Two orders: today's (var_name, var_unit, sample_id, sample_desc, ...) and an older one with a scan_num third. sample_desc is a text, so a
 * number in fourth place tells the older one. */
static bool old_order(const struct scan_request *r) { return json_is_number(r->call->arguments[3]) && json_is_number(r->call->arguments[2]); }

static struct scan_begin begin_of(const struct scan_server *s, const struct scan_request *r, bool calibration) {
    unsigned shift = old_order(r) ? 1 : 0, k = 2 + shift;
    struct scan_begin b = { .calibration = calibration, .number = -1, .var_name = argument(r, 0), .var_unit = argument(r, 1), .sample_id = argument(r, k),
                            .sample_desc = argument(r, k + 1), .beamtime_id = s->beamtime_id, .user_output_dir = s->user_folder };
    k += 2;
    if (calibration)
        b.routine = argument(r, k++);
    b.extra = argument(r, k);
    b.drift_plan = k + 1 < SCAN_ARGUMENTS ? argument(r, k + 1) : NULL;
    if (shift != 0)
        b.number = (int32_t)json_integer_value(argument(r, 2));
    return b;
}

static const char *wrong_with(const struct scan_begin *b) {
    if (b->var_name != NULL && !json_is_string(b->var_name))
        return "var_name must be a text";
    if (b->var_unit != NULL && !json_is_string(b->var_unit))
        return "var_unit must be a text";
    if (b->extra != NULL && !json_is_object(b->extra))
        return "extra must be a dict";
    if (b->number < -1)
        return "scan_num must not be negative";
    return NULL;
}

static void copy_text(char *to, size_t size, const json_t *from) {
    const char *text = json_string_value(from);
    snprintf(to, size, "%s", text != NULL ? text : "");
}

static struct scan_event begin_event(const struct scan_server *s, const struct scan_begin *b, int32_t number, int64_t time_ns) {
    struct scan_event e = event_of(s, b->calibration ? SCAN_EVENT_CALIBRATION_START : SCAN_EVENT_SCAN_START, time_ns);
    e.number = number;
    copy_text(e.var_name, sizeof e.var_name, b->var_name);
    copy_text(e.var_unit, sizeof e.var_unit, b->var_unit);
    copy_text(e.sample, sizeof e.sample, b->sample_desc);
    if (e.sample[0] == '\0' || strcmp(e.sample, "null") == 0) {
        char *id = b->sample_id != NULL ? json_dumps(b->sample_id, JSON_ENCODE_ANY) : NULL;
        snprintf(e.sample, sizeof e.sample, "%s", json_is_string(b->sample_id) ? json_string_value(b->sample_id) : id != NULL ? id : "");
        free(id);
    }
    snprintf(e.label, sizeof e.label, "%s%d", b->calibration ? "CAL" : "SCAN", number);
    snprintf(e.text, sizeof e.text, "%s%04d.json", b->calibration ? "calibration" : "scan", number);
    return e;
}

static enum scan_answer begin(struct scan_server *s, const struct scan_request *r, bool calibration, char why[SCAN_ERROR]) {
    enum scan_answer a = wants(s, SCAN_FILE_OPEN, why);
    struct scan_begin b = begin_of(s, r, calibration);
    if (a != SCAN_DONE)
        return a;
    if (wrong_with(&b) != NULL)
        return refuse(why, wrong_with(&b));
    int32_t number = b.number >= 0 ? b.number : s->session.next_number;
    if (!r->again)
        s->request_s = now_s(s);
    struct scan_event e = begin_event(s, &b, number, scan_session_ns(s->request_s));
    json_t *label = json_string(e.label), *result = NULL;
    a = wish(s, SCAN_WISH_LABEL, label, r, &result, why);
    json_decref(label);
    json_decref(result);
    if (a != SCAN_DONE)
        return a;
    if (!tell(s, &e, why))
        return SCAN_REFUSED;
    return scan_session_begin(&s->session, &b) ? SCAN_DONE : refuse(why, "out of memory");
}

static enum scan_answer scan_start(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    (void)result;
    return begin(s, r, false, why);
}

static enum scan_answer calibration_start(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    (void)result;
    return begin(s, r, true, why);
}

/* A time given for tests, or the clock's. False: it is no number. */
static bool time_of(const struct scan_server *s, const json_t *given, double *time_s) {
    *time_s = given == NULL ? now_s(s) : json_number_value(given);
    return given == NULL || (json_is_number(given) && *time_s > 0 && *time_s < 9e9);
}

static double extra_number(const struct scan_server *s, const json_t *extra, const char *ending) {
    char key[sizeof s->i0_key + 8];
    snprintf(key, sizeof key, "%s%s", s->i0_key, ending);
    const json_t *v = json_object_get(extra, key);
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

static enum scan_answer scan_point_start(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    enum scan_answer a = wants(s, SCAN_RUNNING, why);
    double time_s;
    if (a != SCAN_DONE)
        return a;
    if (!time_of(s, argument(r, 1), &time_s))
        return refuse(why, "the time must be seconds since 1970");
    if (argument(r, 2) != NULL && !json_is_object(argument(r, 2)))
        return refuse(why, "extra must be a dict");
    struct scan_event e = event_of(s, SCAN_EVENT_POINT_START, scan_session_ns(time_s));
    const json_t *value = argument(r, 0);
    bool energy = strcmp(json_string_value(json_object_get(s->session.log, "var_unit")), "eV") == 0;
    if (energy && json_is_number(value))
        e.incident_eV = json_number_value(value);
    if (!tell(s, &e, why))
        return SCAN_REFUSED;
    scan_session_point_begin(&s->session, value, time_s, argument(r, 2));
    *result = json_real(time_s);
    return SCAN_DONE;
}

/* The extras of a point may come at its start (as the protocol has it) or at its end, when I0 is known. */
static enum scan_answer scan_point_end(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    enum scan_answer a = wants(s, SCAN_IN_POINT, why);
    double time_s;
    if (a != SCAN_DONE)
        return a;
    if (!time_of(s, argument(r, 0), &time_s))
        return refuse(why, "the time must be seconds since 1970");
    if (argument(r, 1) != NULL && !json_is_object(argument(r, 1)))
        return refuse(why, "extra must be a dict");
    struct scan_event e = event_of(s, SCAN_EVENT_POINT_END, scan_session_ns(time_s));
    char key[16];
    snprintf(key, sizeof key, "%u", s->session.n_points - 1);
    const json_t *early = json_object_get(json_object_get(s->session.log, "point_extras"), key), *late = argument(r, 1);
    e.i0 = isnan(extra_number(s, late, "")) ? extra_number(s, early, "") : extra_number(s, late, "");
    e.i0_sigma = isnan(extra_number(s, late, "_sigma")) ? extra_number(s, early, "_sigma") : extra_number(s, late, "_sigma");
    if (!tell(s, &e, why))
        return SCAN_REFUSED;
    scan_session_point_end(&s->session, time_s, late);
    *result = json_real(time_s);
    return SCAN_DONE;
}

/* Into the run's logs, and the user's folder where there is one. The scan has ended whether or not its log could be written; the points
 * are in the journal. */
static bool write_logs(struct scan_server *s, int64_t time_ns) {
    char folder[PATH_MAX], name[64];
    scan_session_log_name(&s->session, name);
    scan_log_folder_of_file(s->log_folder, s->session.filename, folder, sizeof folder);
    bool good = scan_log_folder_write(folder, name, s->session.log);
    if (s->user_folder[0] == '\0')
        return good;
    scan_log_folder_of_day(s->user_folder, s->beamtime_id, time_ns, folder, sizeof folder);
    return scan_log_folder_write(folder, name, s->session.log) && good;
}

static enum scan_answer scan_end(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    enum scan_answer a = wants(s, SCAN_RUNNING, why);
    if (a != SCAN_DONE)
        return a;
    json_t *pause = json_string("PAUSE"), *nothing = NULL;
    if (!r->again)
        s->request_s = now_s(s);
    a = wish(s, SCAN_WISH_LABEL, pause, r, &nothing, why);
    json_decref(pause);
    json_decref(nothing);
    if (a == SCAN_LATER)
        return a;   /* refused: the scan ends all the same, or nothing could ever end it */
    struct scan_event e = event_of(s, s->session.calibration ? SCAN_EVENT_CALIBRATION_END : SCAN_EVENT_SCAN_END, scan_session_ns(s->request_s));
    bool taken = tell(s, &e, why);
    json_t *regions = scan_regions_json(&s->regions);
    scan_session_end(&s->session, regions);
    json_decref(regions);
    if (!write_logs(s, e.time_ns))
        return refuse(why, "the scan has ended, but its log could not be written");
    (void)result;
    return taken && a == SCAN_DONE ? SCAN_DONE : SCAN_REFUSED;
}

/* ---- counts ---- */

static enum scan_answer roi_set(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    (void)result;
    struct scan_regions next = s->regions;
    char text[SCAN_REGIONS_WHY];
    if (!scan_regions_change(&next, argument(r, 0), text))
        return refuse(why, text);
    if (!s->host.regions(s->host.context, &next, why))
        return SCAN_REFUSED;
    s->regions = next;
    return SCAN_DONE;
}

static enum scan_answer roi_get(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    if (argument(r, 0) == NULL) {
        *result = scan_regions_json(&s->regions);
        return SCAN_DONE;
    }
    const char *name = json_string_value(argument(r, 0));
    *result = name != NULL ? scan_regions_one(&s->regions, name) : NULL;
    return *result != NULL ? SCAN_DONE : refuse(why, "there is no roi of that name");
}

/* Of the last finished point: of the running scan, or of the one that ended. */
static enum scan_answer roi_get_counts(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    const struct scan_session *x = &s->session;
    uint32_t finished = x->n_points - (x->state == SCAN_IN_POINT);
    if (x->log == NULL || x->n_points == 0 || finished == 0)
        return refuse(why, "no point has ended yet");
    json_t *which = json_pack("{s:i,s:i}", "scan", x->number, "point", (int)finished - 1);
    enum scan_answer a = wish(s, SCAN_WISH_COUNTS, which, r, result, why);
    json_decref(which);
    return a;
}

static bool pfy_file(struct scan_server *s) {
    char folder[PATH_MAX];
    if (s->pfy_file[0] != '\0')
        return true;
    scan_log_folder_of_file(s->log_folder, s->session.filename, folder, sizeof folder);
    return snprintf(s->pfy_file, sizeof s->pfy_file, "%s/%s%04d_pfy.txt", folder, s->session.calibration ? "calibration" : "scan", s->session.number) < (int)sizeof s->pfy_file;
}

static bool append_counts(struct scan_server *s, const json_t *counts) {
    const char *name;
    json_t *value;
    FILE *f = pfy_file(s) ? fopen(s->pfy_file, "a") : NULL;
    if (f == NULL)
        return false;
    if (ftell(f) == 0) {
        fputs("# scan point", f);
        json_object_foreach((json_t *)(uintptr_t)counts, name, value)
            fprintf(f, " %s", name);
        fputc('\n', f);
    }
    fprintf(f, "%d %u", s->session.number, s->session.n_points - (s->session.state == SCAN_IN_POINT) - 1);
    json_object_foreach((json_t *)(uintptr_t)counts, name, value)
        fprintf(f, " %lld", (long long)json_integer_value(value));
    fputc('\n', f);
    return fclose(f) == 0;
}

static enum scan_answer roi_save_counts(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    enum scan_answer a = roi_get_counts(s, r, result, why);
    if (a == SCAN_DONE && !append_counts(s, *result))
        return refuse(why, "the file of counts cannot be written");
    return a;
}

static enum scan_answer get_pfy_output_file(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    (void)r;
    if (s->session.log == NULL)
        return refuse(why, "there is no scan yet");
    if (!pfy_file(s))
        return refuse(why, "the folder's name is too long");
    *result = json_string(s->pfy_file);
    return SCAN_DONE;
}

/* What the old server computed afterwards is there already. */
static enum scan_answer nothing_to_do(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    (void)s, (void)r, (void)result, (void)why;
    return SCAN_DONE;
}

static enum scan_answer start_post_processing(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    (void)s, (void)r, (void)why;
    *result = json_string("maps and spectra are made as the scan goes on");
    return SCAN_DONE;
}

/* ---- calibration and acquisition ---- */

static enum scan_answer learn(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    enum scan_answer a = wants(s, SCAN_FILE_OPEN, why);
    if (a == SCAN_DONE && s->session.cal_number < 0)
        return refuse(why, "there is no calibration to learn from: calibration_start first");
    if (a != SCAN_DONE)
        return a;
    json_t *number = json_integer(s->session.cal_number), *said = NULL;
    a = wish(s, SCAN_WISH_LEARN, number, r, &said, why);
    if (a == SCAN_DONE)
        snprintf(s->calibration_state, sizeof s->calibration_state, "calibrated");
    json_decref(number);
    json_decref(said);
    (void)result;
    return a;
}

static enum scan_answer load(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    json_t *said = NULL;
    enum scan_answer a = wish(s, SCAN_WISH_LOAD, NULL, r, &said, why);
    if (a == SCAN_DONE)
        snprintf(s->calibration_state, sizeof s->calibration_state, "calibrated");
    json_decref(said);
    (void)result;
    return a;
}

static enum scan_answer set_pulse_triggers(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    return wish(s, SCAN_WISH_PULSE_TRIGGERS, NULL, r, result, why);
}

static enum scan_answer set_noise_triggers(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    return wish(s, SCAN_WISH_NOISE_TRIGGERS, NULL, r, result, why);
}

static enum scan_answer start_lancero(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    return wish(s, SCAN_WISH_START_SOURCE, NULL, r, result, why);
}

static enum scan_answer make_projectors(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    json_t *files = json_array();
    for (unsigned k = 0; k < 2; k++)
        json_array_append_new(files, argument(r, k) != NULL ? json_deep_copy(argument(r, k)) : json_null());
    enum scan_answer a = wish(s, SCAN_WISH_MAKE_PROJECTORS, files, r, result, why);
    json_decref(files);
    return a;
}

static enum scan_answer set_projectors(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    return wish(s, SCAN_WISH_SET_PROJECTORS, argument(r, 0), r, result, why);
}

/* "PATH/20261122/0007/20261122_run0007_chan1.ljh" -> ".../20261122_run0007_%s.%s", as the acquisition names it. */
static enum scan_answer get_filename_pattern(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    const char *file = argument(r, 0) != NULL ? json_string_value(argument(r, 0)) : s->session.filename;
    const char *name = file != NULL ? strstr(file, "_chan") : NULL;
    if (name == NULL)
        return refuse(why, "no file of a channel is named");
    for (const char *next; (next = strstr(name + 1, "_chan")) != NULL;)
        name = next;
    char pattern[SCAN_FILE_NAME + 16];
    snprintf(pattern, sizeof pattern, "%.*s_%%s.%%s", (int)(name - file), file);
    *result = json_string(pattern);
    return SCAN_DONE;
}

/* ---- values: without an argument they are read; those that may be set give the old value back ---- */

static enum scan_answer read_only(const struct scan_request *r, json_t *value, json_t **result, char why[SCAN_ERROR]) {
    *result = value;
    return argument(r, 0) == NULL ? SCAN_DONE : refuse(why, "this value cannot be set");
}

static enum scan_answer state(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    return read_only(r, json_string(scan_state_names[s->session.state]), result, why);
}

static enum scan_answer filename(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    return read_only(r, s->session.filename[0] != '\0' ? json_string(s->session.filename) : json_null(), result, why);
}

static enum scan_answer scan_num(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    bool runs = s->session.state == SCAN_RUNNING || s->session.state == SCAN_IN_POINT;
    return read_only(r, json_integer(runs ? s->session.number : s->session.next_number), result, why);
}

static enum scan_answer scan_str(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    char text[32];
    snprintf(text, sizeof text, "%s%d", s->session.calibration ? "CAL" : "SCAN", s->session.number);
    return read_only(r, json_string(s->session.number >= 0 ? text : ""), result, why);
}

static enum scan_answer next_scan_num(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    *result = json_integer(s->session.next_number);
    const json_t *value = argument(r, 0);
    if (value == NULL)
        return SCAN_DONE;
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > 999999)
        return refuse(why, "a scan number is 0 to 999999");
    s->session.next_number = (int32_t)json_integer_value(value);
    return SCAN_DONE;
}

static enum scan_answer cal_number(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    return read_only(r, json_integer(s->session.cal_number), result, why);
}

static enum scan_answer calibration_state(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    return read_only(r, json_string(s->calibration_state), result, why);
}

static enum scan_answer comm_check(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    (void)s, (void)r, (void)why;
    *result = json_true();
    return SCAN_DONE;
}

const struct scan_verb scan_verbs[] = {
    { { "file_start", { "path", "write_ljh", "write_off", "setFilenamePattern" }, 0 }, true, file_start },
    { { "file_end", { "_try_rsync_data" }, 0 }, true, file_end },
    { { "calibration_start", { "var_name", "var_unit", "sample_id", "sample_desc", "routine", "extra", "drift_correction_plan", "_older_order" }, 2 }, true, calibration_start },
    { { "scan_start", { "var_name", "var_unit", "sample_id", "sample_desc", "extra", "drift_correction_plan", "_older_order" }, 2 }, true, scan_start },
    { { "scan_point_start", { "scan_var", "_epoch_time_s_for_test", "extra" }, 1 }, true, scan_point_start },
    { { "scan_point_end", { "_epoch_time_s_for_test", "extra" }, 0 }, true, scan_point_end },
    { { "scan_end", { "_try_post_processing", "_try_rsync_data" }, 0 }, true, scan_end },
    { { "calibration_learn_from_last_data", { NULL }, 0 }, true, learn },
    { { "calibration_load_from_disk", { NULL }, 0 }, true, load },
    { { "roi_set", { "rois_list" }, 0 }, true, roi_set },
    { { "roi_get", { "name" }, 0 }, false, roi_get },
    { { "roi_get_counts", { "fast" }, 0 }, false, roi_get_counts },
    { { "roi_save_counts", { NULL }, 0 }, true, roi_save_counts },
    { { "roi_start_counts", { NULL }, 0 }, false, nothing_to_do },
    { { "quick_post_process", { NULL }, 0 }, false, nothing_to_do },
    { { "get_pfy_output_file", { "make" }, 0 }, false, get_pfy_output_file },
    { { "start_post_processing", { "waitToFinish", "skip_wait", "max_channels" }, 0 }, false, start_post_processing },
    { { "rsync_data", { NULL }, 0 }, false, nothing_to_do },
    { { "set_pulse_triggers", { NULL }, 0 }, true, set_pulse_triggers },
    { { "set_noise_triggers", { NULL }, 0 }, true, set_noise_triggers },
    { { "start_lancero", { NULL }, 0 }, true, start_lancero },
    { { "make_projectors", { "noise_file", "pulse_file" }, 0 }, true, make_projectors },
    { { "set_projectors", { "projector_file" }, 0 }, true, set_projectors },
    { { "getFilenamePattern", { "path" }, 0 }, false, get_filename_pattern },
    { { "state", { "value" }, 0 }, false, state },
    { { "filename", { "value" }, 0 }, false, filename },
    { { "scan_num", { "value" }, 0 }, false, scan_num },
    { { "scan_str", { "value" }, 0 }, false, scan_str },
    { { "next_scan_num", { "value" }, 0 }, true, next_scan_num },
    { { "cal_number", { "value" }, 0 }, false, cal_number },
    { { "calibration_state", { "value" }, 0 }, false, calibration_state },
    { { "commCheck", { NULL }, 0 }, false, comm_check },
};
const size_t scan_n_verbs = sizeof scan_verbs / sizeof scan_verbs[0];
