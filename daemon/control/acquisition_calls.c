#include "daemon/control/acquisition_calls.h"

#include <stdint.h>
#include <string.h>

static json_t *one(const char *method, json_t *argument) { return json_pack("[[s,o]]", method, argument); }

json_t *acquisition_calls_write(const char *path, bool ljh, bool off) {
    return one("SourceControl.WriteControl", json_pack("{s:s,s:s,s:b,s:b,s:b}", "Request", "Start", "Path", path, "WriteLJH22", ljh, "WriteOFF", off, "WriteLJH3", 0));
}

json_t *acquisition_calls_stop_writing(void) {
    return one("SourceControl.WriteControl", json_pack("{s:s,s:s,s:b,s:b,s:b}", "Request", "Stop", "Path", "", "WriteLJH22", 0, "WriteOFF", 0, "WriteLJH3", 0));
}

json_t *acquisition_calls_label(const char *label) {
    return one("SourceControl.SetExperimentStateLabel", json_pack("{s:s,s:b}", "Label", label, "WaitForError", 1));   /* without waiting an error ends the server */
}

json_t *acquisition_calls_start(const char *source) { return one("SourceControl.Start", json_string(source)); }

bool acquisition_calls_has_pulse_triggers(const json_t *groups) {
    static const char *const kinds[] = { "EdgeTrigger", "LevelTrigger", "EdgeMulti" };
    for (size_t k = 0; k < json_array_size(groups); k++)
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            if (json_is_true(json_object_get(json_array_get(groups, k), kinds[i])))
                return true;
    return false;
}

json_t *acquisition_calls_groups(const json_t *groups) {
    json_t *calls = json_array();
    for (size_t k = 0; k < json_array_size(groups); k++)
        json_array_append_new(calls, json_pack("[s,o]", "SourceControl.ConfigureTriggers", json_deep_copy(json_array_get(groups, k))));
    return calls;
}

json_t *acquisition_calls_noise(const json_t *groups) {
    static const char *const off[] = { "EdgeTrigger", "LevelTrigger", "EdgeMulti", "EdgeMultiNoise" };
    json_t *calls = acquisition_calls_groups(groups);
    for (size_t k = 0; k < json_array_size(calls); k++) {
        json_t *group = json_array_get(json_array_get(calls, k), 1);
        for (size_t i = 0; i < sizeof off / sizeof *off; i++)
            json_object_set_new(group, off[i], json_false());
        json_object_set_new(group, "AutoTrigger", json_true());
        json_object_set_new(group, "AutoDelay", json_integer(0));
    }
    return calls;
}

/* All triggers of all channels off first: settings of another kind would stay beside the new ones. */
json_t *acquisition_calls_edge_multi(const json_t *names, int level, int monotone) {
    json_t *all = json_array(), *pulses = json_array();
    for (size_t k = 0; k < json_array_size(names); k++) {
        const char *name = json_string_value(json_array_get(names, k));
        json_array_append_new(all, json_integer((json_int_t)k));
        if (name != NULL && strncmp(name, "chan", 4) == 0)
            json_array_append_new(pulses, json_integer((json_int_t)k));
    }
    return json_pack("[[s,{s:o}],[s,{s:o,s:b,s:i,s:i}]]", "SourceControl.ConfigureTriggers", "ChannelIndices", all, "SourceControl.ConfigureTriggers", "ChannelIndices", pulses,
                     "EdgeMulti", 1, "EdgeMultiLevel", level, "EdgeMultiVerifyNMonotone", monotone);
}
