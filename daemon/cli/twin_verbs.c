/* daemon/cli/twin_verbs.c - what the twin's control port understands (simulate_twin.h). Texts of errors are upstream's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "daemon/cli/simulate_twin.h"
#include "daemon/log.h"

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static bool refuse(char error[JSON_REQUEST_ERROR], const char *why) {
    snprintf(error, JSON_REQUEST_ERROR, "%s", why);
    return false;
}

static bool needs_source(const struct twin *t, char error[JSON_REQUEST_ERROR]) {
    return t->running || refuse(error, "No source is active");
}

static bool send_all_status(void *context, const json_t *argument, json_t **result, char error[JSON_REQUEST_ERROR]) {
    (void)argument;
    (void)error;
    dastard_status_repeat_all(((struct twin *)context)->status);
    *result = json_false();
    return true;
}

/* A subscription that comes after the first block has missed it, as with DASTARD; tests say how many they mean to have. */
static void await_subscriptions(struct twin *t) {
    const struct timespec pause = {.tv_nsec = 5000000};
    for (int i = 0; i < 4000 && t->serve->await > 0 && dastard_ports_subscriptions(t->ports) < t->serve->await; i++)
        nanosleep(&pause, NULL);
}

static bool start(void *context, const json_t *argument, json_t **result, char error[JSON_REQUEST_ERROR]) {
    static const char *const sources[] = {"SIMPULSESOURCE", "TRIANGLESOURCE", "LANCEROSOURCE", "ROACHSOURCE", "RESONATORSOURCE", "ABACOSOURCE"};
    const char *name = json_string_value(argument);
    for (size_t i = 0; name != NULL && i < sizeof sources / sizeof sources[0]; i++)
        if (strcasecmp(name, sources[i]) == 0) {
            await_subscriptions(context);
            const bool good = simulate_twin_start(context, error);
            *result = json_true();
            return good;
        }
    snprintf(error, JSON_REQUEST_ERROR, "Data Source \"%.100s\" is not recognized", name == NULL ? "" : name);
    return false;
}

static bool stop(void *context, const json_t *argument, json_t **result, char error[JSON_REQUEST_ERROR]) {
    struct twin *t = context;
    (void)argument;
    if (!needs_source(t, error))
        return false;
    simulate_twin_stop(t);
    *result = json_true();
    return true;
}

static bool write_request(struct twin *t, const json_t *argument, char error[JSON_REQUEST_ERROR]) {
    const char *request = text_of(argument, "Request"), *path = text_of(argument, "Path");
    if (strncasecmp(request, "start", 5) == 0) {
        const struct dastard_formats formats = {.ljh = json_is_true(json_object_get(argument, "WriteLJH22")), .off = json_is_true(json_object_get(argument, "WriteOFF"))};
        if (!formats.ljh && !formats.off)
            return refuse(error, "WriteLJH22 or WriteOFF must be true: this twin writes no other files");
        if (formats.off && !simulate_twin_make_projectors(t))
            return refuse(error, "no memory for projectors");
        return dastard_files_start(t->files, *path != '\0' ? path : t->serve->write_folder != NULL ? t->serve->write_folder : ".", formats, simulate_twin_now_ns(t), error);
    }
    if (strncasecmp(request, "stop", 4) == 0)
        dastard_files_stop(t->files, simulate_twin_now_ns(t));
    else if (strncasecmp(request, "pause", 5) == 0)
        dastard_files_pause(t->files, true);
    else if (strncasecmp(request, "unpause", 7) == 0) {
        dastard_files_pause(t->files, false);
        if (strlen(request) > 8)
            dastard_files_label(t->files, request + 8, simulate_twin_now_ns(t));
    } else {
        snprintf(error, JSON_REQUEST_ERROR, "WriteControl config.Request=%.100s, need one of {START,STOP,PAUSE,UNPAUSE}. Not case sensitive. \"UNPAUSE label\" is also ok", request);
        return false;
    }
    return true;
}

static bool write_control(void *context, const json_t *argument, json_t **result, char error[JSON_REQUEST_ERROR]) {
    struct twin *t = context;
    if (!needs_source(t, error) || !write_request(t, argument, error))
        return false;
    simulate_twin_tell_writing(t);
    *result = json_true();
    return true;
}

