/* tests/daemon/made_scan.h - a small made-up scan with photons and products, the same for the same seed: what the sinks are tested
 * with. Photons lie on an elastic diagonal, on a fluorescence line, or anywhere; some are cut, some between points. */
#ifndef TESD_TESTS_DAEMON_MADE_SCAN_H
#define TESD_TESTS_DAEMON_MADE_SCAN_H

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "calib/photon_block.h"
#include "calib/scan_products.h"
#include "pulse/cut.h"

struct made_scan {
    struct scan scan;
    struct scan_extra extra;
    struct photon_block *photons;
    struct scan_products *products;
    uint32_t n_pixels;
};

struct made_plan {
    int32_t number;
    uint32_t n_points, n_pixels;
    size_t n_photons;
    bool i0, incident;
    uint64_t seed;
};

static const struct yield_region made_regions[] = { { "O", 505, 535 }, { "sPFY", 522, 525 }, { "Co", 763, 800 }, { "tfy", 0, INFINITY } };
enum { MADE_REGIONS = sizeof made_regions / sizeof *made_regions };
static const int64_t made_start_ns = INT64_C(1603368671000000000), made_step_ns = INT64_C(1550000000), made_dwell_ns = INT64_C(1200000000);

static inline double made_uniform(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(*state >> 11) * 0x1p-53;
}

static inline double made_normal(uint64_t *state) {
    double u = made_uniform(state), v = made_uniform(state);
    return sqrt(-2 * log(1 - u)) * cos(6.283185307179586 * v);
}

static inline void made_points(struct scan *s, const struct made_plan *plan) {
    s->points = calloc(plan->n_points + (size_t)1, sizeof *s->points);
    for (uint32_t k = 0; k < plan->n_points; k++) {
        int64_t start = made_start_ns + plan->number * INT64_C(600000000000) + k * made_step_ns;
        double fraction = plan->n_points > 1 ? k / (plan->n_points - 1.0) : 0;
        s->points[k] = (struct scan_point){ .start_ns = start, .end_ns = start + made_dwell_ns, .incident_eV = plan->incident ? 768 + 37 * fraction : (double)NAN,
                                            .i0 = plan->i0 ? 1000 + 3 * k : (double)NAN, .i0_sigma = plan->i0 ? 2 : (double)NAN };
    }
    s->n_points = plan->n_points;
    if (plan->n_points) {
        s->start_ns = s->points[0].start_ns;
        s->end_ns = s->points[plan->n_points - 1].end_ns;
    }
}

static inline double made_energy(double incident_eV, uint64_t *seed) {
    double kind = made_uniform(seed), x = isfinite(incident_eV) ? incident_eV : 780;
    double edge = 0.15 + exp(-0.5 * pow((x - 780) / 1.5, 2)) + 0.4 * exp(-0.5 * pow((x - 795) / 2, 2));
    if (kind < 0.25)
        return x + 1.3 * made_normal(seed);
    if (kind < 0.25 + 0.4 * edge)
        return 776 + 1.8 * made_normal(seed);
    return kind < 0.8 ? 524.9 + 2 * made_normal(seed) : 210 + 880 * made_uniform(seed);
}

static inline void made_photon(struct made_scan *m, size_t i, uint64_t *seed) {
    struct photon_block *b = m->photons;
    uint32_t point = (uint32_t)(made_uniform(seed) * m->scan.n_points);
    bool moving = made_uniform(seed) < 0.1 && point + 1 < m->scan.n_points, cut = made_uniform(seed) < 0.15;
    const struct scan_point *p = &m->scan.points[point];
    double energy = made_energy(p->incident_eV, seed);
    b->time_ns[i] = moving ? p->end_ns + 1000 : p->start_ns + (int64_t)(made_uniform(seed) * 1199999) * 1000;
    b->frame[i] = (int64_t)i;
    b->pixel[i] = (uint16_t)(i % m->n_pixels);
    b->height[i] = (float)(energy * (11 + b->pixel[i]));
    b->energy_eV[i] = cut ? NAN : (float)energy;
    b->energy_sigma_eV[i] = cut ? NAN : 0.1f;
    b->arrival[i] = (float)(made_uniform(seed) - 0.5);
    b->pretrigger_mean[i] = 1000;
    b->cuts[i] = cut ? CUT_BIT(CUT_PRETRIGGER) | CUT_BIT(CUT_RESIDUAL) : 0;
    b->grade[i] = made_uniform(seed) < 0.9 ? GRADE_HIGH : GRADE_MID;
    b->flags[i] = TRUST_INSIDE;
    b->scan[i] = m->scan.number;
    b->point[i] = moving ? -1 : (int32_t)point;
    b->incident_eV[i] = moving ? NAN : (float)p->incident_eV;
    if (!cut)
        scan_products_add(m->products, b, i, (int32_t)point);
}

static inline void made_scan_free(struct made_scan *m) {
    scan_products_free(m->products);
    photon_block_free(m->photons);
    free(m->scan.points);
    free(m->extra.values);
    free(m);
}

static inline struct made_scan *made_scan_new(struct made_plan plan) {
    static const struct product_settings settings = { .emission = { 200, 1100, 0.25 }, .loss = { -20, 80, 0.25 }, .n_regions = MADE_REGIONS, .regions = made_regions };
    struct made_scan *m = calloc(1, sizeof *m);
    m->n_pixels = plan.n_pixels;
    m->scan = (struct scan){ .number = plan.number, .log_number = plan.number, .sample = "LiCoO2 \xc2\xb5", .var_name = "mono", .var_unit = "eV", .mono_eV = NAN };
    snprintf(m->scan.label, sizeof m->scan.label, "SCAN%d", plan.number);
    snprintf(m->scan.log_name, sizeof m->scan.log_name, "scan%04d.json", plan.number);
    made_points(&m->scan, &plan);
    m->extra = (struct scan_extra){ .name = "temp/K", .values = calloc(plan.n_points + (size_t)1, sizeof(double)) };
    m->scan.n_extras = 1;
    m->scan.extras = &m->extra;
    uint8_t *used = malloc(plan.n_pixels + (size_t)1);
    for (uint32_t k = 0; k < plan.n_pixels; k++)
        used[k] = k != 1;
    enum status made = scan_products_new(&m->scan, plan.n_pixels, used, &settings, &m->products);
    if (made == STATUS_OK)
        made = photon_block_new(plan.n_photons + 1, &m->photons);
    free(used);
    assert(made == STATUS_OK);
    (void)made;
    uint64_t seed = plan.seed;
    for (size_t i = 0; i < plan.n_photons && plan.n_points; i++)
        made_photon(m, i, &seed);
    m->photons->n = plan.n_points ? plan.n_photons : 0;
    return m;
}

#endif
