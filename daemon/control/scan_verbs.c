/* The methods of the scan server that make files, scans and points, one function each; the table at the end is the only place where they are named. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/control/file_pattern.h"
#include "daemon/control/scan_log_folder.h"
#include "daemon/control/scan_server_parts.h"

/* The clock's time as the double that the client is told and the log holds. */
static double now_s(const struct scan_server *s) { return (double)s->host.now_ns(s->host.context) * 1e-9; }

static struct scan_event event_of(const struct scan_server *s, enum scan_event_kind kind, int64_t time_ns) {
    return (struct scan_event){ .kind = kind, .time_ns = time_ns, .number = s->session.number, .incident_eV = NAN, .i0 = NAN, .i0_sigma = NAN };
}

static bool tell(struct scan_server *s, const struct scan_event *e, char why[SCAN_ERROR]) {
    const char *text = "refused";
    if (s->host.told(s->host.context, e, &text))
        return true;
    snprintf(why, SCAN_ERROR, "%s", text);
    return false;
}

/* ---- folders ---- */

/* The run's logs, or the user's of the file's day; "" without one. */
static void folder_of_logs(const struct scan_server *s, bool users, char out[PATH_MAX]) {
    out[0] = '\0';
    if (!users)
        scan_log_folder_of_file(s->log_folder, s->session.filename, out, PATH_MAX);
    else if (s->user_folder[0] != '\0')
        scan_log_folder_of_day(s->user_folder, s->beamtime_id, s->session.filename, s->host.now_ns(s->host.context), out, PATH_MAX);
}

int32_t scan_verb_next_number(const struct scan_server *s) {
    int32_t next = 0;
    if (s->number_set >= 0)
        return s->number_set;
    for (int users = s->session.state == SCAN_NO_FILE; users < 2; users++) {
        char folder[PATH_MAX];
        folder_of_logs(s, users != 0, folder);
        int32_t there = folder[0] != '\0' ? scan_log_folder_next(folder) : 0;
        next = there > next ? there : next;
    }
    return next;
}

/* ---- files ---- */

/* What the acquisition is told; NULL after why. The path may leave the date open when the client asks for it to be filled in. */
static json_t *file_settings(const struct scan_server *s, const struct scan_request *r, char why[SCAN_ERROR]) {
    const json_t *path = scan_verb_argument(r, 0);
    char filled[PATH_MAX] = "";
    if (path != NULL && !json_is_string(path)) {
        scan_verb_refuse(why, "path must be a text");
        return NULL;
    }
    const bool fill = path != NULL && json_is_true(scan_verb_argument(r, 3));
    if (fill && !file_pattern_fill(json_string_value(path), s->host.now_ns(s->host.context), filled)) {
        scan_verb_refuse(why, "the path is too long");
        return NULL;
    }
    json_t *settings = json_object();
    if (path != NULL)
        json_object_set_new(settings, "path", json_string(fill ? filled : json_string_value(path)));
    static const char *const keys[] = { "write_ljh", "write_off" };
    for (unsigned k = 0; k < 2; k++)
        if (scan_verb_argument(r, k + 1) != NULL)
            json_object_set_new(settings, keys[k], json_deep_copy(scan_verb_argument(r, k + 1)));
    return settings;
}

static enum scan_answer file_start(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    enum scan_answer a = scan_verb_wants(s, SCAN_NO_FILE, why);
    if (a != SCAN_DONE)
        return a;
    json_t *settings = file_settings(s, r, why), *name = NULL;
    if (settings == NULL)
        return SCAN_REFUSED;
    a = scan_verb_wish(s, SCAN_WISH_FILE_START, settings, r, &name, why);
    if (a == SCAN_DONE) {
        const char *file = json_string_value(name) != NULL ? json_string_value(name) : "";
        scan_session_file(&s->session, file, 0);
        s->session.next_number = scan_verb_next_number(s);
        s->number_set = -1;
        *result = json_string(file);
    }
    json_decref(name);
    return a;
}

static enum scan_answer file_end(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    enum scan_answer a = scan_verb_wants(s, SCAN_FILE_OPEN, why);
    (void)result;
    if (a == SCAN_DONE)
        a = scan_verb_wish(s, SCAN_WISH_FILE_END, NULL, r, NULL, why);
    if (a != SCAN_DONE)
        return a;
    scan_session_file_end(&s->session);
    scan_regions_reset(&s->regions);
    s->pfy_file[0] = s->pfy_names[0] = '\0';
    snprintf(s->calibration_state, sizeof s->calibration_state, "no_calibration");
    return s->host.regions(s->host.context, &s->regions, why) ? SCAN_DONE : SCAN_REFUSED;
}