static bool set_label(void *context, const json_t *argument, json_t **result, char error[JSON_REQUEST_ERROR]) {
    struct twin *t = context;
    const char *label = text_of(argument, "Label");
    const bool waits = json_is_true(json_object_get(argument, "WaitForError"));
    if (*label == '\0')
        return refuse(error, "the state label was an empty string, pass a non-empty string");
    if (t->running && dastard_files_label(t->files, label, simulate_twin_now_ns(t))) {
        dastard_status_tell(t->status, "STATELABEL", json_string(label));
        *result = json_boolean(waits);
        return true;
    }
    if (!waits) {
        log_warning("SetExperimentStateLabel %.60s with WaitForError false, and writing is not active: here DASTARD panics, and so does its twin", label);
        t->dying = true;
        *result = json_false();
        return true;
    }
    return needs_source(t, error) && refuse(error, "cannot set experiment state label when writing is not active");
}

static bool pulse_lengths(void *context, const json_t *argument, json_t **result, char error[JSON_REQUEST_ERROR]) {
    struct twin *t = context;
    const json_int_t n = json_integer_value(json_object_get(argument, "Nsamp")), pre = json_integer_value(json_object_get(argument, "Npre"));
    *result = json_false();
    if (!needs_source(t, error))
        return false;
    if (n == t->channels->n_samples && pre == t->channels->n_presamples)
        return true;
    if (dastard_files_active(t->files))
        return refuse(error, "Stop writing before changing record lengths");
    if (n < 64 || n > 8192 || pre < 16 || pre + 32 > n) {
        snprintf(error, JSON_REQUEST_ERROR, "ConfigurePulseLengths nsamp %lld, npre %lld are invalid: 64 to 8192 samples, 16 presamples and 32 behind them are needed",
                 (long long)n, (long long)pre);
        return false;
    }
    *result = json_true();
    const bool good = simulate_twin_lengths(t, (uint32_t)n, (uint32_t)pre, error);
    dastard_status_tell(t->status, "STATUS", dastard_body_status(t->channels, t->running));
    return good;
}

/* The twin's pulses follow one trigger rule, given when it was begun. */
static bool fits_rule(const struct twin *t, const int64_t trigger[N_TRIGGER_FIELDS], char error[JSON_REQUEST_ERROR]) {
    const bool multi = t->settings->trigger == TRIGGER_EDGE_MULTI;
    if (trigger[multi ? TRIGGER_EDGE_ON : TRIGGER_MULTI] == 0)
        return true;
    snprintf(error, JSON_REQUEST_ERROR, "pulses are simulated for --trigger %s; begin the twin with the other one", multi ? "edge-multi" : "edge");
    return false;
}

static bool triggers(void *context, const json_t *argument, json_t **result, char error[JSON_REQUEST_ERROR]) {
    struct twin *t = context;
    const json_t *indices = json_object_get(argument, "ChannelIndices");
    int64_t trigger[N_TRIGGER_FIELDS];
    if (!needs_source(t, error))
        return false;
    for (int f = 0; f < N_TRIGGER_FIELDS; f++) {
        const json_t *v = json_object_get(argument, dastard_trigger_names[f].name);
        trigger[f] = dastard_trigger_names[f].is_flag ? json_is_true(v) : json_integer_value(v);
    }
    for (size_t i = 0; i < json_array_size(indices); i++) {
        const json_int_t k = json_integer_value(json_array_get(indices, i));
        if (k < 0 || k >= t->channels->n_channels)
            return refuse(error, "channelIndex out of bounds");
    }
    if (trigger[TRIGGER_AUTO_DELAY_NS] < 0 || !fits_rule(t, trigger, error))
        return trigger[TRIGGER_AUTO_DELAY_NS] >= 0 ? false : refuse(error, "AutoDelay must not be negative");
    for (size_t i = 0; i < json_array_size(indices); i++)
        memcpy(t->channels->channels[json_integer_value(json_array_get(indices, i))].trigger, trigger, sizeof trigger);
    dastard_status_tell(t->status, "TRIGGER", dastard_body_triggers(t->channels));
    *result = json_true();
    return true;
}

