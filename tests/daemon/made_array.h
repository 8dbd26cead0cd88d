/* tests/daemon/made_array.h - a calibrated array: tables learnt from the synthetic mix of tests/calib/line_mix.h, with the histograms of a
 * report. A few pixels are learnt and then repeated, each with a curve of its own. */
#ifndef TESD_TESTS_DAEMON_MADE_ARRAY_H
#define TESD_TESTS_DAEMON_MADE_ARRAY_H

#include <assert.h>
#include <stdio.h>

#include "daemon/array_model.h"
#include "daemon/sink/report_spectra.h"
#include "tests/calib/line_mix.h"

enum { MADE_ARRAY_LEARNT = 6, MADE_ARRAY_TABLES = 2 };

struct made_array {
    struct array_model *model;
    struct report_spectra *spectra;
};

static inline void made_array_repeat(struct calibration_table *t, uint32_t n) {
    struct pixel_calibration *pixels = calloc(n, sizeof *pixels);
    for (uint32_t i = 0; i < n; i++) {
        const struct curve_anchor *anchors;
        pixels[i] = t->pixels[i % t->n_pixels];
        size_t k = pixels[i].curve ? calibration_curve_anchors(pixels[i].curve, &anchors) : 0;
        enum status made = k ? calibration_curve_new(CURVE_SPLINE, anchors, k, &pixels[i].curve) : STATUS_OK;
        assert(made == STATUS_OK);
        (void)made;
    }
    for (uint32_t i = 0; i < t->n_pixels; i++)
        calibration_curve_free(t->pixels[i].curve);
    free(t->pixels);
    t->pixels = pixels;
    t->n_pixels = n;
}

static inline struct made_array made_array(uint32_t n_pixels, size_t pulses, struct seeded *r) {
    struct made_array a = { 0 };
    struct line_table *lines = mix_table();
    struct mix_pixel pixel[MADE_ARRAY_LEARNT];
    for (size_t i = 0; i < MADE_ARRAY_LEARNT; i++)
        pixel[i] = mix_pixel_random(r);
    bool room = array_model_new(n_pixels, MADE_ARRAY_TABLES, &a.model) && report_spectra_new(n_pixels, MADE_ARRAY_TABLES, &a.spectra) == STATUS_OK;
    struct calibration_heights *heights = calloc(n_pixels + MADE_ARRAY_LEARNT, sizeof *heights);
    assert(room && heights && lines);
    (void)room;
    for (size_t k = 0; k < MADE_ARRAY_TABLES; k++) {
        float *owned[MADE_ARRAY_LEARNT];
        for (uint32_t i = 0; i < n_pixels; i++) {
            if (i < MADE_ARRAY_LEARNT)
                owned[i] = mix_heights(&pixel[i], pulses, r);
            heights[i] = (struct calibration_heights){ .heights = owned[i % MADE_ARRAY_LEARNT], .n = pulses };
        }
        struct calibration_table **t = &a.model->tables[k];
        enum status learnt = calibration_table_learn(lines, 1000, heights, MADE_ARRAY_LEARNT, k ? a.model->tables[k - 1] : NULL, t, NULL);
        made_array_repeat(*t, n_pixels);
        snprintf((*t)->label, sizeof (*t)->label, "CAL%zu", k);
        enum status added = report_spectra_add(a.spectra, *t, heights);
        assert(learnt == STATUS_OK && added == STATUS_OK);
        (void)learnt, (void)added;
        for (size_t i = 0; i < MADE_ARRAY_LEARNT; i++)
            free(owned[i]);
    }
    for (uint32_t i = 0; i < n_pixels; i++) {
        a.model->channels[i].channel = (int32_t)(2 * i + 1);
        snprintf(a.model->channels[i].name, sizeof a.model->channels[i].name, "chan%u", 2 * i + 1);
        a.model->channels[i].model = calloc(1, sizeof(struct pixel_model));
    }
    free(heights);
    line_table_free(lines);
    return a;
}

static inline void made_array_done(struct made_array *a) {
    report_spectra_free(a->spectra);
    array_model_free(a->model);
}

#endif
