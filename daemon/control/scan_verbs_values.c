/* What clients read one by one: without an argument a value is read, with one it is set, where that is possible, and the old value comes back. */
#include <string.h>

#include "daemon/control/file_pattern.h"
#include "daemon/control/scan_server_parts.h"

static enum scan_answer read_only(const struct scan_request *r, json_t *value, json_t **result, char why[SCAN_ERROR]) {
    *result = value;
    return scan_verb_argument(r, 0) == NULL ? SCAN_DONE : scan_verb_refuse(why, "this value cannot be set");
}

static enum scan_answer state(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    return read_only(r, json_string(scan_state_names[s->session.state]), result, why);
}

static enum scan_answer filename(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    return read_only(r, s->session.filename[0] != '\0' ? json_string(s->session.filename) : json_null(), result, why);
}

static bool runs(const struct scan_server *s) { return s->session.state == SCAN_RUNNING || s->session.state == SCAN_IN_POINT; }

/* Of the scan that runs, or of the one that comes next. */
static int32_t number(const struct scan_server *s) { return runs(s) ? s->session.number : s->session.state == SCAN_NO_FILE ? scan_verb_next_number(s) : s->session.next_number; }

static enum scan_answer scan_num(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    const json_t *value = scan_verb_argument(r, 0);
    *result = json_integer(number(s));
    if (value == NULL)
        return SCAN_DONE;
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > 999999)
        return scan_verb_refuse(why, "a scan number is 0 to 999999");
    if (runs(s))
        return scan_verb_refuse(why, "a scan runs, and its number stays");
    if (s->session.state == SCAN_NO_FILE)
        s->number_set = (int32_t)json_integer_value(value);
    else
        s->session.next_number = (int32_t)json_integer_value(value);
    return SCAN_DONE;
}

static enum scan_answer next_scan_num(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    return read_only(r, json_integer(number(s) + 1), result, why);
}

static enum scan_answer scan_str(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    char text[32];
    snprintf(text, sizeof text, "%s%d", s->session.calibration ? "CAL" : "SCAN", s->session.number);
    return read_only(r, json_string(runs(s) ? text : ""), result, why);
}

static enum scan_answer cal_number(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    return read_only(r, json_integer(s->session.cal_number), result, why);
}

static enum scan_answer calibration_state(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    return read_only(r, json_string(s->calibration_state), result, why);
}

static enum scan_answer comm_check(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    (void)s, (void)r, (void)why;
    *result = json_string("Connected");   /* clients show it as it is */
    return SCAN_DONE;
}

/* The next run's files in a folder whose name may leave the date open. Only named: the acquisition makes its own. */
static enum scan_answer get_filename_pattern(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    const char *folder = json_string_value(scan_verb_argument(r, 0));
    char filled[PATH_MAX], pattern[PATH_MAX];
    const int64_t now_ns = s->host.now_ns(s->host.context);
    if (folder == NULL)
        return scan_verb_refuse(why, "path must be a text: a folder, in which %Y, %m and %d stand for the date");
    if (!file_pattern_fill(folder, now_ns, filled) || !file_pattern_next(filled, now_ns, pattern))
        return scan_verb_refuse(why, "the folder's name is too long, or it has 1000 runs already");
    *result = json_string(pattern);
    return SCAN_DONE;
}

static const struct scan_verb list[] = {
    { { "state", { "value" }, 0, false }, false, state },
    { { "filename", { "value" }, 0, false }, false, filename },
    { { "scan_num", { "value" }, 0, false }, true, scan_num },
    { { "scan_str", { "value" }, 0, false }, false, scan_str },
    { { "next_scan_num", { "value" }, 0, false }, false, next_scan_num },
    { { "cal_number", { "value" }, 0, false }, false, cal_number },
    { { "calibration_state", { "value" }, 0, false }, false, calibration_state },
    { { "getFilenamePattern", { "path" }, 1, false }, false, get_filename_pattern },
    { { "commCheck", { NULL }, 0, false }, false, comm_check },
};
const struct scan_verbs scan_verbs_values = { list, sizeof list / sizeof *list };