static bool change_couplings(struct twin *t, const json_t *argument, bool add, char error[JSON_REQUEST_ERROR]) {
    const char *source;
    json_t *receivers;
    if (!needs_source(t, error))
        return false;
    json_object_foreach(json_object_get(argument, "Connections"), source, receivers) {
        char *end;
        const unsigned long s = strtoul(source, &end, 10);
        for (size_t i = 0; *end == '\0' && i < json_array_size(receivers); i++) {
            const json_int_t r = json_integer_value(json_array_get(receivers, i));
            if (r < 0 || r > UINT16_MAX || s > UINT16_MAX)
                return refuse(error, "channel out of range");
            if (!add)
                dastard_array_uncouple(t->channels, (uint32_t)s, (uint32_t)r);
            else if (!dastard_array_couple(t->channels, (uint32_t)s, (uint32_t)r))
                return refuse(error, "channel out of range");
        }
    }
    dastard_status_tell(t->status, "GROUPTRIGGER", dastard_body_couplings(t->channels));
    return true;
}

static bool couple(void *context, const json_t *argument, json_t **result, char error[JSON_REQUEST_ERROR]) {
    *result = json_true();
    return change_couplings(context, argument, true, error);
}

static bool uncouple(void *context, const json_t *argument, json_t **result, char error[JSON_REQUEST_ERROR]) {
    *result = json_true();
    return change_couplings(context, argument, false, error);
}

static bool write_comment(void *context, const json_t *argument, json_t **result, char error[JSON_REQUEST_ERROR]) {
    struct twin *t = context;
    const char *text = json_string_value(argument);
    if (text == NULL || *text == '\0')
        return refuse(error, "can't write zero-length comment");
    *result = json_true();
    return needs_source(t, error) && dastard_files_write_comment(t->files, text, error);
}

static bool read_comment(void *context, const json_t *argument, json_t **result, char error[JSON_REQUEST_ERROR]) {
    struct twin *t = context;
    if (!t->running)
        return refuse(error, "cannot read comment with no active source");
    if (json_integer_value(argument) != 0)
        return refuse(error, "please pass in the value 0, as it will be ignored");
    *result = dastard_files_read_comment(t->files, error);
    return *result != NULL;
}

static bool advance(void *context, const json_t *argument, json_t **result, char error[JSON_REQUEST_ERROR]) {
    struct twin *t = context;
    const double seconds = json_number_value(argument);
    if (t->serve->clock != CLOCK_INJECTED || !(seconds >= 0 && seconds <= 3600))
        return refuse(error, "0 to 3600 seconds are needed, and --clock injected");
    simulate_twin_advance(t, seconds);
    *result = json_true();
    return true;
}

static bool set_clock(void *context, const json_t *argument, json_t **result, char error[JSON_REQUEST_ERROR]) {
    struct twin *t = context;
    const double seconds = json_number_value(argument);
    if (t->serve->clock != CLOCK_INJECTED || !(seconds >= -3600 && seconds <= 3600))
        return refuse(error, "-3600 to 3600 seconds are needed, and --clock injected");
    simulate_twin_set_clock(t, seconds);
    *result = json_true();
    return true;
}

const struct json_request_row twin_verbs[] = {
    {"SourceControl.SendAllStatus", send_all_status},
    {"SourceControl.Start", start},
    {"SourceControl.Stop", stop},
    {"SourceControl.WriteControl", write_control},
    {"SourceControl.SetExperimentStateLabel", set_label},
    {"SourceControl.ConfigurePulseLengths", pulse_lengths},
    {"SourceControl.ConfigureTriggers", triggers},
    {"SourceControl.AddGroupTriggerCoupling", couple},
    {"SourceControl.DeleteGroupTriggerCoupling", uncouple},
    {"SourceControl.WriteComment", write_comment},
    {"SourceControl.ReadComment", read_comment},
    {"SimulatedClock.Advance", advance},
    {"SimulatedClock.Set", set_clock},
};
const size_t twin_verb_count = sizeof twin_verbs / sizeof twin_verbs[0];
