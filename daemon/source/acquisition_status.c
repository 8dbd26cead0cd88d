#include "daemon/source/acquisition_status.h"

#include <glob.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/source/file_bytes.h"

enum { STATUS_LIMIT = 1 << 18 };

static bool is_on(const json_t *group, const char *key) {
    return json_is_true(json_object_get(group, key));
}

/* All flags off: isolated records. */
static enum trigger_kind edge_multi_kind(const json_t *group) {
    if (is_on(group, "EdgeMultiMakeContaminatedRecords") || is_on(group, "EdgeMultiMakeShortRecords"))
        return TRIGGER_KIND_EDGE_MULTI;
    return is_on(group, "EdgeMultiMakeSingleRecords") ? TRIGGER_KIND_SINGLE : TRIGGER_KIND_ISOLATED;
}

static bool mode_of_group(const json_t *group, struct trigger_mode *out) {
    *out = (struct trigger_mode){ .automatic = is_on(group, "AutoTrigger") };
    if (is_on(group, "EdgeMulti"))
        out->kind = edge_multi_kind(group);
    else if (is_on(group, "LevelTrigger"))
        out->kind = TRIGGER_KIND_LEVEL;
    else if (is_on(group, "EdgeTrigger"))
        out->kind = TRIGGER_KIND_EDGE;
    return out->kind != TRIGGER_KIND_UNKNOWN || out->automatic;
}

/* "chan17" -> 17; -1: another name ("err17" is the error signal of the same pixel). */
static int32_t channel_of_name(const char *name) {
    const char *digits = strncmp(name, "chan", 4) == 0 ? name + 4 : "";
    size_t n = strspn(digits, "0123456789");
    return n > 0 && n < 10 && digits[n] == '\0' ? (int32_t)strtol(digits, NULL, 10) : -1;
}

static int32_t channel_at(const json_t *names, json_int_t index) {
    const char *name = index >= 0 ? json_string_value(json_array_get(names, (size_t)index)) : NULL;
    return name != NULL ? channel_of_name(name) : -1;
}

static bool set_mode(struct acquisition_status *s, int32_t channel, struct trigger_mode mode) {
    for (size_t i = 0; i < s->n; i++)
        if (s->channels[i].channel == channel) {
            s->channels[i].mode = mode;
            return true;
        }
    struct channel_trigger *grown = realloc(s->channels, (s->n + 1) * sizeof *grown);
    if (grown == NULL)
        return false;
    s->channels = grown;
    s->channels[s->n++] = (struct channel_trigger){ channel, mode };
    return true;
}

static bool add_triggers(struct acquisition_status *s, const json_t *groups, const json_t *names) {
    bool good = true;
    for (size_t g = 0; good && g < json_array_size(groups); g++) {
        const json_t *group = json_array_get(groups, g), *indices = json_object_get(group, "ChannelIndices");
        struct trigger_mode mode;
        for (size_t k = 0; good && mode_of_group(group, &mode) && k < json_array_size(indices); k++) {
            int32_t channel = channel_at(names, json_integer_value(json_array_get(indices, k)));
            good = channel < 0 || set_mode(s, channel, mode);
        }
    }
    return good;
}

static bool add_receivers(struct acquisition_status *s, const json_t *connections, const json_t *names) {
    bool good = true;
    const char *source;
    json_t *receivers;
    json_object_foreach((json_t *)connections, source, receivers)
        for (size_t k = 0; good && k < json_array_size(receivers); k++) {
            int32_t channel = channel_at(names, json_integer_value(json_array_get(receivers, k)));
            const struct trigger_mode *own = acquisition_status_find(s, channel);
            struct trigger_mode mode = own != NULL ? *own : (struct trigger_mode){ .kind = TRIGGER_KIND_UNKNOWN };
            mode.secondary = true;
            good = channel < 0 || set_mode(s, channel, mode);
        }
    return good;
}

enum status acquisition_status_parse(const uint8_t *bytes, size_t n, struct acquisition_status *out, struct complaint *why) {
    json_error_t error;
    json_t *root = json_loadb((const char *)bytes, n, 0, &error);
    if (root == NULL) {
        complaint_set(why, (uint64_t)error.position, (uint32_t)error.line, "no JSON: %.100s", error.text);
        return STATUS_BAD_VALUE;
    }
    struct acquisition_status s = { 0 };
    const json_t *names = json_object_get(root, "CHANNELNAMES");
    enum status result = STATUS_OK;
    if (!json_is_array(names) || !json_is_array(json_object_get(root, "TRIGGER"))) {
        complaint_set(why, 0, 0, "an object with CHANNELNAMES and TRIGGER is expected");
        result = STATUS_BAD_VALUE;
    } else if (!add_triggers(&s, json_object_get(root, "TRIGGER"), names) ||
               !add_receivers(&s, json_object_get(json_object_get(root, "GROUPTRIGGER"), "Connections"), names)) {
        result = STATUS_NO_MEMORY;
    }
    json_decref(root);
    if (result == STATUS_OK)
        *out = s;
    else
        acquisition_status_done(&s);
    return result;
}

static bool add_file(struct acquisition_status *into, const char *path) {
    struct complaint why = { 0 };
    struct acquisition_status s;
    uint8_t *text;
    size_t n;
    enum status result = file_bytes_text(path, STATUS_LIMIT, &text, &n, &why);
    if (result == STATUS_OK) {
        result = acquisition_status_parse(text, n, &s, &why);
        free(text);
    }
    if (result != STATUS_OK) {
        log_warning("%s:%u: %s; the trigger is told by the records instead", path, why.line, why.text[0] ? why.text : status_text(result));
        return result != STATUS_NO_MEMORY;
    }
    bool good = true;
    for (size_t i = 0; good && i < s.n; i++)
        good = set_mode(into, s.channels[i].channel, s.channels[i].mode);
    acquisition_status_done(&s);
    return good;
}

bool acquisition_status_collect(char *const *folders, size_t n_folders, struct acquisition_status *out) {
    struct acquisition_status s = { 0 };
    bool good = true;
    for (size_t i = 0; good && i < n_folders; i++) {
        char *pattern;
        glob_t found;
        good = asprintf(&pattern, "%s/*_acquisition.json", folders[i]) >= 0;
        if (!good)
            break;
        if (glob(pattern, 0, NULL, &found) == 0) {
            for (size_t k = 0; good && k < found.gl_pathc; k++)
                good = add_file(&s, found.gl_pathv[k]);
            globfree(&found);
        }
        free(pattern);
    }
    if (good)
        *out = s;
    else
        acquisition_status_done(&s);
    return good;
}

void acquisition_status_done(struct acquisition_status *s) {
    free(s->channels);
    *s = (struct acquisition_status){ 0 };
}

const struct trigger_mode *acquisition_status_find(const struct acquisition_status *s, int32_t channel) {
    for (size_t i = 0; i < s->n; i++)
        if (s->channels[i].channel == channel)
            return &s->channels[i].mode;
    return NULL;
}
