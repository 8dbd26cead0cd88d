/* tests/daemon/made_table.h - a made-up calibration table whose every field has a value of its own. Pixel 0 has no curve. */
#ifndef TESD_TESTS_DAEMON_MADE_TABLE_H
#define TESD_TESTS_DAEMON_MADE_TABLE_H

#include <string.h>

#include "calib/calibration_table.h"
#include "tests/daemon/made_scan.h"

static inline struct calibration_curve *made_curve(double gain) {
    struct curve_anchor anchors[6];
    for (int k = 0; k < 6; k++) {
        double energy = 277 + 130 * k;
        anchors[k] = (struct curve_anchor){ .height = gain * energy * (1 - 1e-4 * energy), .height_sigma = 0.5 + 0.01 * k, .energy_eV = energy, .energy_unc_eV = 0.1 / (k + 3) };
    }
    struct calibration_curve *c = NULL;
    enum status made = calibration_curve_new(CURVE_SMOOTHING, anchors, 6, &c);
    assert(made == STATUS_OK);
    (void)made;
    return c;
}

static inline void made_fits(struct pixel_calibration *p, uint64_t *seed) {
    for (uint32_t k = 0; k < p->n_fits; k++) {
        struct anchor_fit *f = &p->fits[k];
        snprintf(f->line, sizeof f->line, "Line%u", k);
        f->energy_eV = made_uniform(seed), f->energy_unc_eV = made_uniform(seed), f->height = made_uniform(seed), f->height_sigma = made_uniform(seed);
        f->fwhm_eV = made_uniform(seed), f->fwhm_sigma_eV = made_uniform(seed), f->counts = made_uniform(seed), f->deviance_per_dof = made_uniform(seed);
        f->residual_eV = k ? made_uniform(seed) : (double)NAN;
        f->window_low = made_uniform(seed), f->window_bin = made_uniform(seed), f->eV_per_unit = made_uniform(seed), f->gauss_fwhm_eV = made_uniform(seed);
        f->background_per_eV = made_uniform(seed), f->companion_counts = made_uniform(seed), f->companion_offset_eV = made_uniform(seed);
        f->window_bins = 40 + k;
        f->used = k % 2;
        f->counts_sigma = made_uniform(seed), f->own_fwhm_eV = made_uniform(seed), f->companion_own_fwhm_eV = made_uniform(seed);
        f->tail_fraction = made_uniform(seed), f->tail_eV = made_uniform(seed);
        for (int i = 0; i < 3; i++)
            f->correlation[i] = made_uniform(seed);
    }
}

static inline struct height_correction made_correction(uint64_t *seed) {
    struct height_correction c = { .baseline = { made_uniform(seed), made_uniform(seed) }, .height_scale = made_uniform(seed), .offset_max = made_uniform(seed),
                                   .n_steps = 2, .gain_sigma = made_uniform(seed), .noise_share = made_uniform(seed) };
    for (int k = 0; k < ARRIVAL_CURVE; k++)
        c.arrival_curve[k] = made_uniform(seed);
    for (int k = 0; k < N_CORRECTION_TERMS; k++)
        c.gain[k] = made_uniform(seed), c.reference[k] = made_uniform(seed);
    for (int k = 0; k < GAIN_STEPS_MAX; k++)
        c.step_time_ns[k] = made_start_ns + 100 * k;
    return c;
}

static inline struct calibration_table *made_table(uint32_t n_pixels, uint64_t *seed) {
    struct calibration_table *t = calloc(1, sizeof *t);
    *t = (struct calibration_table){ .number = 2, .start_ns = made_start_ns, .end_ns = made_start_ns + 17, .mono_eV = NAN, .form = CURVE_SMOOTHING, .label = "CAL2", .reference_pixel = 1, .n_pixels = n_pixels };
    snprintf(t->line_table_name, sizeof t->line_table_name, "nslsii-mix");
    t->line_table_text = strdup("# lines\nCKa,277,0.5,anchor,284,,nowhere\n");
    t->resolution_eV = 1.75;
    t->template_pixels = 3;
    t->template_margin = made_uniform(seed);
    t->tail = (struct line_tail){ made_uniform(seed), made_uniform(seed) };
    snprintf(t->remark, sizeof t->remark, "the table has CKa at 277.00 eV");
    t->n_lines = 3;
    for (uint32_t k = 0; k < t->n_lines; k++) {
        t->lines[k] = (struct table_line){ .energy_eV = 277 + k, .anchor = k < 2, .n = 5 + k, .residual_eV = made_uniform(seed), .spread_eV = k ? made_uniform(seed) : (double)NAN, .fault_eV = made_uniform(seed) };
        snprintf(t->lines[k].line, sizeof t->lines[k].line, "Line%u", k);
    }
    t->pixels = calloc(n_pixels, sizeof *t->pixels);
    for (uint32_t p = 0; p < n_pixels; p++) {
        struct pixel_calibration *c = &t->pixels[p];
        c->verdict = p == 0 ? VERDICT_BAD : VERDICT_GOOD;
        snprintf(c->reason, sizeof c->reason, "%s", p ? "" : "no peak is strong enough \xc2\xb1");
        c->n_fits = p * 3;
        made_fits(c, seed);
        c->curve = p ? made_curve(10 + p) : NULL;
        c->resolution_eV = p ? 2.5 + p : (double)NAN;
        c->resolution_sigma_eV = 0.25 + p;
        c->rank = p;
        c->at_end = (struct baseline_tracker){ .recent = { 5001, 5002, 5003 + (float)p }, .n_recent = 3, .newest = 3, .jumped = 100 * made_uniform(seed),
                                               .sum = 5000 * made_uniform(seed), .weight = 1 + made_uniform(seed), .last_ns = made_start_ns + p };
        c->step = p == 1 ? 12.5 : (double)NAN;
        c->valid_from_ns = p == 1 ? made_start_ns + 5 : 0;
        c->shape_distance = made_uniform(seed);
        c->pulses = 1000 + p;
        c->correction = made_correction(seed);
        c->assigned_by = p % N_ASSIGNED_BY;
        c->margin = made_uniform(seed);
        c->before_until_ns = p == 1 ? made_start_ns - 7 : 0;
        c->n_choices = p % (MATCH_KEPT + 1);
        for (uint32_t k = 0; k < c->n_choices; k++) {
            c->choices[k] = (struct line_match){ .n = 2 + k % 2, .score = made_uniform(seed), .margin = made_uniform(seed), .rms_eV = made_uniform(seed) };
            for (size_t l = 0; l < c->choices[k].n; l++)
                c->choices[k].line[l] = l, c->choices[k].height[l] = made_uniform(seed);
        }
        c->jump = -3.5;
        c->jumped = p == 1;
    }
    return t;
}

#endif
