#include "daemon/live_status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool live_status_init(struct live_status *s) {
    *s = (struct live_status){ .bodies = json_object() };
    return s->bodies != NULL;
}

void live_status_done(struct live_status *s) {
    json_decref(s->bodies);
    *s = (struct live_status){ 0 };
}

const json_t *live_status_body(const struct live_status *s, const char *topic) { return json_object_get(s->bodies, topic); }

static bool whole_number(const json_t *body, const char *key, int64_t lo, int64_t hi, int64_t *out) {
    const json_t *v = json_object_get(body, key);
    double x = json_number_value(v);
    if (!json_is_number(v) || x < (double)lo || x > (double)hi)
        return false;
    *out = json_is_integer(v) ? json_integer_value(v) : (int64_t)x;
    return true;
}

static unsigned take_status(struct live_status *s, const json_t *body) {
    unsigned change = 0;
    int64_t n, before, period_ns;
    if (json_is_boolean(json_object_get(body, "Running"))) {
        bool running = json_is_true(json_object_get(body, "Running"));
        change |= running != s->running ? STATUS_RUNNING : 0;
        s->running = running;
    }
    if (whole_number(body, "Nsamples", 1, 1 << 20, &n) && whole_number(body, "Npresamp", 0, n - 1, &before) && whole_number(body, "SamplePeriod", 1, 1000000000, &period_ns)) {
        double period_s = (double)period_ns * 1e-9;
        bool same = s->n_samples == (uint32_t)n && s->n_presamples == (uint32_t)before && s->sample_period_s >= period_s && s->sample_period_s <= period_s;
        change |= same ? 0 : STATUS_SHAPE;
        s->n_samples = (uint32_t)n;
        s->n_presamples = (uint32_t)before;
        s->sample_period_s = period_s;
    }
    return change;
}

/* ".../20260302/0000/20260302_run0000_%s.%s" -> folder and "20260302_run0000". */
static void split_pattern(struct live_status *s, const char *pattern) {
    const char *slash = strrchr(pattern, '/'), *end = strstr(slash != NULL ? slash : pattern, "_%s");
    const char *name = slash != NULL ? slash + 1 : pattern;
    s->folder[0] = s->base_name[0] = '\0';
    if (slash == NULL || end == NULL || (size_t)(slash - pattern) >= sizeof s->folder || (size_t)(end - name) >= sizeof s->base_name)
        return;
    snprintf(s->folder, sizeof s->folder, "%.*s", (int)(slash - pattern), pattern);
    snprintf(s->base_name, sizeof s->base_name, "%.*s", (int)(end - name), name);
}

static bool was_told(const struct live_status *s, int64_t label_ns) {
    for (unsigned k = 0; k < sizeof s->told_ns / sizeof *s->told_ns; k++)
        if (s->told_ns[k] == label_ns)
            return true;
    return false;
}

/* The acquisition repeats all it ever said when anyone asks for it: what was said before and has an older time than the present label's is over. One not
 * heard before may have an older time all the same, after a clock was set back. */
static unsigned take_label(struct live_status *s, const char *label, int64_t label_ns) {
    if (label == NULL || label[0] == '\0')
        return 0;
    bool same = strcmp(label, s->label) == 0;
    if (same ? label_ns == 0 || label_ns == s->label_ns : label_ns > 0 && label_ns <= s->timed_ns && was_told(s, label_ns))
        return 0;
    snprintf(s->label, sizeof s->label, "%s", label);
    s->label_ns = label_ns;
    if (label_ns > 0)
        s->told_ns[s->n_told++ % (sizeof s->told_ns / sizeof *s->told_ns)] = label_ns;
    return STATUS_LABEL;
}

void live_status_label_time(struct live_status *s, int64_t time_ns) {
    if (s->label_ns == 0)
        s->label_ns = time_ns > s->timed_ns ? time_ns : s->timed_ns + 1;
    s->timed_ns = s->label_ns;
}

static unsigned take_writing(struct live_status *s, const json_t *body) {
    const char *pattern = json_string_value(json_object_get(body, "FilenamePattern"));
    bool active = json_is_true(json_object_get(body, "Active")) && pattern != NULL && pattern[0] != '\0';
    char before[sizeof s->base_name];
    int64_t ns = 0;
    memcpy(before, s->base_name, sizeof before);
    if (active)
        split_pattern(s, pattern);
    bool changed = active != s->writing || (active && strcmp(before, s->base_name) != 0);
    s->writing = active;
    if (!whole_number(body, "ExperimentStateLabelUnixNano", 0, INT64_MAX / 2, &ns))
        ns = 0;
    return (changed ? STATUS_WRITING : 0) | take_label(s, json_string_value(json_object_get(body, "ExperimentStateLabel")), ns);
}

unsigned live_status_take(struct live_status *s, const char *topic, const json_t *body) {
    if (json_object_set(s->bodies, topic, (json_t *)body) != 0)
        return 0;
    if (strcmp(topic, "CHANNELNAMES") == 0)
        return json_array_size(body) > 0 ? STATUS_ARRAY : 0;
    if (strcmp(topic, "STATUS") == 0)
        return take_status(s, body);
    if (strcmp(topic, "TRIGGER") == 0 || strcmp(topic, "GROUPTRIGGER") == 0)
        return STATUS_TRIGGERS;
    if (strcmp(topic, "WRITING") == 0)
        return take_writing(s, body);
    if (strcmp(topic, "STATELABEL") == 0)
        return take_label(s, json_string_value(body), 0);
    return strcmp(topic, "TRIGGERRATE") == 0 ? STATUS_RATE : 0;
}

bool live_status_triggers(const struct live_status *s, struct acquisition_status *out) {
    struct complaint why;
    *out = (struct acquisition_status){ 0 };
    char *text = json_dumps(s->bodies, JSON_COMPACT);
    if (text == NULL)
        return false;
    enum status result = acquisition_status_parse((const uint8_t *)text, strlen(text), out, &why);
    free(text);
    return result != STATUS_NO_MEMORY;
}
