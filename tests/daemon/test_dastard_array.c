/* Channels by index with sparse numbers, error and feedback in turn, couplings that are there once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/dastard_array.h"
#include "daemon/sink/dastard_status.h"

static struct dastard_array *array_of(bool tdm, uint32_t n_pixels) {
    const struct dastard_array_settings s = {.n_pixels = n_pixels, .first_number = 4096, .number_step = 3, .tdm = tdm, .edge_multi = true, .n_samples = 100, .n_presamples = 20,
                                             .period_s = 1e-5};
    struct dastard_array *a = NULL;
    assert_true(dastard_array_new(&s, &a));
    return a;
}

static void test_channels(void **state) {
    (void)state;
    struct dastard_array *a = array_of(true, 4);
    assert_int_equal(a->n_channels, 8);
    assert_string_equal(a->channels[4].name, "err4102");
    assert_string_equal(a->channels[5].name, "chan4102");
    assert_true(a->channels[4].is_error && a->channels[4].is_signed && !a->channels[5].is_signed && a->channels[5].pixel == 2 && a->channels[5].index == 5);
    assert_true(!dastard_channel_pulses(&a->channels[4]) && dastard_channel_pulses(&a->channels[5]));
    dastard_array_free(a);
    const struct dastard_array_settings too_many = {.n_pixels = 40000, .number_step = 1, .tdm = true};
    assert_false(dastard_array_new(&too_many, &a));
}

static void test_couplings(void **state) {
    (void)state;
    struct dastard_array *a = array_of(false, 4);
    assert_true(dastard_array_couple(a, 0, 1) && dastard_array_couple(a, 0, 3) && dastard_array_couple(a, 0, 1));
    assert_int_equal(a->n_couplings, 2);
    assert_false(dastard_array_couple(a, 0, 4));
    assert_false(dastard_array_couple(a, 2, 2));
    json_t *body = dastard_body_couplings(a), *expected = json_pack("{s:{s:[i,i]}}", "Connections", "0", 1, 3);
    assert_true(json_equal(body, expected));
    json_decref(body);
    json_decref(expected);
    dastard_array_uncouple(a, 0, 1);
    dastard_array_uncouple(a, 0, 1);
    assert_true(a->n_couplings == 1 && a->couplings[0].receiver == 3);
    dastard_array_free(a);
}

/* 300 channels with settings of their own: each index stands in one group, whose settings are its own. */
static void test_trigger_groups(void **state) {
    (void)state;
    struct dastard_array *a = array_of(false, 600);
    unsigned seen[600] = {0};
    for (uint32_t i = 0; i < 600; i++)
        a->channels[i].trigger[TRIGGER_EDGE_LEVEL] = i % 300;
    json_t *groups = dastard_body_triggers(a), *group, *index;
    size_t g, k;
    json_array_foreach(groups, g, group)
        json_array_foreach(json_object_get(group, "ChannelIndices"), k, index) {
            const json_int_t i = json_integer_value(index);
            assert_int_equal(json_integer_value(json_object_get(group, "EdgeLevel")), i % 300);
            seen[i]++;
        }
    for (int i = 0; i < 600; i++)
        assert_int_equal(seen[i], 1);
    assert_int_equal(json_object_size(json_array_get(groups, 0)), N_TRIGGER_FIELDS + 1);
    json_decref(groups);
    dastard_array_free(a);
}

static void test_status(void **state) {
    (void)state;
    struct dastard_array *a = array_of(true, 2);
    json_t *body = dastard_body_status(a, true), *groups = json_object_get(body, "ChanGroups");
    assert_true(json_integer_value(json_object_get(body, "SamplePeriod")) == 10000 && json_is_null(json_object_get(body, "ChannelsWithProjectors")));
    assert_true(json_array_size(groups) == 2 && json_integer_value(json_object_get(json_array_get(groups, 1), "Firstchan")) == 4099);
    json_decref(body);
    const uint64_t counts[] = {1, 2};
    body = dastard_body_rate(INT64_C(1772442000250000000), 1000000000, counts, 2);
    assert_string_equal(json_string_value(json_object_get(body, "HiTime")), "2026-03-02T09:00:00.25Z");
    json_decref(body);
    body = dastard_body_rate(INT64_C(1772442000000000000), 1000000000, counts, 2);
    assert_string_equal(json_string_value(json_object_get(body, "HiTime")), "2026-03-02T09:00:00Z");
    json_decref(body);
    dastard_array_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_channels), cmocka_unit_test(test_couplings), cmocka_unit_test(test_trigger_groups), cmocka_unit_test(test_status)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
