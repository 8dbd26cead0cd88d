#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/control/acquisition_calls.h"

/* calls: consumed. */
static void expect(json_t *calls, const char *want) {
    json_error_t why;
    json_t *w = json_loads(want, 0, &why);
    assert_non_null(w);
    if (!json_equal(calls, w))
        fail_msg("%s", json_dumps(calls, JSON_SORT_KEYS));
    json_decref(calls);
    json_decref(w);
}

static void as_the_old_server_told_it(void **state) {
    (void)state;
    expect(acquisition_calls_write("/data", true, false),
           "[[\"SourceControl.WriteControl\", {\"Request\": \"Start\", \"Path\": \"/data\", \"WriteLJH22\": true, \"WriteOFF\": false, \"WriteLJH3\": false}]]");
    expect(acquisition_calls_stop_writing(), "[[\"SourceControl.WriteControl\", {\"Request\": \"Stop\", \"Path\": \"\", \"WriteLJH22\": false, \"WriteOFF\": false, \"WriteLJH3\": false}]]");
    expect(acquisition_calls_label("SCAN3"), "[[\"SourceControl.SetExperimentStateLabel\", {\"Label\": \"SCAN3\", \"WaitForError\": true}]]");
    expect(acquisition_calls_start("LANCEROSOURCE"), "[[\"SourceControl.Start\", \"LANCEROSOURCE\"]]");
}

static void triggers(void **state) {
    (void)state;
    json_t *groups = json_loads("[{\"ChannelIndices\": [1, 3], \"EdgeMulti\": true, \"EdgeMultiLevel\": -100, \"AutoTrigger\": false}, {\"ChannelIndices\": [0, 2], \"AutoTrigger\": false}]", 0, NULL);
    json_t *names = json_loads("[\"err1\", \"chan1\", \"err2\", \"chan2\"]", 0, NULL);
    assert_true(acquisition_calls_has_pulse_triggers(groups));
    json_t *noise = acquisition_calls_noise(groups), *left = json_array();
    for (size_t k = 0; k < json_array_size(noise); k++) {
        json_array_append(left, json_array_get(json_array_get(noise, k), 1));
        assert_true(json_is_true(json_object_get(json_array_get(left, k), "AutoTrigger")) && json_is_false(json_object_get(json_array_get(left, k), "EdgeMulti")));
    }
    assert_int_equal(json_array_size(left), 2);
    assert_false(acquisition_calls_has_pulse_triggers(left));
    assert_false(acquisition_calls_has_pulse_triggers(NULL));
    expect(json_incref(json_array_get(json_array_get(noise, 0), 1)), "{\"ChannelIndices\": [1, 3], \"EdgeMulti\": false, \"EdgeMultiLevel\": -100, \"AutoTrigger\": true, \"AutoDelay\": 0, "
           "\"EdgeTrigger\": false, \"LevelTrigger\": false, \"EdgeMultiNoise\": false}");
    json_decref(noise);
    json_decref(left);
    json_t *back = acquisition_calls_groups(groups);
    assert_true(json_equal(json_array_get(json_array_get(back, 0), 1), json_array_get(groups, 0)));
    json_decref(back);
    expect(acquisition_calls_edge_multi(names, -100, 6), "[[\"SourceControl.ConfigureTriggers\", {\"ChannelIndices\": [0, 1, 2, 3]}], [\"SourceControl.ConfigureTriggers\", "
           "{\"ChannelIndices\": [1, 3], \"EdgeMulti\": true, \"EdgeMultiLevel\": -100, \"EdgeMultiVerifyNMonotone\": 6}]]");
    json_decref(groups);
    json_decref(names);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(as_the_old_server_told_it), cmocka_unit_test(triggers) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
