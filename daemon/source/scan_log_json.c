/* Scan logs as JSON, all that tes_scan_server has written since September 2020:
 *   scans (and calibrations since March 2021)  one object with var_values and both epoch lists; the rest may be absent
 *   calibrations of 2020                       one object with start_unixnano and end_unixnano
 * point_extras is an object "row" -> object, before 2021 a list. Python writes NaN and Infinity, which JSON has not: they are
 * read as null. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/source/scan_log.h"
#include "daemon/source/scan_log_field.h"

enum { MAX_EXTRAS = 64, I0_KEY_LENGTH = 128 };

struct decoder {
    const char *name, *i0_key;
    char i0_sigma_key[I0_KEY_LENGTH + 8];
    const json_t *root;
    struct complaint *why, *note;
};

/* ---- text -> JSON ---- */

static size_t python_word(const uint8_t *at, size_t n) {
    static const char *const words[] = { "NaN", "-Infinity", "Infinity" };
    for (size_t k = 0; k < sizeof words / sizeof words[0]; k++) {
        size_t length = strlen(words[k]);
        if (n >= length && memcmp(at, words[k], length) == 0)
            return length;
    }
    return 0;
}

/* A copy with NaN and the infinities outside of strings as null; a byte order mark is left out. The copy may grow by a third. */
static char *without_python_words(const uint8_t *bytes, size_t n, size_t *n_out) {
    char *copy = malloc(n + n / 3 + 1);
    if (copy == NULL)
        return NULL;
    size_t out = 0;
    bool in_string = false;
    for (size_t i = n >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0; i < n;) {
        size_t word = in_string ? 0 : python_word(bytes + i, n - i);
        if (word > 0) {
            memcpy(copy + out, "null", 4);
            out += 4;
            i += word;
            continue;
        }
        if (in_string && bytes[i] == '\\' && i + 1 < n)
            copy[out++] = (char)bytes[i++];
        else if (bytes[i] == '"')
            in_string = !in_string;
        copy[out++] = (char)bytes[i++];
    }
    *n_out = out;
    return copy;
}

static enum status load(const uint8_t *bytes, size_t n, json_t **out, struct complaint *why) {
    if (n > SCAN_LOG_LIMIT) {
        complaint_set(why, SCAN_LOG_LIMIT, 0, "longer than the %d MiB a scan log may have", SCAN_LOG_LIMIT >> 20);
        return STATUS_BAD_VALUE;
    }
    size_t length;
    char *text = without_python_words(bytes, n, &length);
    if (text == NULL)
        return STATUS_NO_MEMORY;
    json_error_t e;
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &e);
    free(text);
    if (root == NULL) {
        bool torn = json_error_code(&e) == json_error_premature_end_of_input;
        complaint_set(why, e.position > 0 ? (uint64_t)e.position : 0, e.line > 0 ? (uint32_t)e.line : 0, torn ? "ends before its JSON does: %s" : "not JSON: %s", e.text);
        return torn ? STATUS_TRUNCATED : STATUS_BAD_VALUE;
    }
    if (!json_is_object(root)) {
        complaint_set(why, 0, 1, "not a scan log: its JSON is no object");
        json_decref(root);
        return STATUS_BAD_VALUE;
    }
    *out = root;
    return STATUS_OK;
}

/* ---- fields ---- */

