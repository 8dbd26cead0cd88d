#include "daemon/control/scan_session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const scan_state_names[N_SCAN_STATES] = { "no_file", "file_open", "scan", "scan_point" };

void scan_session_init(struct scan_session *s) {
    *s = (struct scan_session){ .number = -1, .cal_number = -1 };
}

void scan_session_done(struct scan_session *s) {
    json_decref(s->log);
    scan_session_init(s);
}

const char *scan_session_wants(const struct scan_session *s, enum scan_state state, char why[120]) {
    if (s->state == state)
        return NULL;
    snprintf(why, 120, "the state is %s, and this needs %s", scan_state_names[s->state], scan_state_names[state]);
    return why;
}

void scan_session_file(struct scan_session *s, const char *filename, int32_t next_number) {
    scan_session_done(s);
    s->state = SCAN_FILE_OPEN;
    snprintf(s->filename, sizeof s->filename, "%s", filename);
    s->next_number = next_number;
}

void scan_session_file_end(struct scan_session *s) { scan_session_done(s); }

static void set(json_t *log, const char *key, const json_t *value, json_t *otherwise) {
    if (value != NULL) {
        json_object_set_new(log, key, json_deep_copy(value));
        json_decref(otherwise);
    } else {
        json_object_set_new(log, key, otherwise);
    }
}

bool scan_session_begin(struct scan_session *s, const struct scan_begin *b) {
    json_t *log = json_object();
    if (log == NULL)
        return false;
    s->number = b->number >= 0 ? b->number : s->next_number;
    s->calibration = b->calibration;
    if (b->calibration)
        s->cal_number = s->number;
    set(log, "var_name", b->var_name, json_string("unnamed_motor"));   /* fields in the order in which the old server wrote them */
    set(log, "var_unit", b->var_unit, json_string("index"));
    json_object_set_new(log, "scan_num", json_integer(s->number));
    json_object_set_new(log, "beamtime_id", json_string(b->beamtime_id));
    set(log, "sample_id", b->sample_id, json_integer(-1));
    set(log, "sample_desc", b->sample_desc, json_string("null"));
    set(log, "extra", json_is_object(b->extra) ? b->extra : NULL, json_object());
    json_object_set_new(log, "data_path", json_string(s->filename));
    set(log, "drift_correction_plan", b->drift_plan, json_string("none"));
    json_object_set_new(log, "user_output_dir", json_string(b->user_output_dir));
    json_object_set_new(log, "point_extras", json_object());
    json_object_set_new(log, "var_values", json_array());
    json_object_set_new(log, "epoch_time_start_s", json_array());
    json_object_set_new(log, "epoch_time_end_s", json_array());
    json_object_set_new(log, "roi", json_object());
    json_object_set_new(log, "_ended", json_false());
    if (b->calibration)
        set(log, "routine", b->routine, json_string("none"));
    else
        json_object_set_new(log, "cal_number", json_integer(s->cal_number));
    json_object_set_new(log, "calibration", json_boolean(b->calibration));
    json_decref(s->log);
    s->log = log;
    s->n_points = 0;
    s->point_start_ns = s->point_end_ns = 0;
    s->next_number = s->number + 1 > s->next_number ? s->number + 1 : s->next_number;
    s->state = SCAN_RUNNING;
    return true;
}

int64_t scan_session_ns(double time_s) { return llround(time_s * 1e9); }

double scan_session_value(const json_t *value) {
    const json_t *one = json_is_array(value) && json_array_size(value) == 1 ? json_array_get(value, 0) : value;
    const char *text = json_string_value(one);
    char *end = NULL;
    double number = text != NULL ? strtod(text, &end) : json_number_value(one);
    bool good = text != NULL ? end != text && *end == '\0' : json_is_number(one);
    return good && isfinite(number) ? number : (double)NAN;
}

static json_t *value_in_log(const json_t *value) {
    const double number = scan_session_value(value);
    if (isfinite(number))
        return json_real(number);
    return value != NULL ? json_deep_copy(value) : json_null();
}

static void add_extra(struct scan_session *s, const json_t *extra) {
    char key[16];
    json_t *all = json_object_get(s->log, "point_extras");
    snprintf(key, sizeof key, "%u", s->n_points - 1);
    json_t *of_point = json_object_get(all, key);
    if (!json_is_object(extra) || json_object_size(extra) == 0)
        return;
    if (of_point == NULL) {
        of_point = json_object();
        json_object_set_new(all, key, of_point);
    }
    json_t *copy = json_deep_copy(extra);
    json_object_update(of_point, copy);
    json_decref(copy);
}

bool scan_session_point_begin(struct scan_session *s, const json_t *value, double time_s, const json_t *extra) {
    json_array_append_new(json_object_get(s->log, "var_values"), value_in_log(value));
    s->n_points++;
    s->state = SCAN_IN_POINT;
    s->point_start_ns = scan_session_ns(time_s);
    add_extra(s, extra);
    return json_array_append_new(json_object_get(s->log, "epoch_time_start_s"), json_real(time_s)) == 0;
}

bool scan_session_point_end(struct scan_session *s, double time_s, const json_t *extra) {
    s->state = SCAN_RUNNING;
    s->point_end_ns = scan_session_ns(time_s);
    add_extra(s, extra);
    return json_array_append_new(json_object_get(s->log, "epoch_time_end_s"), json_real(time_s)) == 0;
}

bool scan_session_end(struct scan_session *s, const json_t *regions) {
    json_object_set_new(s->log, "roi", json_deep_copy(regions));
    s->state = SCAN_FILE_OPEN;
    return json_object_set_new(s->log, "_ended", json_true()) == 0;
}

void scan_session_log_name(const struct scan_session *s, char out[64]) {
    snprintf(out, 64, "%s%04d.json", s->calibration ? "calibration" : "scan", s->number);
}
