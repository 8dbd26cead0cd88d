#include "daemon/array_jumps.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "calib/calibration_verdict.h"
#include "calib/jump_time.h"

enum { BINS = 2000, REFERENCE_PIXELS = 60 };
static const double ABOVE_TOP = 1.3, SMOOTH_FWHM = 0.004;   /* of the highest line of the table */

/* Two calibrations, and the pixels that jumped between them. */
struct search {
    const struct learnt_channel *learnt;
    const struct calibration_table *before, *after;
    uint32_t n_pixels;
};

/* Evidence of one pixel, photon by photon. */
struct trail { double *evidence; int64_t *time_ns; size_t n; };

static const struct pixel_calibration *curve_before(const struct search *s, uint32_t pixel) {
    const struct pixel_calibration *p = &s->before->pixels[pixel];
    return p->curve != NULL && p->verdict != VERDICT_STALE ? p : NULL;
}

static bool is_sought(const struct search *s, uint32_t pixel) {
    const struct pixel_calibration *p = &s->after->pixels[pixel];
    return p->jumped && p->curve != NULL && p->verdict != VERDICT_STALE && curve_before(s, pixel) != NULL;
}

static double energy_of(const struct pixel_calibration *p, const struct measured_pulse *pulse) {
    return (double)calibration_curve_value(p->curve, height_correction_apply(&p->correction, pulse)).energy_eV;
}

static double top_eV(const struct calibration_table *t) {
    double top = 0;
    for (uint32_t k = 0; k < t->n_lines; k++)
        top = fmax(top, t->lines[k].energy_eV);
    return top;
}

/* The first of a channel's pulses, which are in time order, that is not before a time; n_pulses: none. */
static size_t pulse_from(const struct learnt_channel *c, int64_t time_ns) {
    size_t low = 0, high = c->n_pulses;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->pulses[middle].time_ns < time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* What pixels that did not jump saw from start to end, by the curves of the calibration before. */
static enum status array_spectrum(const struct search *s, int64_t start_ns, int64_t end_ns, struct spectrum **out) {
    struct spectrum *raw;
    double top = top_eV(s->before);
    enum status status = spectrum_new(0, ABOVE_TOP * top / BINS, BINS, &raw);
    if (status != STATUS_OK)
        return status;
    for (uint32_t p = 0, used = 0; p < s->n_pixels && used < REFERENCE_PIXELS; p++) {
        const struct pixel_calibration *curve = curve_before(s, p);
        if (curve == NULL || s->after->pixels[p].jumped)
            continue;
        used++;
        const struct learnt_channel *c = &s->learnt[p];
        for (size_t i = pulse_from(c, start_ns), end = pulse_from(c, end_ns); i < end; i++)
            spectrum_add(raw, energy_of(curve, &c->pulses[i]), 1);
    }
    status = spectrum_smooth(raw, SMOOTH_FWHM * top, out);
    spectrum_free(raw);
    return status;
}

static void follow(const struct search *s, uint32_t pixel, const struct spectrum *array, const struct scan *scan, struct trail *t) {
    const struct learnt_channel *c = &s->learnt[pixel];
    for (size_t i = pulse_from(c, scan->start_ns), end = pulse_from(c, scan->end_ns); i < end; i++) {
        const struct measured_pulse *m = &c->pulses[i];
        t->evidence[t->n] = jump_time_evidence(array, energy_of(curve_before(s, pixel), m), energy_of(&s->after->pixels[pixel], m));
        t->time_ns[t->n++] = m->time_ns;
    }
}

static void conclude(const struct search *s, struct pixel_calibration *p, const struct trail *t) {
    size_t index = jump_time_index(t->evidence, t->n);
    if (index == t->n)
        return;
    p->before_until_ns = index > 0 ? t->time_ns[index - 1] + 1 : s->before->end_ns;
    const time_t seconds = (time_t)(p->before_until_ns / 1000000000);
    struct tm utc;
    char when[32] = "";
    strftime(when, sizeof when, "%H:%M:%SZ", gmtime_r(&seconds, &utc));
    calibration_verdict_note(p, "its lines are elsewhere from %s on: not used from then to this calibration", when);
}

static bool search_scans(const struct search *s, const struct scan_timeline *timeline, struct trail *trails) {
    for (size_t k = 0; k < scan_timeline_count(timeline); k++) {
        const struct scan *scan = scan_timeline_at(timeline, k);
        if (scan->calibration || scan->start_ns < s->before->start_ns || scan->end_ns > s->after->start_ns)
            continue;
        struct spectrum *array;
        enum status status = array_spectrum(s, scan->start_ns, scan->end_ns, &array);
        if (status == STATUS_BAD_VALUE)   /* a table without lines: no curves either */
            return true;
        if (status != STATUS_OK)
            return false;
        for (uint32_t p = 0; p < s->n_pixels; p++)
            if (trails[p].evidence != NULL)
                follow(s, p, array, scan, &trails[p]);
        spectrum_free(array);
    }
    return true;
}

static bool make_trails(const struct search *s, struct trail *trails) {
    for (uint32_t p = 0; p < s->n_pixels; p++) {
        if (!is_sought(s, p))
            continue;
        trails[p].evidence = malloc((s->learnt[p].n_pulses + 1) * sizeof *trails[p].evidence);
        trails[p].time_ns = malloc((s->learnt[p].n_pulses + 1) * sizeof *trails[p].time_ns);
        if (trails[p].evidence == NULL || trails[p].time_ns == NULL)
            return false;
    }
    return true;
}

static bool find_between(const struct search *s, const struct scan_timeline *timeline, struct calibration_table *after) {
    bool any = false;
    for (uint32_t p = 0; p < s->n_pixels; p++)
        any = any || is_sought(s, p);
    if (!any)
        return true;
    struct trail *trails = calloc((size_t)s->n_pixels + 1, sizeof *trails);
    bool good = trails != NULL && make_trails(s, trails) && search_scans(s, timeline, trails);
    for (uint32_t p = 0; trails != NULL && p < s->n_pixels; p++) {
        if (good && trails[p].evidence != NULL)
            conclude(s, &after->pixels[p], &trails[p]);
        free(trails[p].evidence);
        free(trails[p].time_ns);
    }
    free(trails);
    return good;
}

bool array_jumps_find(const struct learnt_channel *learnt, const struct scan_timeline *timeline, struct array_model *m) {
    for (size_t k = 1; k < m->n_tables; k++) {
        const struct search s = { .learnt = learnt, .before = m->tables[k - 1], .after = m->tables[k], .n_pixels = (uint32_t)m->n_channels };
        if (!find_between(&s, timeline, m->tables[k]))
            return false;
    }
    return true;
}