static double number_or_nan(const json_t *v) {
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static void copy_string(char *out, size_t size, const json_t *v) {
    scan_log_copy(out, size, json_is_string(v) ? json_string_value(v) : "");
}

/* The first oddity stands; those after it often follow from it. */
#define NOTE(d, ...) do { if ((d)->note->text[0] == '\0') complaint_set((d)->note, 0, 0, __VA_ARGS__); } while (0)

/* sample_desc, unless it says nothing; then sample_id, unless it is the number for none. */
static void read_sample(const json_t *root, char *out, size_t size) {
    const json_t *description = json_object_get(root, "sample_desc"), *id = json_object_get(root, "sample_id");
    copy_string(out, size, description);
    if (out[0] != '\0' && strcmp(out, "null") != 0)
        return;
    copy_string(out, size, id);
    if (json_is_integer(id) && json_integer_value(id) != -1)
        snprintf(out, size, "%" JSON_INTEGER_FORMAT, json_integer_value(id));
}

static int32_t read_number(const struct decoder *d, const char *key) {
    const json_t *v = json_object_get(d->root, key);
    if (!json_is_integer(v))
        return scan_log_number_in_name(d->name);
    return json_integer_value(v) >= 0 && json_integer_value(v) <= INT32_MAX ? (int32_t)json_integer_value(v) : -1;
}

static bool read_calibration(const json_t *root) {
    const json_t *v = json_object_get(root, "calibration");
    return json_is_boolean(v) ? json_is_true(v) : json_object_get(root, "routine") != NULL;
}

static double read_mono_eV(const json_t *root) {
    const json_t *extra = json_object_get(root, "extra");
    double mono_eV = number_or_nan(json_object_get(extra, "mono_eV"));
    return isnan(mono_eV) ? number_or_nan(json_object_get(extra, "mono")) : mono_eV;
}

static void read_head(const struct decoder *d, const char *number_key, struct scan *s) {
    *s = (struct scan){ .number = -1, .log_number = read_number(d, number_key), .mono_eV = NAN };
    scan_log_copy(s->log_name, sizeof s->log_name, d->name);
    read_sample(d->root, s->sample, sizeof s->sample);
    copy_string(s->var_name, sizeof s->var_name, json_object_get(d->root, "var_name"));
    copy_string(s->var_unit, sizeof s->var_unit, json_object_get(d->root, "var_unit"));
}

/* ---- points ---- */

struct lists { const json_t *values, *starts, *ends; size_t n; };

static enum status find_lists(const struct decoder *d, struct lists *l) {
    static const char *const keys[] = { "var_values", "epoch_time_start_s", "epoch_time_end_s" };
    const json_t *found[3];
    for (size_t k = 0; k < 3; k++) {
        found[k] = json_object_get(d->root, keys[k]);
        if (!json_is_array(found[k])) {
            complaint_set(d->why, 0, 0, "not a scan log: it has no list %s", keys[k]);
            return STATUS_NOT_FOUND;
        }
    }
    *l = (struct lists){ .values = found[0], .starts = found[1], .ends = found[2] };
    size_t n[3], least = SIZE_MAX, most = 0;
    for (size_t k = 0; k < 3; k++) {
        n[k] = json_array_size(found[k]);
        least = n[k] < least ? n[k] : least;
        most = n[k] > most ? n[k] : most;
    }
    if (most - least > 1) {
        complaint_set(d->why, 0, 0, "lists of unequal length: %zu var_values, %zu epoch_time_start_s, %zu epoch_time_end_s", n[0], n[1], n[2]);
        return STATUS_BAD_VALUE;
    }
    if (most > least)
        NOTE(d, "lists differ by one (%zu var_values, %zu epoch_time_start_s, %zu epoch_time_end_s): the first %zu points are used", n[0], n[1], n[2], least);
    l->n = least;
    if (least > 0)
        return STATUS_OK;
    complaint_set(d->why, 0, 0, "the log has no finished point");
    return STATUS_TOO_FEW;
}

static bool time_at(const json_t *list, size_t i, int64_t *out) {
    const json_t *v = json_array_get(list, i);
    return json_is_number(v) && scan_log_ns_of(json_number_value(v), out);
}

static enum status read_points(const struct decoder *d, const struct lists *l, struct scan *s) {
    s->points = calloc(l->n, sizeof *s->points);
    if (s->points == NULL)
        return STATUS_NO_MEMORY;
    s->n_points = (uint32_t)l->n;
    bool energy = scan_log_is_energy(s->var_name, s->var_unit);
    s->start_ns = INT64_MAX;
    s->end_ns = INT64_MIN;
    for (size_t i = 0; i < l->n; i++) {
        struct scan_point *p = &s->points[i];
        *p = (struct scan_point){ .incident_eV = energy ? number_or_nan(json_array_get(l->values, i)) : NAN, .i0 = NAN, .i0_sigma = NAN };
        if (!time_at(l->starts, i, &p->start_ns) || !time_at(l->ends, i, &p->end_ns)) {
            complaint_set(d->why, 0, 0, "point %zu has no time: epoch_time_start_s and epoch_time_end_s must be seconds", i);
            return STATUS_BAD_VALUE;
        }
        if (energy && isnan(p->incident_eV))
            NOTE(d, "var_values[%zu] is not a number: the point has no incident energy", i);
        s->start_ns = p->start_ns < s->start_ns ? p->start_ns : s->start_ns;
        s->end_ns = p->end_ns > s->end_ns ? p->end_ns : s->end_ns;
    }
    return STATUS_OK;
}

/* ---- what came along with the points ---- */

static enum status extra_column(const struct decoder *d, struct scan *s, const char *key, double **column) {
    *column = NULL;
    for (uint32_t k = 0; k < s->n_extras; k++)
        if (strcmp(s->extras[k].name, key) == 0) {
            *column = s->extras[k].values;
            return STATUS_OK;
        }
    if (s->n_extras == MAX_EXTRAS || strlen(key) >= sizeof s->extras->name) {
        NOTE(d, "point_extras: %.48s is left out (names of 47 bytes, %d columns at most)", key, MAX_EXTRAS);
        return STATUS_OK;
    }
    double *values = malloc(s->n_points * sizeof *values);
    if (values == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < s->n_points; i++)
        values[i] = NAN;
    struct scan_extra *e = &s->extras[s->n_extras++];
    scan_log_copy(e->name, sizeof e->name, key);
    *column = e->values = values;
    return STATUS_OK;
}

static enum status read_extras_of_point(const struct decoder *d, const json_t *object, uint32_t row, struct scan *s) {
    const char *key;
    json_t *value;
    s->points[row].i0 = number_or_nan(json_object_get(object, d->i0_key));
    s->points[row].i0_sigma = number_or_nan(json_object_get(object, d->i0_sigma_key));
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        double *column = NULL;
        enum status status = json_is_number(value) ? extra_column(d, s, key, &column) : STATUS_OK;
        if (status != STATUS_OK)
            return status;
        if (column != NULL)
            column[row] = json_number_value(value);
    }
    return STATUS_OK;
}

