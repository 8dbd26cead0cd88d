/* When every channel has been taken: deaths, sensitivities, live times. */
#include "daemon/grading_parts.h"

#include <stdlib.h>
#include <string.h>

#include "calib/scan_live_time.h"
#include "calib/scan_sensitivity.h"
#include "daemon/log.h"

/* ---- deaths ---- */

static size_t find_end(const struct graded_channel *c, size_t row) {
    size_t lo = 0, hi = c->ends->n;
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        if (c->end_rows[middle].row < row)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

static bool regrade(struct grading *g, struct graded_channel *c, size_t row, uint8_t grade, uint8_t flags, struct archive *a) {
    if (row == SIZE_MAX)
        return true;
    size_t k = find_end(c, row);
    grade = grade > c->ends->grade[k] ? grade : c->ends->grade[k];
    flags |= c->ends->flags[k];
    bin_stage_regrade(g->bins, c->ends, k, grade, flags);
    return archive_photon_regrade(a, c->end_rows[k].file_row, grade, flags);
}

/* Its time is dead; the last record before does not count, since it decides where life ends, and the first one after it knows nothing
 * of what came before. */
static bool apply_death(struct grading *g, size_t pixel, const struct grade_silence *s, struct archive *a) {
    struct graded_channel *c = &g->channels[pixel];
    struct livetime_sheet sheet = grading_sheet(c, &g->plan.calibrations, c->calibration_ns);
    livetime_remove(&sheet, s->span.start_ns, s->span.end_ns);
    uint32_t first = 0;
    for (size_t k = 0; k < g->bins->n_products; k++) {
        struct scan_products *p = g->bins->products[k];
        struct time_cells points = { p->n_points, g->plan.points.start_ns + first, g->plan.points.end_ns + first };
        size_t row = pixel * p->n_points * N_LIVETIME_COLUMNS;
        sheet = grading_sheet(c, &points, p->grade_time_ns + row);
        livetime_remove(&sheet, s->span.start_ns, s->span.end_ns);
        if (p->sampled_time_ns != NULL) {
            sheet.grade_time_ns = p->sampled_time_ns + row;
            grading_by_instants(g, &sheet);
            livetime_remove(&sheet, s->span.start_ns, s->span.end_ns);
        }
        first += p->n_points;
    }
    g->died++;
    return regrade(g, c, s->last_row, GRADE_HIGH, FLAG_LAST_OF_DEAD, a) && regrade(g, c, s->first_row, GRADE_NONE, 0, a);
}

static bool bury(struct grading *g, size_t pixel, struct archive *a) {
    struct graded_channel *c = &g->channels[pixel];
    size_t n = c->live ? c->silences.n : 0;
    struct time_span *spans = calloc(n + 1, sizeof *spans);
    bool *dead = calloc(n + 1, sizeof *dead), good = spans != NULL && dead != NULL;
    for (size_t k = 0; good && k < n; k++)
        spans[k] = c->silences.list[k].span;
    if (good)
        array_activity_judge(g->activity, c->n_events, g->plan.up, g->plan.n_up, spans, n, dead);
    for (size_t k = 0; good && k < n; k++)
        if (dead[k])
            good = apply_death(g, pixel, &c->silences.list[k], a);
    free(spans);
    free(dead);
    return good;
}

/* ---- sensitivities ---- */

bool grading_calibrations(const struct grading *g, struct calibration_counts *out) {
    const uint32_t n = g->plan.calibrations.n;
    if (calibration_counts_new((uint32_t)g->n, n, out) != STATUS_OK)
        return false;
    for (size_t p = 0; p < g->n; p++) {
        out->used[p] = g->channels[p].live;
        for (size_t k = 0; k < n; k++) {
            out->photons[p * n + k] = g->channels[p].calibration_photons[k];
            out->high_ns[p * n + k] = g->channels[p].calibration_ns[k * N_LIVETIME_COLUMNS + LIVETIME_HIGH];
        }
    }
    return true;
}

static bool fit_sensitivities(struct grading *g) {
    struct calibration_counts c;
    if (!grading_calibrations(g, &c))
        return false;
    const enum status s = scan_sensitivity_fit(g->bins->products, g->bins->n_products, (uint32_t)g->n, &c, g->sensitivity);
    calibration_counts_done(&c);
    return s == STATUS_OK;
}

/* Such a trigger misses pulses on tails and fires on noise: nobody knows when it could have taken one. */
static void warn_of_unknown_live_time(const struct grading *g) {
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++)
        n += g->channels[i].kind == TRIGGER_KIND_LEVEL;
    if (n > 0)
        log_warning("%zu channel%s with the trigger %s: their live time cannot be known, they count in maps but give no yield; record with edge-multi, contaminated records",
                    n, n == 1 ? "" : "s", trigger_kind_text(TRIGGER_KIND_LEVEL));
}

static void settle_sampled(struct grading *g) {
    size_t first = 0;
    for (size_t k = 0; g->instants_ns != NULL && k < g->bins->n_products; first += g->bins->products[k++]->n_points) {
        struct scan_products *p = g->bins->products[k];
        for (size_t i = 0; i < g->n; i++)
            if (g->channels[i].free_ns != NULL)
                scan_live_time_scale_sampled(p, (uint32_t)i, g->channels[i].free_ns + first);
            else
                memcpy(p->sampled_time_ns + i * p->n_points * N_LIVETIME_COLUMNS, p->grade_time_ns + i * p->n_points * N_LIVETIME_COLUMNS,
                       p->n_points * N_LIVETIME_COLUMNS * sizeof *p->grade_time_ns);
        p->use_sampled = true;
    }
}

/* An average beam that flickers is seen by nobody who looks at points only. */
static void judge_steadiness(struct grading *g) {
    uint32_t first = 0;
    for (size_t k = 0; k < g->bins->n_products; first += g->bins->products[k++]->n_points) {
        struct scan_products *p = g->bins->products[k];
        p->dispersion = beam_steadiness_dispersion(g->steadiness, first, p->n_points);
        if (p->dispersion > BEAM_STEADY_MOST && g->instants_ns == NULL)
            log_warning("scan %d: counts of the array vary %.2f times as much within a point as a steady beam lets them, so live time by intervals is too long; set live_time.method: array",
                        p->scan->number, p->dispersion);
    }
}

bool grading_finish(struct grading *g, struct archive *a) {
    array_activity_settle(g->activity);
    warn_of_unknown_live_time(g);
    bool good = true;
    for (size_t i = 0; good && i < g->n; i++)
        good = bury(g, i, a);
    settle_sampled(g);
    if (!good || !grading_lossy_times(g, fit_sensitivities) || !fit_sensitivities(g) || !grading_lossy_errors(g)) {
        log_error("out of memory for live times");
        return false;
    }
    for (size_t k = 0; k < g->bins->n_products; k++) {
        memcpy(g->bins->products[k]->sensitivity, g->sensitivity, g->n * sizeof *g->sensitivity);
        scan_live_time_settle(g->bins->products[k]);
    }
    judge_steadiness(g);
    return true;
}

double grading_sensitivity(const struct grading *g, size_t pixel) {
    return g->sensitivity[pixel];
}

double grading_live_time_s(const struct grading *g, size_t pixel) {
    double sum = 0;
    for (size_t k = 0; k < g->bins->n_products; k++)
        sum += scan_live_time_pixel(g->bins->products[k], (uint32_t)pixel, GRADE_HIGH);
    return sum;
}

uint64_t grading_died(const struct grading *g) {
    return g->died;
}
