#include "daemon/scan_event_json.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "daemon/json_value.h"

static const char *const kind_words[N_SCAN_EVENT_KINDS] = {
    [SCAN_EVENT_RUN_START] = "run_start", [SCAN_EVENT_RUN_END] = "run_end", [SCAN_EVENT_SCAN_START] = "scan_start",
    [SCAN_EVENT_POINT_START] = "point_start", [SCAN_EVENT_POINT_END] = "point_end", [SCAN_EVENT_SCAN_END] = "scan_end",
    [SCAN_EVENT_CALIBRATION_START] = "calibration_start", [SCAN_EVENT_CALIBRATION_END] = "calibration_end",
};

static const struct { const char *key; size_t offset; } numbers[] = {
    { "incident_eV", offsetof(struct scan_event, incident_eV) }, { "i0", offsetof(struct scan_event, i0) }, { "i0_sigma", offsetof(struct scan_event, i0_sigma) },
};
static const struct { const char *key; size_t offset, size; } texts[] = {
    { "sample", offsetof(struct scan_event, sample), sizeof(((struct scan_event *)0)->sample) },
    { "label", offsetof(struct scan_event, label), sizeof(((struct scan_event *)0)->label) },
    { "var_name", offsetof(struct scan_event, var_name), sizeof(((struct scan_event *)0)->var_name) },
    { "var_unit", offsetof(struct scan_event, var_unit), sizeof(((struct scan_event *)0)->var_unit) },
    { "text", offsetof(struct scan_event, text), sizeof(((struct scan_event *)0)->text) },
};
enum { N_NUMBERS = sizeof numbers / sizeof numbers[0], N_TEXTS = sizeof texts / sizeof texts[0] };

json_t *scan_event_to_json(const struct scan_event *e) {
    json_t *o = json_pack("{s:s, s:I}", "event", kind_words[e->kind], "time_ns", (json_int_t)e->time_ns);
    if (o != NULL && e->number >= 0)
        json_object_set_new(o, "number", json_integer(e->number));
    for (size_t k = 0; k < N_NUMBERS; k++) {
        double x;
        memcpy(&x, (const char *)e + numbers[k].offset, sizeof x);
        if (isfinite(x))
            json_object_set_new(o, numbers[k].key, json_real(x));
    }
    for (size_t k = 0; k < N_TEXTS; k++) {
        const char *text = (const char *)e + texts[k].offset;
        if (text[0] != '\0')
            json_object_set_new(o, texts[k].key, json_value_text(text));
    }
    return o;
}

static bool kind_of(const json_t *object, enum scan_event_kind *out) {
    const char *word = json_string_value(json_object_get(object, "event"));
    for (enum scan_event_kind k = 0; word != NULL && k < N_SCAN_EVENT_KINDS; k++)
        if (strcmp(word, kind_words[k]) == 0) {
            *out = k;
            return true;
        }
    return false;
}

bool scan_event_from_json(const json_t *object, struct scan_event *out) {
    struct scan_event e = { .number = -1, .incident_eV = NAN, .i0 = NAN, .i0_sigma = NAN };
    const json_t *time = json_object_get(object, "time_ns"), *number = json_object_get(object, "number");
    if (!kind_of(object, &e.kind) || !json_is_integer(time))
        return false;
    e.time_ns = json_integer_value(time);
    if (json_is_integer(number) && json_integer_value(number) >= 0 && json_integer_value(number) <= INT32_MAX)
        e.number = (int32_t)json_integer_value(number);
    for (size_t k = 0; k < N_NUMBERS; k++) {
        const json_t *v = json_object_get(object, numbers[k].key);
        const double x = json_is_number(v) ? json_number_value(v) : (double)NAN;
        memcpy((char *)&e + numbers[k].offset, &x, sizeof x);
    }
    for (size_t k = 0; k < N_TEXTS; k++) {
        const char *text = json_string_value(json_object_get(object, texts[k].key));
        snprintf((char *)&e + texts[k].offset, texts[k].size, "%s", text != NULL ? text : "");
    }
    *out = e;
    return true;
}
