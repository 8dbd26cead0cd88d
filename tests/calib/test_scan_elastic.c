#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "calib/scan_elastic.h"
#include "tests/calib/draw.h"

enum { POINTS = 80 };
static const double from_eV = 760, fluorescence_eV = 775.3;

struct made { struct scan scan; struct scan_point points[POINTS]; struct rixs_map *loss; struct photon_block *b; };

/* 0.5 eV apart: elastic line everywhere, fluorescence above 778 eV at its own energy, and d-d losses around the white line at 780. */
static void make(struct made *m, double elastic_counts, double offset_eV, double fwhm_eV, struct seeded *r) {
    m->scan = (struct scan){.n_points = POINTS, .points = m->points};
    assert_int_equal(rixs_map_new(RIXS_LOSS, POINTS, (struct energy_axis){-20, 80, 0.25}, 1, 1, &m->loss), STATUS_OK);
    for (uint32_t p = 0; p < POINTS; p++) {
        double incident = from_eV + 0.5 * p, white = exp(-0.5 * pow((incident - 780) / 1.2, 2));
        m->points[p] = (struct scan_point){.incident_eV = incident};
        double lines[3][3] = {{incident + offset_eV, fwhm_eV, elastic_counts}, {fluorescence_eV, 4.2, incident > 778 ? 60 : 0}, {incident - 2.5, 3.5, 120 * white}};
        for (int k = 0; k < 3; k++)
            for (double left = lines[k][2]; left > 0; left--)
                if (left >= 1 || draw_uniform(r) < left) {
                    double loss = incident - (lines[k][0] + lines[k][1] / 2.3548 * draw_normal(r));
                    int bin = (int)floor((loss + 20) / 0.25);
                    if (bin >= 0 && bin < (int)m->loss->n_bins)
                        m->loss->counts[p * m->loss->n_bins + (uint32_t)bin]++;
                }
    }
}

static void position_and_width_are_those_put_in(void **state) {
    (void)state;
    struct seeded r = draw_start("scan_elastic", 81);
    double pull = 0, width = 0;
    int before = 0;
    enum { TRIALS = 60 };
    uint8_t used[POINTS];
    for (int t = 0; t < TRIALS; t++) {
        struct made m;
        struct scan_elastic e;
        double offset = 2 * draw_uniform(&r) - 1;
        make(&m, 8, offset, 2.4, &r);
        scan_elastic_find(m.loss, &m.scan, 2.4, used, &e);
        assert_true(e.found);
        pull += pow((e.offset_eV - offset) / e.offset_sigma_eV, 2) / TRIALS;
        width += e.fwhm_eV / TRIALS;
        for (int p = 0; p < POINTS; p++) {
            before += used[p] && m.points[p].incident_eV < 776;   /* nothing else is there, though others emit at 775.3 eV */
            assert_false(used[p] && fabs(m.points[p].incident_eV - 780) < 2.5);   /* beside a fluorescence line, or on the white line */
        }
        rixs_map_free(m.loss);
    }
    printf("rms pull %.2f, mean FWHM %.2f eV\n", sqrt(pull), width);
    printf("of %d points before the edge %d used\n", TRIALS * 32, before);
    assert_true(before > TRIALS * 32 * 0.95);
    assert_true(sqrt(pull) < 1.5 && fabs(width - 2.4) < 0.15);
}

static void what_is_not_there_is_not_found(void **state) {
    (void)state;
    struct seeded r = draw_start("scan_elastic none", 82);
    uint8_t used[POINTS];
    int found = 0;
    for (int t = 0; t < 40; t++) {
        struct made m;
        struct scan_elastic e;
        make(&m, 0, 0, 2.4, &r);
        scan_elastic_find(m.loss, &m.scan, NAN, used, &e);
        found += e.found;
        assert_true(e.found || (e.reason[0] && isnan(e.offset_eV)));
        rixs_map_free(m.loss);
    }
    printf("%d of 40 without an elastic line\n", found);
    assert_int_equal(found, 0);
}

static void a_motor_that_is_no_energy(void **state) {
    (void)state;
    struct seeded r = draw_start("scan_elastic motor", 83);
    struct made m;
    struct scan_elastic e;
    uint8_t used[POINTS];
    make(&m, 8, 0, 2.4, &r);
    for (int p = 0; p < POINTS; p++)
        m.points[p].incident_eV = NAN;
    scan_elastic_find(m.loss, &m.scan, 2.4, used, &e);
    assert_false(e.found);
    assert_int_equal(e.n_points, 0);
    rixs_map_free(m.loss);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(position_and_width_are_those_put_in), cmocka_unit_test(what_is_not_there_is_not_found), cmocka_unit_test(a_motor_that_is_no_energy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