/* ---- scans ---- */

/* Behind sample_desc come (extra, drift plan), of a calibration the routine before them; newer clients leave it out, older ones had it last. */
static void take_rest(const struct scan_request *r, struct scan_begin *b) {
    const json_t *rest[3] = { scan_verb_argument(r, 4), scan_verb_argument(r, 5), b->calibration ? scan_verb_argument(r, 6) : NULL };
    const bool routine_first = b->calibration && !json_is_object(rest[0]);
    b->routine = routine_first ? rest[0] : rest[2];
    b->extra = rest[routine_first];
    b->drift_plan = rest[1 + routine_first];
}

static struct scan_begin begin_of(const struct scan_server *s, const struct scan_request *r, bool calibration) {
    struct scan_begin b = { .calibration = calibration, .number = -1, .var_name = scan_verb_argument(r, 0), .var_unit = scan_verb_argument(r, 1),
                            .sample_id = scan_verb_argument(r, 2), .sample_desc = scan_verb_argument(r, 3), .beamtime_id = s->beamtime_id };
    take_rest(r, &b);
    if (r->call->scan_num != NULL)
        b.number = json_integer_value(r->call->scan_num) >= 0 && json_integer_value(r->call->scan_num) <= 999999 ? (int32_t)json_integer_value(r->call->scan_num) : -2;
    return b;
}

static bool is_plan(const json_t *plan) {
    static const char *const plans[] = { "none", "basic", "before_and_after_cals" };
    for (size_t k = 0; k < sizeof plans / sizeof *plans; k++)
        if (json_is_string(plan) && strcmp(json_string_value(plan), plans[k]) == 0)
            return true;
    return plan == NULL;
}

static const char *wrong_with(const struct scan_begin *b) {
    if (b->var_name != NULL && !json_is_string(b->var_name))
        return "var_name must be a text";
    if (b->var_unit != NULL && !json_is_string(b->var_unit))
        return "var_unit must be a text";
    if (b->extra != NULL && !json_is_object(b->extra))
        return "extra must be a dict";
    if (b->routine != NULL && !json_is_string(b->routine))
        return "routine must be a text";
    if (!is_plan(b->drift_plan))
        return "invalid drift plan: none, basic or before_and_after_cals";
    return b->number < -1 ? "a scan number is 0 to 999999" : NULL;
}

static void name_log(bool calibration, int32_t number, char out[64]) { snprintf(out, 64, "%s%04d.json", calibration ? "calibration" : "scan", number); }

/* A log is never written over: its scan would be lost. */
static bool is_taken(const struct scan_server *s, const char *name, char why[SCAN_ERROR]) {
    for (int users = 0; users < 2; users++) {
        char folder[PATH_MAX], path[PATH_MAX];
        folder_of_logs(s, users != 0, folder);
        if (folder[0] == '\0' || snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path || access(path, F_OK) != 0)
            continue;
        snprintf(why, SCAN_ERROR, "%.300s already exists", path);
        return true;
    }
    return false;
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
    name_log(b->calibration, number, e.text);
    return e;
}

/* Where the old server put what it made of the scan; "" without a folder for the user. */
static void name_output(const struct scan_server *s, int32_t number, char out[PATH_MAX]) {
    folder_of_logs(s, true, out);
    size_t n = strlen(out);
    if (n > 0)
        snprintf(out + n, PATH_MAX - n, "/scan%04d", number);
}

static enum scan_answer begin(struct scan_server *s, const struct scan_request *r, bool calibration, char why[SCAN_ERROR]) {
    enum scan_answer a = scan_verb_wants(s, SCAN_FILE_OPEN, why);
    struct scan_begin b = begin_of(s, r, calibration);
    char output[PATH_MAX];
    if (a != SCAN_DONE)
        return a;
    if (wrong_with(&b) != NULL)
        return scan_verb_refuse(why, wrong_with(&b));
    int32_t number = b.number >= 0 ? b.number : s->session.next_number;
    if (!r->again)
        s->request_s = now_s(s);
    struct scan_event e = begin_event(s, &b, number, scan_session_ns(s->request_s));
    if (is_taken(s, e.text, why))
        return SCAN_REFUSED;
    a = scan_verb_wish(s, SCAN_WISH_LABEL, json_string(e.label), r, NULL, why);
    if (a != SCAN_DONE)
        return a;
    if (!tell(s, &e, why))
        return SCAN_REFUSED;
    name_output(s, number, output);
    b.user_output_dir = output;
    return scan_session_begin(&s->session, &b) ? SCAN_DONE : scan_verb_refuse(why, "out of memory");
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
    enum scan_answer a = scan_verb_wants(s, SCAN_RUNNING, why);
    double time_s;
    if (a != SCAN_DONE)
        return a;
    if (!time_of(s, scan_verb_argument(r, 1), &time_s))
        return scan_verb_refuse(why, "the time must be seconds since 1970");
    if (scan_verb_argument(r, 2) != NULL && !json_is_object(scan_verb_argument(r, 2)))
        return scan_verb_refuse(why, "extra must be a dict");
    struct scan_event e = event_of(s, SCAN_EVENT_POINT_START, scan_session_ns(time_s));
    const json_t *value = scan_verb_argument(r, 0);
    if (strcmp(json_string_value(json_object_get(s->session.log, "var_unit")), "eV") == 0)
        e.incident_eV = scan_session_value(value);
    if (!tell(s, &e, why))
        return SCAN_REFUSED;
    scan_session_point_begin(&s->session, value, time_s, scan_verb_argument(r, 2));
    *result = json_real(time_s);
    return SCAN_DONE;
}

