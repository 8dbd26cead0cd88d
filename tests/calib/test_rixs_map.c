#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "calib/rixs_map.h"
#include "tests/calib/photons.h"

enum { N_POINTS = 5, N_PIXELS = 3, N_PHOTONS = 20000 };

/* np.searchsorted(edges, x, side='right') - 1 */
static int64_t bin_by_search(const double *edges, uint32_t n_edges, double x) {
    int64_t lo = 0, hi = n_edges;
    while (lo < hi) {
        int64_t mid = (lo + hi) / 2;
        if (x < edges[mid])
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo - 1;
}

static struct rixs_map *new_map(enum rixs_axis kind, struct energy_axis axis, uint32_t grades) {
    struct rixs_map *m;
    assert_int_equal(rixs_map_new(kind, N_POINTS, axis, N_PIXELS, grades, &m), STATUS_OK);
    return m;
}

static void edges_are_multiples(void **state) {
    (void)state;
    struct rixs_map *m = new_map(RIXS_EMISSION, (struct energy_axis){ 200, 1100, 0.25 }, 1);
    assert_int_equal(m->n_bins, 3600);
    for (uint32_t k = 0; k <= m->n_bins; k++)
        assert_true(m->edges_eV[k] == 200 + k * 0.25);
    rixs_map_free(m);
    m = new_map(RIXS_LOSS, (struct energy_axis){ -20, 80, 0.3 }, 1);
    assert_int_equal(m->n_bins, 333);
    rixs_map_free(m);
}

static void impossible_axes_are_refused(void **state) {
    (void)state;
    static const struct energy_axis axes[] = {
        { 10, 10, 1 }, { 10, 5, 1 }, { 0, 10, 0 }, { 0, 10, -1 }, { NAN, 10, 1 }, { 0, INFINITY, 1 }, { 0, 10, NAN }, { 0, 1, 10 }, { 0, 1e30, 1 }, { 1e20, 1.00000000001e20, 1e3 },
    };
    for (size_t k = 0; k < sizeof axes / sizeof axes[0]; k++) {
        struct rixs_map *m = NULL;
        assert_int_equal(rixs_map_new(RIXS_EMISSION, 1, axes[k], 1, 1, &m), STATUS_BAD_VALUE);
        assert_null(m);
    }
    rixs_map_free(NULL);
}

struct one_photon { float energy_eV; uint8_t grade, flags; };

static unsigned reason_of(struct one_photon p) {
    struct rixs_map *m = new_map(RIXS_EMISSION, (struct energy_axis){ 500, 510, 0.5 }, 1u << GRADE_HIGH | 1u << GRADE_MID);
    struct photon_block *b;
    assert_int_equal(photon_block_new(1, &b), STATUS_OK);
    b->n = 1;
    b->point[0] = 2;
    b->energy_eV[0] = p.energy_eV;
    b->grade[0] = p.grade;
    b->flags[0] = p.flags;
    rixs_map_add(m, b, 0);
    unsigned reason = N_OUTSIDE, total = 0;
    for (unsigned k = 0; k < N_POINTS * N_OUTSIDE; k++) {
        total += m->outside[k];
        if (m->outside[k])
            reason = k - 2 * N_OUTSIDE;
    }
    for (uint32_t k = 0; k < N_POINTS * m->n_bins; k++)
        total += m->counts[k];
    assert_int_equal(total, 1);
    photon_block_free(b);
    rixs_map_free(m);
    return reason;
}

static void the_last_reason_counts(void **state) {
    (void)state;
    assert_int_equal(reason_of((struct one_photon){ 505, GRADE_HIGH, TRUST_NEAR }), N_OUTSIDE);
    assert_int_equal(reason_of((struct one_photon){ 500, GRADE_MID, TRUST_INSIDE }), N_OUTSIDE);
    assert_int_equal(reason_of((struct one_photon){ nextafterf(500, 0), GRADE_HIGH, 0 }), OUTSIDE_UNDER);
    assert_int_equal(reason_of((struct one_photon){ 510, GRADE_HIGH, 0 }), OUTSIDE_OVER);
    assert_int_equal(reason_of((struct one_photon){ INFINITY, GRADE_HIGH, 0 }), OUTSIDE_OVER);
    assert_int_equal(reason_of((struct one_photon){ 505, GRADE_HIGH, TRUST_BEYOND }), OUTSIDE_FLAGGED);
    assert_int_equal(reason_of((struct one_photon){ 1, GRADE_HIGH, TRUST_BEYOND }), OUTSIDE_FLAGGED);
    assert_int_equal(reason_of((struct one_photon){ NAN, GRADE_HIGH, 0 }), OUTSIDE_FLAGGED);
    assert_int_equal(reason_of((struct one_photon){ NAN, GRADE_NONE, 0 }), OUTSIDE_GRADE);
    assert_int_equal(reason_of((struct one_photon){ 1, GRADE_TAIL, TRUST_BEYOND }), OUTSIDE_GRADE);
    assert_int_equal(reason_of((struct one_photon){ 1, GRADE_TAIL, TRUST_BEYOND | FLAG_LAST_OF_DEAD }), OUTSIDE_DEAD);
    assert_int_equal(reason_of((struct one_photon){ NAN, GRADE_HIGH, FLAG_LAST_OF_DEAD }), OUTSIDE_DEAD);
}

/* What a reader of the stored columns would bin, photon by photon; and photons of the pixels used = counts + outside, per point. */
static void check_against_search(const struct rixs_map *m, const struct photon_block *b) {
    uint32_t *want = calloc((size_t)m->n_points * m->n_bins, sizeof *want);
    uint32_t photons[N_POINTS] = { 0 };
    for (size_t i = 0; i < b->n; i++) {
        if (b->cuts[i] || b->point[i] < 0 || !m->pixels_used[b->pixel[i]])
            continue;
        photons[b->point[i]]++;
        double e = (double)b->energy_eV[i], x = m->kind == RIXS_LOSS ? (double)b->incident_eV[i] - e : e;
        bool good = (b->flags[i] & 3) < 2 && (b->flags[i] & 4) == 0 && (m->grades_used >> b->grade[i] & 1) && isfinite(e);
        int64_t k = bin_by_search(m->edges_eV, m->n_bins + 1, x);
        if (good && k >= 0 && k < m->n_bins)
            want[(size_t)b->point[i] * m->n_bins + (size_t)k]++;
    }
    assert_memory_equal(m->counts, want, (size_t)m->n_points * m->n_bins * sizeof *want);
    for (uint32_t p = 0; p < m->n_points; p++) {
        for (uint32_t k = 0; k < m->n_bins; k++)
            photons[p] -= m->counts[p * m->n_bins + k];
        for (uint32_t k = 0; k < N_OUTSIDE; k++)
            photons[p] -= m->outside[p * N_OUTSIDE + k];
        assert_int_equal(photons[p], 0);
    }
    free(want);
}

static const struct energy_axis some_axes[] = { { 200, 1100, 0.25 }, { 500.1, 540.3, 0.1 }, { -20, 80, 0.3 }, { 0.7, 3, 1.0 / 3 }, { -1e6, 1e6, 777.77 },
    /* k x bin is not always what decimals say: edge 10 of the first lies just above 11 */
    { 0, 110, 1.1 }, { 0, 33, 0.33 }, { 0, 700, 0.7 } };

static void maps_equal_a_search_over_the_edges(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct photon_block *b;
    assert_int_equal(photon_block_new(N_PHOTONS, &b), STATUS_OK);
    for (size_t a = 0; a < sizeof some_axes / sizeof some_axes[0]; a++)
        for (int kind = RIXS_EMISSION; kind <= RIXS_LOSS; kind++) {
            struct energy_axis axis = some_axes[a];
            struct rixs_map *m = new_map((enum rixs_axis)kind, axis, 1u << GRADE_HIGH | 1u << GRADE_TAIL);
            m->pixels_used[1] = 0;
            fill_photons(&d, &(struct photon_range){ N_POINTS, N_PIXELS, axis.lo_eV, axis.hi_eV, axis.bin_eV }, b);
            for (size_t i = 0; i < b->n; i++)
                if (b->cuts[i] == 0 && b->point[i] >= 0)
                    rixs_map_add(m, b, i);
            check_against_search(m, b);
            rixs_map_free(m);
        }
    photon_block_free(b);
}

static void sums_of_shards_equal_the_whole(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct energy_axis axis = { 500, 540, 0.25 };
    struct photon_block *b;
    assert_int_equal(photon_block_new(N_PHOTONS, &b), STATUS_OK);
    fill_photons(&d, &(struct photon_range){ N_POINTS, N_PIXELS, axis.lo_eV, axis.hi_eV, axis.bin_eV }, b);
    struct rixs_map *whole = new_map(RIXS_EMISSION, axis, 3), *sum = new_map(RIXS_EMISSION, axis, 3), *shard[3];
    for (size_t k = 0; k < 3; k++)
        shard[k] = new_map(RIXS_EMISSION, axis, 3);
    for (size_t i = 0; i < b->n; i++)
        if (b->cuts[i] == 0 && b->point[i] >= 0) {
            rixs_map_add(whole, b, i);
            rixs_map_add(shard[dice_below(&d, 3)], b, i);
        }
    uint32_t same[N_POINTS] = { 0, 1, 2, 3, 4 };
    for (size_t k = 0; k < 3; k++)
        assert_int_equal(rixs_map_sum(sum, shard[k], same), STATUS_OK);
    assert_memory_equal(sum->counts, whole->counts, N_POINTS * whole->n_bins * sizeof *whole->counts);
    assert_memory_equal(sum->outside, whole->outside, N_POINTS * N_OUTSIDE * sizeof *whole->outside);
    for (size_t k = 0; k < 3; k++)
        rixs_map_free(shard[k]);
    rixs_map_free(whole);
    rixs_map_free(sum);
    photon_block_free(b);
}

static void sums_move_rows_and_refuse_other_axes(void **state) {
    (void)state;
    struct energy_axis axis = { 0, 4, 1 };
    struct rixs_map *into = new_map(RIXS_EMISSION, axis, 1), *from = new_map(RIXS_EMISSION, axis, 1);
    for (uint32_t k = 0; k < N_POINTS * from->n_bins; k++)
        from->counts[k] = k + 1;
    memset(into->pixels_used, 0, N_PIXELS);
    from->pixels_used[0] = 0;
    uint32_t rows[N_POINTS] = { 4, UINT32_MAX, 4, 0, 1 };
    assert_int_equal(rixs_map_sum(into, from, rows), STATUS_OK);
    assert_int_equal(into->counts[4 * 4], 1 + 9);
    assert_int_equal(into->counts[0], 13);
    assert_int_equal(into->counts[2 * 4], 0);
    assert_true(into->pixels_used[0] == 0 && into->pixels_used[1] == 1);
    uint32_t too_far[N_POINTS] = { 5, 0, 0, 0, 0 };
    assert_int_equal(rixs_map_sum(into, from, too_far), STATUS_BAD_VALUE);
    struct rixs_map *others[] = { new_map(RIXS_LOSS, axis, 1), new_map(RIXS_EMISSION, axis, 3), new_map(RIXS_EMISSION, (struct energy_axis){ 0, 4.4, 1.1 }, 1) };
    for (size_t k = 0; k < 3; k++) {
        assert_int_equal(rixs_map_sum(into, others[k], rows), STATUS_BAD_VALUE);
        rixs_map_free(others[k]);
    }
    assert_int_equal(into->counts[0], 13);
    rixs_map_free(into);
    rixs_map_free(from);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_are_multiples),
        cmocka_unit_test(impossible_axes_are_refused),
        cmocka_unit_test(the_last_reason_counts),
        cmocka_unit_test(maps_equal_a_search_over_the_edges),
        cmocka_unit_test(sums_of_shards_equal_the_whole),
        cmocka_unit_test(sums_move_rows_and_refuse_other_axes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
