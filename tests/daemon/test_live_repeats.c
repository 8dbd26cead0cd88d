#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/live_repeats.h"
#include "tests/daemon/made_scan.h"

static struct made_scan *scan_of(int32_t number, uint32_t n_points) {
    return made_scan_new((struct made_plan){ .number = number, .n_points = n_points, .n_pixels = 4, .n_photons = 30000, .i0 = true, .incident = true, .seed = 77 + (uint64_t)number });
}

/* A new judgement of the scans so far; NULL: there is nothing to compare. */
static json_t *add(struct live_repeats *r, int32_t number, uint32_t n_points, const char *calibration) {
    struct made_scan *m = scan_of(number, n_points);
    json_t *keys = live_repeats_add(r, m->products, calibration);
    made_scan_free(m);   /* the copy is its own */
    return keys;
}

static size_t n_repeats(json_t *keys) {
    const size_t n = json_array_size(json_object_get(keys, "repeats"));
    json_decref(keys);
    return n;
}

static struct live_repeats *new_repeats(void) {
    struct live_repeats *r;
    assert_true(live_repeats_new(&r));
    return r;
}

static void repeats_of_one_sample_agree(void **state) {
    (void)state;
    struct live_repeats *r = new_repeats();
    assert_null(add(r, 0, 40, "CAL0-1"));
    assert_int_equal(n_repeats(add(r, 1, 40, "CAL0-1")), 2);
    json_t *keys = add(r, 2, 40, "CAL0-1");
    assert_true(json_is_true(json_object_get(keys, "by_i0")));
    assert_int_equal(json_array_size(json_object_get(keys, "windows")), MADE_REGIONS);
    size_t k;
    json_t *one;
    json_array_foreach(json_object_get(keys, "repeats"), k, one) {
        assert_int_equal(json_integer_value(json_object_get(one, "scan")), k);
        assert_int_equal(json_array_size(json_object_get(one, "flags")), 0);
        assert_true(fabs(json_number_value(json_object_get(one, "ratio")) - 1) < 5 * json_number_value(json_object_get(one, "ratio_sigma")));
        assert_int_equal(json_array_size(json_object_get(one, "yield_z")), MADE_REGIONS);
    }
    assert_string_equal(live_repeats_odd(r), "");
    json_decref(keys);
    live_repeats_free(r);
}

/* Moved by 1.5 eV of emission. */
static void a_moved_scan_is_named(void **state) {
    (void)state;
    struct live_repeats *r = new_repeats();
    struct made_scan *m = scan_of(2, 40);
    const struct rixs_map *map = m->products->emission;
    for (uint32_t k = 0; k < map->n_points; k++)
        memmove(map->counts + (size_t)k * map->n_bins + 6, map->counts + (size_t)k * map->n_bins, (map->n_bins - 6) * sizeof *map->counts);
    assert_null(add(r, 0, 40, "CAL0-1"));
    json_decref(add(r, 1, 40, "CAL0-1"));
    json_t *keys = live_repeats_add(r, m->products, "CAL0-1"), *moved = json_array_get(json_object_get(keys, "repeats"), 2);
    assert_true(json_array_size(json_object_get(moved, "flags")) > 0);
    const double shift_eV = json_number_value(json_object_get(moved, "emission_shift_eV"));
    assert_true(shift_eV > 0.7 && shift_eV < 2.3);
    assert_non_null(strstr(live_repeats_odd(r), "2"));
    assert_non_null(strstr(live_repeats_odd(r), "of 3 repeats: beyond 4 standard deviations"));
    json_decref(keys);
    live_repeats_forget(r);
    assert_string_equal(live_repeats_odd(r), "");
    made_scan_free(m);
    live_repeats_free(r);
}

static void only_like_is_compared_with_like(void **state) {
    (void)state;
    struct live_repeats *r = new_repeats();
    assert_null(add(r, 0, 40, "CAL0-1"));
    assert_null(add(r, 1, 40, "CAL1-2"));   /* other energies */
    assert_null(add(r, 2, 20, "CAL1-2"));   /* other set points */
    assert_int_equal(n_repeats(add(r, 3, 40, "CAL1-2")), 2);
    live_repeats_forget(r);
    assert_null(add(r, 4, 40, "CAL1-2"));
    for (int32_t k = 5; k < 8 + LIVE_REPEATS; k++)
        assert_int_equal(n_repeats(add(r, k, 40, "CAL1-2")), k - 3 < LIVE_REPEATS ? k - 3 : LIVE_REPEATS);
    live_repeats_free(r);
}

/* Of long scans fewer are kept, and memory does not grow with them. */
static void long_scans_are_bounded(void **state) {
    (void)state;
    struct live_repeats *r = new_repeats();
    size_t most = 0;
    for (int32_t k = 0; k < 4; k++) {
        json_t *keys = add(r, k, 1200, "CAL0-1");
        const size_t n = json_array_size(json_object_get(keys, "repeats"));
        most = n > most ? n : most;
        json_decref(keys);
    }
    assert_in_range(most, 2, 4);
    assert_in_range(live_repeats_bytes(r), 1, LIVE_REPEATS_BYTES);
    live_repeats_free(r);
}

/* A day of scans of 60 points of an array: what is kept of eight is 1.5 MB, a tenth of copies of their products, and grows no more. */
static void a_day_of_scans_needs_little_room(void **state) {
    (void)state;
    struct live_repeats *r = new_repeats();
    struct made_scan *m = made_scan_new((struct made_plan){ .n_points = 60, .n_pixels = 240, .n_photons = 780000, .i0 = true, .incident = true, .seed = 5 });
    size_t bytes = 0;
    for (int k = 0; k < 3 * LIVE_REPEATS; k++) {
        json_decref(live_repeats_add(r, m->products, "CAL0-1"));
        if (k >= LIVE_REPEATS)
            assert_int_equal(live_repeats_bytes(r), bytes);
        bytes = live_repeats_bytes(r);
    }
    assert_in_range(bytes, 100000, 2000000);
    made_scan_free(m);
    live_repeats_free(r);
}

/* doc/stream.md shows what is told, key by key. */
static void the_document_shows_it(void **state) {
    (void)state;
    struct live_repeats *r = new_repeats();
    char *text = calloc(1, 200000);
    FILE *f = fopen("doc/stream.md", "r");
    assert_non_null(f);
    assert_true(fread(text, 1, 199999, f) > 0);
    fclose(f);
    const char *at = strstr(text, "### `consistency/`"), *begin = at != NULL ? strstr(at, "```json") : NULL;
    assert_non_null(begin);
    json_t *shown = json_loads(begin + 7, JSON_DISABLE_EOF_CHECK, NULL);
    assert_non_null(shown);
    json_decref(add(r, 0, 40, "CAL0-1"));
    json_t *keys = add(r, 1, 40, "CAL0-1"), *value;
    const char *key;
    json_object_foreach(keys, key, value)
        assert_non_null(json_object_get(shown, key));
    json_t *one = json_array_get(json_object_get(keys, "repeats"), 0), *other = json_array_get(json_object_get(shown, "repeats"), 0);
    assert_int_equal(json_object_size(one), json_object_size(other));
    json_object_foreach(one, key, value)
        assert_non_null(json_object_get(other, key));
    json_decref(keys);
    json_decref(shown);
    free(text);
    live_repeats_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeats_of_one_sample_agree),
        cmocka_unit_test(a_moved_scan_is_named),
        cmocka_unit_test(only_like_is_compared_with_like),
        cmocka_unit_test(long_scans_are_bounded),
        cmocka_unit_test(a_day_of_scans_needs_little_room),
        cmocka_unit_test(the_document_shows_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