/* The extras of a point may come at its start (as the protocol has it) or at its end, when I0 is known. */
static enum scan_answer scan_point_end(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    enum scan_answer a = scan_verb_wants(s, SCAN_IN_POINT, why);
    double time_s;
    if (a != SCAN_DONE)
        return a;
    if (!time_of(s, scan_verb_argument(r, 0), &time_s))
        return scan_verb_refuse(why, "the time must be seconds since 1970");
    if (scan_verb_argument(r, 1) != NULL && !json_is_object(scan_verb_argument(r, 1)))
        return scan_verb_refuse(why, "extra must be a dict");
    struct scan_event e = event_of(s, SCAN_EVENT_POINT_END, scan_session_ns(time_s));
    char key[16];
    snprintf(key, sizeof key, "%u", s->session.n_points - 1);
    const json_t *early = json_object_get(json_object_get(s->session.log, "point_extras"), key), *late = scan_verb_argument(r, 1);
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
static bool write_logs(const struct scan_server *s) {
    bool good = true;
    for (int users = 0; users < 2; users++) {
        char folder[PATH_MAX], name[64];
        folder_of_logs(s, users != 0, folder);
        scan_session_log_name(&s->session, name);
        if (folder[0] != '\0')
            good = scan_log_folder_write(folder, name, s->session.log) && good;
    }
    return good;
}

static enum scan_answer scan_end(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    enum scan_answer a = scan_verb_wants(s, SCAN_RUNNING, why);
    if (a != SCAN_DONE)
        return a;
    if (!r->again)
        s->request_s = now_s(s);
    a = scan_verb_wish(s, SCAN_WISH_LABEL, json_string("PAUSE"), r, NULL, why);
    if (a == SCAN_LATER)
        return a;   /* refused: the scan ends all the same, or nothing could ever end it */
    struct scan_event e = event_of(s, s->session.calibration ? SCAN_EVENT_CALIBRATION_END : SCAN_EVENT_SCAN_END, scan_session_ns(s->request_s));
    bool taken = tell(s, &e, why);
    json_t *regions = scan_regions_json(&s->regions);
    scan_session_end(&s->session, regions);
    json_decref(regions);
    if (!write_logs(s))
        return scan_verb_refuse(why, "the scan has ended, but its log could not be written");
    (void)result;
    return taken && a == SCAN_DONE ? SCAN_DONE : SCAN_REFUSED;
}

/* dest and filename are rsync's, which is not ours to run. */
static const struct scan_verb list[] = {
    { { "file_start", { "path", "write_ljh", "write_off", "setFilenamePattern" }, 0, false }, true, file_start },
    { { "file_end", { "_try_rsync_data", "dest", "filename" }, 0, false }, true, file_end },
    { { "calibration_start", { "var_name", "var_unit", "sample_id", "sample_desc", "routine", "extra", "drift_correction_plan" }, 2, true }, true, calibration_start },
    { { "scan_start", { "var_name", "var_unit", "sample_id", "sample_desc", "extra", "drift_correction_plan" }, 2, true }, true, scan_start },
    { { "scan_point_start", { "scan_var", "_epoch_time_s_for_test", "extra" }, 1, false }, true, scan_point_start },
    { { "scan_point_end", { "_epoch_time_s_for_test", "extra" }, 0, false }, true, scan_point_end },
    { { "scan_end", { "_try_post_processing", "_try_rsync_data", "dest", "filename" }, 0, false }, true, scan_end },
    { { "rsync_data", { "dest", "filename" }, 0, false }, false, scan_verb_nothing },
};
const struct scan_verbs scan_verbs = { list, sizeof list / sizeof *list };
