#include "daemon/sink/dastard_status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_TOPICS = 32, TOPIC = 24 };

struct topic { char name[TOPIC]; char *json; };

struct dastard_status {
    struct dastard_ports *ports;
    struct topic topics[MAX_TOPICS];
    size_t n;
};

bool dastard_status_new(struct dastard_status **out) {
    struct dastard_status *s = calloc(1, sizeof *s);
    if (s != NULL)
        *out = s;
    return s != NULL;
}

static void forget_all(struct dastard_status *s) {
    for (size_t i = 0; i < s->n; i++)
        free(s->topics[i].json);
    s->n = 0;
}

void dastard_status_free(struct dastard_status *s) {
    if (s == NULL)
        return;
    forget_all(s);
    free(s);
}

void dastard_status_connect(struct dastard_status *s, struct dastard_ports *ports, bool forget) {
    s->ports = ports;
    if (forget)
        forget_all(s);
}

static void remember(struct dastard_status *s, const char *topic, char *json) {
    size_t i = 0;
    while (i < s->n && strcmp(s->topics[i].name, topic) != 0)
        i++;
    if (i == MAX_TOPICS) {
        free(json);
        return;
    }
    if (i == s->n)
        snprintf(s->topics[s->n++].name, TOPIC, "%s", topic);
    else
        free(s->topics[i].json);
    s->topics[i].json = json;
}

void dastard_status_tell(struct dastard_status *s, const char *topic, json_t *body) {
    char *json = body == NULL ? NULL : json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(body);
    if (json == NULL)
        return;
    if (s->ports != NULL)
        dastard_ports_tell(s->ports, topic, json);
    remember(s, topic, json);
}

void dastard_status_repeat_all(struct dastard_status *s) {
    for (size_t i = 0; s->ports != NULL && i < s->n; i++)
        dastard_ports_tell(s->ports, s->topics[i].name, s->topics[i].json);
}

/* ---- bodies ---- */

/* Stretches of consecutive numbers; error and feedback channel of a pixel share one. */
static json_t *channel_groups(const struct dastard_array *a) {
    json_t *groups = json_array();
    for (uint32_t i = 0; i < a->n_channels;) {
        const int32_t first = a->channels[i].number;
        int32_t last = first;
        for (i++; i < a->n_channels && a->channels[i].number - last <= 1; i++)
            last = a->channels[i].number;
        json_array_append_new(groups, json_pack("{s:i,s:i}", "Firstchan", (int)first, "Nchan", (int)(last - first + 1)));
    }
    return groups;
}

/* null, not [], when there are none. */
static json_t *with_projectors(const struct dastard_array *a) {
    json_t *indices = json_array();
    for (uint32_t i = 0; i < a->n_channels; i++)
        if (a->channels[i].has_projectors)
            json_array_append_new(indices, json_integer(a->channels[i].index));
    if (json_array_size(indices) > 0)
        return indices;
    json_decref(indices);
    return json_null();
}

json_t *dastard_body_status(const struct dastard_array *a, bool running) {
    return json_pack("{s:b,s:s,s:i,s:i,s:i,s:I,s:o,s:o}", "Running", (int)running, "SourceName", a->source_name, "Nchannels", (int)a->n_channels, "Nsamples",
                     (int)a->n_samples, "Npresamp", (int)a->n_presamples, "SamplePeriod", (json_int_t)llround(a->period_s * 1e9), "ChanGroups", channel_groups(a),
                     "ChannelsWithProjectors", with_projectors(a));
}

json_t *dastard_body_names(const struct dastard_array *a) {
    json_t *names = json_array();
    for (uint32_t i = 0; i < a->n_channels; i++)
        json_array_append_new(names, json_string(a->channels[i].name));
    return names;
}

static json_t *trigger_group(const struct dastard_channel *c) {
    json_t *group = json_pack("{s:[]}", "ChannelIndices");
    for (int f = 0; f < N_TRIGGER_FIELDS; f++) {
        const int64_t v = c->trigger[f];
        json_object_set_new(group, dastard_trigger_names[f].name, dastard_trigger_names[f].is_flag ? json_boolean(v != 0) : json_integer(v));
    }
    return group;
}

static bool same_trigger(const struct dastard_channel *a, const struct dastard_channel *b) {
    return memcmp(a->trigger, b->trigger, sizeof a->trigger) == 0;
}

json_t *dastard_body_triggers(const struct dastard_array *a) {
    enum { MAX_GROUPS = 256 };   /* more kinds than that repeat a group, which says the same */
    const struct dastard_channel *kind[MAX_GROUPS];
    size_t n = 0;
    json_t *groups = json_array();
    for (uint32_t i = 0; i < a->n_channels; i++) {
        const struct dastard_channel *c = &a->channels[i];
        size_t g = 0;
        while (g < n && !same_trigger(kind[g], c))
            g++;
        if (g == n && n < MAX_GROUPS)
            kind[n++] = c;
        if (g == json_array_size(groups) || g == MAX_GROUPS) {
            json_array_append_new(groups, trigger_group(c));
            g = json_array_size(groups) - 1;
        }
        json_array_append_new(json_object_get(json_array_get(groups, g), "ChannelIndices"), json_integer(c->index));
    }
    return groups;
}

json_t *dastard_body_couplings(const struct dastard_array *a) {
    json_t *connections = json_object();
    for (size_t i = 0; i < a->n_couplings; i++) {
        char source[16];
        snprintf(source, sizeof source, "%u", a->couplings[i].source);
        json_t *receivers = json_object_get(connections, source);
        if (receivers == NULL) {
            receivers = json_array();
            json_object_set_new(connections, source, receivers);
        }
        json_array_append_new(receivers, json_integer(a->couplings[i].receiver));
    }
    return json_pack("{s:o}", "Connections", connections);
}

json_t *dastard_body_alive(bool running, double data_s, double megabytes) {
    return json_pack("{s:b,s:f,s:f,s:f}", "Running", (int)running, "Time", data_s, "HWactualMB", megabytes, "DataMB", megabytes);
}

json_t *dastard_body_numbers(const char *key, const uint64_t *counts, uint32_t n) {
    json_t *numbers = json_array();
    for (uint32_t i = 0; i < n; i++)
        json_array_append_new(numbers, json_integer((json_int_t)counts[i]));
    return json_pack("{s:o}", key, numbers);
}

/* RFC 3339 with the fraction's last zeros left out, as upstream's encoder has it. */
static json_t *stamp_of(int64_t ns) {
    const time_t whole = (time_t)(ns / 1000000000);
    struct tm t;
    char text[64], stamp[96];
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", gmtime_r(&whole, &t));
    int n = snprintf(stamp, sizeof stamp, "%s.%09lld", text, (long long)(ns % 1000000000));
    while (stamp[n - 1] == '0')
        n--;
    if (stamp[n - 1] == '.')
        n--;
    snprintf(stamp + n, sizeof stamp - (size_t)n, "Z");
    return json_string(stamp);
}

json_t *dastard_body_rate(int64_t end_ns, int64_t duration_ns, const uint64_t *counts, uint32_t n) {
    json_t *body = json_pack("{s:o,s:I}", "HiTime", stamp_of(end_ns), "Duration", (json_int_t)duration_ns), *numbers = dastard_body_numbers("CountsSeen", counts, n);
    json_object_update(body, numbers);
    json_decref(numbers);
    return body;
}
