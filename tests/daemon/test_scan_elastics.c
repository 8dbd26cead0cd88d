#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/scan_elastics.h"
#include "tests/calib/draw.h"

enum { POINTS = 40, SCANS = 4 };
static const double FROM_EV = 762, EDGE_EV = 776, FWHM_EV = 2.4;

struct made { struct scan scan; struct scan_point points[POINTS]; struct scan_products *products; };

static void count(struct rixs_map *m, uint32_t point, double loss) {
    const double bin = floor((loss - m->axis.lo_eV) / m->axis.bin_eV);
    if (bin >= 0 && bin < m->n_bins)
        m->counts[(size_t)point * m->n_bins + (uint32_t)bin]++;
}

/* elastic photons everywhere, and beyond the edge a fluorescence line at 775 eV and losses that hide the elastic line. */
static void make(struct made *m, int number, const char *sample, bool downwards, double elastic, struct seeded *r) {
    const uint8_t used = 1;
    const struct product_settings settings = { .emission = { 700, 820, 0.25 }, .loss = { -20, 80, 0.25 } };
    m->scan = (struct scan){ .number = number, .n_points = POINTS, .points = m->points, .start_ns = number * INT64_C(100000000000) };
    strcpy(m->scan.sample, sample);
    strcpy(m->scan.var_name, "mono");
    for (uint32_t k = 0; k < POINTS; k++) {
        const double incident = FROM_EV + 0.5 * (downwards ? POINTS - 1 - k : k);
        m->points[k] = (struct scan_point){ .start_ns = m->scan.start_ns + k * INT64_C(1000000000), .end_ns = m->scan.start_ns + (k + 1) * INT64_C(1000000000), .incident_eV = incident, .i0 = 1 };
    }
    m->scan.end_ns = m->points[POINTS - 1].end_ns;
    assert_int_equal(scan_products_new(&m->scan, 1, &used, &settings, &m->products), STATUS_OK);
    for (uint32_t k = 0; k < POINTS; k++) {
        const double incident = m->points[k].incident_eV, strong = incident > EDGE_EV ? 20 : 0;
        for (double left = elastic; left > 0; left--)
            if (left >= 1 || draw_uniform(r) < left)
                count(m->products->loss, k, FWHM_EV / 2.3548 * draw_normal(r));
        for (double left = strong; left > 0; left--) {
            count(m->products->loss, k, incident - 775 + 1.5 * draw_normal(r));
            count(m->products->loss, k, 3 + 1.5 * draw_normal(r));
        }
    }
}

static double resolution(const void *context, int64_t time_ns) {
    (void)context;
    (void)time_ns;
    return FWHM_EV;
}

static uint8_t used_at(const uint8_t *used, const struct scan *s, double incident_eV) {
    for (uint32_t k = 0; k < s->n_points; k++)
        if (fabs(s->points[k].incident_eV - incident_eV) < 0.1)
            return used[k];
    return 2;
}

/* A photon or two a point: no scan of three knows where its elastic line is, their sum does. One was measured downwards, another one is of another sample. */
static void repeats_share_what_their_sum_knows(void **state) {
    (void)state;
    struct seeded r = draw_start("scan_elastics", 11);
    struct made scans[SCANS];
    struct scan_products *products[SCANS];
    struct scan_sum *sums;
    struct scan_elastics e;
    size_t n_sums;
    for (int k = 0; k < SCANS; k++) {
        make(&scans[k], k, k < 3 ? "foil" : "other", k == 1, k < 3 ? 1.6 : 6, &r);
        products[k] = scans[k].products;
    }
    assert_int_equal(scan_sums_make(products, SCANS, &sums, &n_sums), STATUS_OK);
    assert_int_equal(n_sums, 2);
    assert_true(scan_elastics_find(products, SCANS, sums, n_sums, resolution, NULL, &e));
    const size_t foil = sums[0].n_scans == 3 ? 0 : 1;
    const struct scan_elastic *of_sum = &e.of[SCANS + foil];
    assert_true(of_sum->found && of_sum->fwhm_sigma_eV > 0 && fabs(of_sum->fwhm_eV - FWHM_EV) < 4 * of_sum->fwhm_sigma_eV);
    for (size_t k = 0; k < 3; k++) {
        const struct scan_elastic *one = &e.of[k];
        assert_int_equal(one->n_points, of_sum->n_points);
        for (uint32_t i = 0; i < POINTS; i++)
            assert_int_equal(e.point_used[k][i], used_at(e.point_used[SCANS + foil], sums[foil].scan, scans[k].points[i].incident_eV));
        assert_true(one->found && one->fwhm_eV == of_sum->fwhm_eV && fabs(one->offset_eV) < 4.5 * one->offset_sigma_eV);
        printf("scan %zu: %+.2f(%.2f) eV from %u points, %.0f photons; the sum %+.2f(%.2f)\n", k, one->offset_eV, one->offset_sigma_eV, one->n_points, one->counts, of_sum->offset_eV, of_sum->offset_sigma_eV);
    }
    assert_true(e.of[3].found && e.of[3].fwhm_sigma_eV > 0 && e.of[3].fwhm_eV != of_sum->fwhm_eV);   /* looks for itself */
    scan_elastics_done(&e);
    scan_sums_free(sums, n_sums);
    for (int k = 0; k < SCANS; k++)
        scan_products_free(scans[k].products);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(repeats_share_what_their_sum_knows) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