static bool row_of_key(const char *key, uint32_t n_points, uint32_t *row) {
    size_t digits = strspn(key, "0123456789");
    if (digits == 0 || digits > 9 || key[digits] != '\0')
        return false;
    *row = (uint32_t)strtoul(key, NULL, 10);
    return *row < n_points;
}

static enum status read_extras(const struct decoder *d, struct scan *s) {
    json_t *extras = json_object_get(d->root, "point_extras");
    size_t n = json_is_array(extras) ? json_array_size(extras) : 0;
    s->extras = calloc(MAX_EXTRAS, sizeof *s->extras);
    enum status status = s->extras != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < n && i < s->n_points && status == STATUS_OK; i++)
        status = read_extras_of_point(d, json_array_get(extras, i), i, s);
    const char *key;
    json_t *value;
    json_object_foreach(extras, key, value) {
        uint32_t row;
        if (status != STATUS_OK)
            break;
        if (row_of_key(key, s->n_points, &row))
            status = read_extras_of_point(d, value, row, s);
        else
            NOTE(d, "point_extras has an entry \"%.48s\" that no point belongs to", key);
    }
    return status;
}

static enum status decode_scan(const struct decoder *d, struct scan *s) {
    struct lists lists;
    enum status status = find_lists(d, &lists);
    if (status != STATUS_OK)
        return status;
    read_head(d, "scan_num", s);
    s->calibration = read_calibration(d->root);
    if (s->calibration)
        s->mono_eV = read_mono_eV(d->root);
    status = read_points(d, &lists, s);
    return status == STATUS_OK ? read_extras(d, s) : status;
}

/* A calibration of 2020: only an interval. */
static enum status decode_interval(const struct decoder *d, struct scan *s) {
    const json_t *start = json_object_get(d->root, "start_unixnano"), *end = json_object_get(d->root, "end_unixnano");
    if (!json_is_integer(start) || !json_is_integer(end) || json_integer_value(start) >= json_integer_value(end)) {
        complaint_set(d->why, 0, 0, "a calibration log needs whole numbers start_unixnano < end_unixnano");
        return STATUS_BAD_VALUE;
    }
    read_head(d, "cal_number", s);
    s->calibration = true;
    s->start_ns = json_integer_value(start);
    s->end_ns = json_integer_value(end);
    return STATUS_OK;
}

enum status scan_log_parse_json(const char *name, const uint8_t *bytes, size_t n, const char *i0_key, struct scan_log *out, struct complaint *why) {
    json_t *root;
    enum status status = load(bytes, n, &root, why);
    if (status != STATUS_OK)
        return status;
    struct scan_log log = { .n = 1, .scans = calloc(1, sizeof *log.scans) };
    struct decoder d = { .name = name, .i0_key = i0_key ? i0_key : "i0", .root = root, .why = why, .note = &log.note };
    snprintf(d.i0_sigma_key, sizeof d.i0_sigma_key, "%.*s_sigma", I0_KEY_LENGTH, d.i0_key);
    if (log.scans == NULL)
        status = STATUS_NO_MEMORY;
    else if (json_object_get(root, "start_unixnano") != NULL && json_object_get(root, "var_values") == NULL)
        status = decode_interval(&d, log.scans);
    else
        status = decode_scan(&d, log.scans);
    json_decref(root);
    if (status == STATUS_OK)
        *out = log;
    else
        scan_log_done(&log);
    return status;
}
