#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "calib/rixs_sim.h"
#include "tests/calib/simulated_lines.h"

static double fluorescence(double incident_eV, double lo_eV, double hi_eV) {
    struct emission_model m;
    rixs_sim_point(incident_eV, NULL, &m);
    double sum = 0;
    for (uint32_t i = 0; i < m.n; i++)
        if (m.components[i].kind != EMISSION_CONTINUUM && m.components[i].kind != EMISSION_ELASTIC && m.components[i].centre_eV >= lo_eV && m.components[i].centre_eV < hi_eV)
            sum += m.components[i].intensity;
    return sum;
}

static void test_points_of_a_scan(void **state) {
    (void)state;
    for (size_t e = 0; e < rixs_edge_count; e++) {
        double x[243];
        rixs_edge_points(&rixs_edges[e], 243, x);
        assert_true(x[0] == rixs_edges[e].lo_eV && x[242] == rixs_edges[e].hi_eV);
        int fine = 0;
        for (int i = 1; i < 243; i++) {
            assert_true(x[i] > x[i - 1]);
            fine += x[i] > rixs_edges[e].fine_lo_eV && x[i] < rixs_edges[e].fine_hi_eV;
        }
        assert_true(fine > 243 / 3);
    }
    assert_ptr_equal(rixs_edge_named("co"), &rixs_edges[2]);
    assert_null(rixs_edge_named("zn"));
}

/* Cobalt: L3 at 780.3, L2 at 794.7, nothing before the edge; Lb only above L2; oxygen dips where cobalt absorbs. */
static void test_metal_edge(void **state) {
    (void)state;
    double best = 0, at = 0;
    for (int i = 0; i < 400; i++) {
        const double e = 768 + 0.05 * i;
        const double pfy = fluorescence(e, 763, 800);
        if (pfy > best) {
            best = pfy;
            at = e;
        }
    }
    assert_true(fabs(at - 780.3) < 0.5);
    assert_true(fluorescence(770, 763, 800) < 0.01 * best);
    assert_true(fluorescence(794.7, 763, 800) > 0.2 * best && fluorescence(788, 763, 800) < 0.5 * fluorescence(794.7, 763, 800));
    assert_true(fluorescence(785, 785, 800) < 0.02 * fluorescence(796, 785, 800));
    assert_true(fluorescence(780.3, 505, 535) < 0.75 * fluorescence(774, 505, 535));
}

/* Nothing comes out with more energy than went in. */
static void test_energy_is_conserved(void **state) {
    (void)state;
    for (size_t k = 0; k < rixs_edge_count; k++)
        for (int step = 0; rixs_edges[k].lo_eV + 0.25 * step <= rixs_edges[k].hi_eV; step++) {
            const double e = rixs_edges[k].lo_eV + 0.25 * step;
            struct emission_model m;
            rixs_sim_point(e, NULL, &m);
            double above = 0;
            for (uint32_t i = 0; i < m.n; i++)
                above += m.components[i].centre_eV > e + 0.5 ? m.components[i].intensity : 0;
            assert_true(above < 0.002 * m.total);
            assert_true(m.total > 0 && emission_model_total(&m, EMISSION_ELASTIC) > 0);
        }
}

static void test_losses_follow_the_beam(void **state) {
    (void)state;
    struct emission_model a, b;
    rixs_sim_point(779.5, NULL, &a);
    rixs_sim_point(780.5, NULL, &b);
    int found = 0;
    for (uint32_t i = 0; i < a.n; i++)
        for (uint32_t k = 0; a.components[i].kind == EMISSION_INELASTIC && k < b.n; k++)
            found += b.components[k].kind == EMISSION_INELASTIC && fabs(b.components[k].centre_eV - a.components[i].centre_eV - 1) < 1e-9;
    assert_int_equal(found, 4);
    assert_true(emission_model_total(&a, EMISSION_INELASTIC) > 0.1 * a.total);
}

/* Only the feature tells the conditions apart, and only where it should be. */
static void test_feature(void **state) {
    (void)state;
    struct rixs_feature f = rixs_feature_shape;
    f.strength = 0.1;
    struct emission_model with, without;
    double oxygen = fluorescence(531, 505, 535);
    rixs_sim_point(531, &f, &with);
    rixs_sim_point(531, NULL, &without);
    assert_true(fabs(emission_model_total(&with, EMISSION_FEATURE) / oxygen - 0.1) < 0.01);
    assert_true(fabs(with.total - without.total - emission_model_total(&with, EMISSION_FEATURE)) < 1e-12);
    rixs_sim_point(531.5, &f, &with);
    assert_true(fabs(emission_model_total(&with, EMISSION_FEATURE) / (0.1 * oxygen) - exp(-0.5)) < 0.1);
    for (size_t k = 1; k < rixs_edge_count; k++) {
        rixs_sim_point(rixs_edges[k].fine_lo_eV, &f, &with);
        rixs_sim_point(rixs_edges[k].fine_lo_eV, NULL, &without);
        assert_true(with.total == without.total || with.total - without.total < 1e-12);
    }
}

static void test_calibration_is_the_table(void **state) {
    (void)state;
    struct line_table *t = simulated_lines();
    struct emission_model m;
    rixs_sim_calibration(t, 900, &m);   /* copper and zinc are not excited */
    assert_true(fabs(m.total - 1) < 1e-12);
    double last = 0;
    int lines = 0;
    for (uint32_t i = 0; i < m.n; i++) {
        if (m.components[i].kind != EMISSION_LINE)
            continue;
        lines++;
        assert_true(m.components[i].centre_eV < 900);
        last = m.components[i].centre_eV;
        if (m.components[i].centre_eV == 526)
            assert_true(m.components[i].lorentz_fwhm_eV == 1 && m.components[i].gauss_fwhm_eV == 2);
    }
    assert_int_equal(lines, 5);   /* C, two of O, Ni Ll, Ni La */
    assert_true(last == 848.9);
    assert_true(emission_model_total(&m, EMISSION_ELASTIC) > 0);
    line_table_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_points_of_a_scan),
        cmocka_unit_test(test_metal_edge),
        cmocka_unit_test(test_energy_is_conserved),
        cmocka_unit_test(test_losses_follow_the_beam),
        cmocka_unit_test(test_feature),
        cmocka_unit_test(test_calibration_is_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
