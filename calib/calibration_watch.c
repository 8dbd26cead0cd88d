#include "calib/calibration_watch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/pixel_calibration.h"
#include "pulse/robust.h"

enum { LEAST_KEPT = 256 };

struct kept {
    uint64_t pulses;          /* added */
    uint32_t n, stride;       /* heights kept; every stride-th is */
};

struct calibration_watch {
    uint32_t n_pixels, most;
    uint64_t pulses;
    struct kept *kept;
    float *heights;           /* [n_pixels][most] */
};

enum status calibration_watch_new(uint32_t n_pixels, uint32_t most, struct calibration_watch **out) {
    if (most < LEAST_KEPT)
        return STATUS_BAD_VALUE;
    struct calibration_watch *w = calloc(1, sizeof *w);
    if (!w)
        return STATUS_NO_MEMORY;
    *w = (struct calibration_watch){.n_pixels = n_pixels, .most = most, .kept = calloc(n_pixels + (size_t)1, sizeof *w->kept),
                                    .heights = malloc(((size_t)n_pixels * most + 1) * sizeof *w->heights)};
    if (!w->kept || !w->heights) {
        calibration_watch_free(w);
        return STATUS_NO_MEMORY;
    }
    *out = w;
    return STATUS_OK;
}

void calibration_watch_free(struct calibration_watch *w) {
    if (!w)
        return;
    free(w->kept);
    free(w->heights);
    free(w);
}

void calibration_watch_clear(struct calibration_watch *w) {
    memset(w->kept, 0, w->n_pixels * sizeof *w->kept);
    w->pulses = 0;
}

void calibration_watch_copy(struct calibration_watch *to, const struct calibration_watch *from) {
    memcpy(to->kept, from->kept, from->n_pixels * sizeof *from->kept);
    for (uint32_t i = 0; i < from->n_pixels; i++)
        memcpy(to->heights + (size_t)i * to->most, from->heights + (size_t)i * from->most, from->kept[i].n * sizeof *from->heights);
    to->pulses = from->pulses;
}

static void thin(struct kept *k, float *heights) {
    for (uint32_t i = 0; 2 * i < k->n; i++)
        heights[i] = heights[2 * i];
    k->n = (k->n + 1) / 2;
    k->stride *= 2;
}

void calibration_watch_add(struct calibration_watch *w, uint32_t pixel, float height) {
    if (pixel >= w->n_pixels || !(height > 0) || !isfinite(height))
        return;
    struct kept *k = &w->kept[pixel];
    float *heights = w->heights + (size_t)pixel * w->most;
    w->pulses++;
    if (k->stride == 0)
        k->stride = 1;
    if (k->pulses++ % k->stride != 0)
        return;
    if (k->n == w->most)
        thin(k, heights);
    if ((k->pulses - 1) % k->stride == 0)
        heights[k->n++] = height;
}

uint64_t calibration_watch_pulses(const struct calibration_watch *w) {
    return w->pulses;
}

static uint32_t anchors_of(const struct pixel_calibration *p) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_fits; i++)
        n += p->fits[i].used;
    return n;
}

static struct watched_pixel watched(const struct kept *k, const struct pixel_calibration *p) {
    struct watched_pixel out = {.pulses = k->pulses, .waiting = k->n < CALIBRATION_MIN_PULSES, .verdict = p->verdict, .anchors = p->curve ? anchors_of(p) : 0,
                                .margin = p->margin, .resolution_eV = p->resolution_eV};
    memcpy(out.reason, p->reason, sizeof out.reason);
    return out;
}

static void count(struct calibration_outlook *o, double *scratch) {
    for (uint32_t i = 0; i < o->n_pixels; i++) {
        scratch[i] = (double)o->pixels[i].pulses;
        if (o->pixels[i].waiting)
            o->n_waiting++;
        else
            o->n_verdict[o->pixels[i].verdict]++;
    }
    o->typical_pulses = o->n_pixels ? robust_median(scratch, o->n_pixels) : 0;
}

enum status calibration_watch_look(const struct calibration_watch *w, const struct calibration_rules *rules, const struct line_table *lines, double mono_eV,
                                   const struct calibration_table *before, struct calibration_outlook *out, struct complaint *why) {
    struct calibration_heights *heights = calloc(w->n_pixels + (size_t)1, sizeof *heights);
    double *scratch = calloc(w->n_pixels + (size_t)1, sizeof *scratch);
    struct calibration_outlook o = {.n_pixels = w->n_pixels, .pixels = calloc(w->n_pixels + (size_t)1, sizeof *o.pixels)};
    struct calibration_table *t = NULL;
    struct complaint told = {.text = ""};
    enum status status = heights && scratch && o.pixels ? STATUS_OK : STATUS_NO_MEMORY;
    for (uint32_t i = 0; status == STATUS_OK && i < w->n_pixels; i++)
        heights[i] = (struct calibration_heights){.heights = w->heights + (size_t)i * w->most, .n = w->kept[i].n};
    if (status == STATUS_OK)
        status = calibration_table_learn_by(rules, lines, mono_eV, heights, w->n_pixels, before, &t, &told);
    if (status == STATUS_OK || status == STATUS_TOO_FEW) {
        for (uint32_t i = 0; i < w->n_pixels; i++)
            o.pixels[i] = watched(&w->kept[i], &t->pixels[i]);
        count(&o, scratch);
        snprintf(o.remark, sizeof o.remark, "%s", o.n_waiting == o.n_pixels ? "" : told.text);
        calibration_table_free(t);
        *out = o;
        status = STATUS_OK;
    } else {
        free(o.pixels);
        if (why)
            *why = told;
    }
    free(heights);
    free(scratch);
    return status;
}

void calibration_outlook_done(struct calibration_outlook *o) {
    free(o->pixels);
    o->pixels = NULL;
}
