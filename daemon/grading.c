#include "daemon/grading.h"

#include <stdlib.h>
#include <string.h>

#include "calib/scan_live_time.h"
#include "calib/sensitivity.h"
#include "daemon/channel_events.h"
#include "daemon/grade_plan.h"
#include "daemon/log.h"
#include "daemon/source/acquisition_status.h"
#include "daemon/stage/grade.h"
#include "pulse/cut.h"
#include "pulse/pulse_times.h"

/* Below this the scans' own counts are too few to tell sensitivities; then calibrations help (live-time.md 3). */
static const double SCAN_TIME_S = 300;

/* A row that a death may change, kept until deaths are known. */
struct end_row { uint64_t file_row; size_t row; };

struct graded_channel {
    bool live;                       /* its windows are known and its trigger leaves no unseen gaps: it has live time */
    enum trigger_kind kind;
    struct livetime_table table;
    double window_s, unresolved_s;   /* as scan_products has them */
    struct channel_events events;    /* until taken */
    int64_t *times_ns;               /* plan.points x columns, until taken */
    int64_t *calibration_ns;         /* plan.calibrations x columns */
    uint32_t *calibration_photons;
    struct grade_silences silences;
    uint64_t n_events;
    struct photon_block *ends;       /* rows at the ends of silences, each once, in order */
    struct end_row *end_rows;        /* of `ends` */
};

struct grading {
    struct grading_settings settings;
    const struct beamtime *beamtime;
    const struct array_model *model;
    struct bin_stage *bins;
    struct grade_plan plan;
    struct acquisition_status acquisition;
    struct array_activity *activity;
    size_t n;
    struct graded_channel *channels;
    double *sensitivity;
    uint64_t rows, died;
};

bool grading_new(const struct grading_settings *settings, const struct beamtime *b, const struct array_model *m, struct bin_stage *bins, struct grading **out) {
    struct grading *g = calloc(1, sizeof *g);
    bool good = g != NULL;
    if (good) {
        *g = (struct grading){ .settings = *settings, .beamtime = b, .model = m, .bins = bins, .n = m->n_channels };
        g->channels = calloc(g->n + 1, sizeof *g->channels);
        g->sensitivity = calloc(g->n + 1, sizeof *g->sensitivity);
        good = g->channels != NULL && g->sensitivity != NULL && grade_plan_make(b->timeline, bins->products, bins->n_products, &b->pulses, &g->plan) &&
               acquisition_status_collect(b->pulses.folders, b->pulses.n_folders, &g->acquisition) && array_activity_new(b->pulses.first_ns, b->pulses.last_ns, &g->activity) == STATUS_OK;
    }
    if (!good) {
        log_error("out of memory for grades and live time");
        grading_free(g);
        return false;
    }
    *out = g;
    return true;
}

static void channel_done(struct graded_channel *c) {
    channel_events_done(&c->events);
    free(c->times_ns);
    free(c->calibration_ns);
    free(c->calibration_photons);
    grade_silences_done(&c->silences);
    photon_block_free(c->ends);
    free(c->end_rows);
}

void grading_free(struct grading *g) {
    if (g == NULL)
        return;
    for (size_t i = 0; g->channels != NULL && i < g->n; i++)
        channel_done(&g->channels[i]);
    grade_plan_done(&g->plan);
    acquisition_status_done(&g->acquisition);
    array_activity_free(g->activity);
    free(g->channels);
    free(g->sensitivity);
    free(g);
}

/* ---- one channel, on its worker ---- */

static struct trigger_mode mode_of(const struct grading *g, size_t pixel) {
    int32_t channel = g->model->channels[pixel].channel;
    const struct trigger_mode *seen = acquisition_status_find(&g->acquisition, channel);
    struct trigger_mode mode = seen != NULL ? *seen : (struct trigger_mode){ .kind = TRIGGER_KIND_UNKNOWN };
    mode.kind = g->settings.kind != TRIGGER_KIND_UNKNOWN ? g->settings.kind : mode.kind;
    mode.automatic = mode.automatic || trigger_list_has(g->settings.automatic, channel);
    mode.secondary = mode.secondary || trigger_list_has(g->settings.secondary, channel);
    return mode;
}

/* Rise and fall from what the channel's filter was made of: its template, or the pulse in the basis of its file. */
static bool times_of(const struct pixel_model *m, const struct source_info *info, struct pulse_times *out) {
    enum { OFF_PULSE = 2 };
    if (m->coefficients)
        return info->shape.basis != NULL && pulse_times_of(info->shape.basis + OFF_PULSE, info->shape.n_bases, m->n_samples, m->n_presamples, out) == STATUS_OK;
    double *shape = m->template_pulse != NULL ? malloc(m->n_samples * sizeof *shape) : NULL;
    for (uint32_t i = 0; shape != NULL && i < m->n_samples; i++)
        shape[i] = (double)m->template_pulse[i];
    bool good = shape != NULL && pulse_times_of(shape, 1, m->n_samples, m->n_presamples, out) == STATUS_OK;
    free(shape);
    return good;
}

static bool table_of(const struct grading *g, size_t pixel, const struct source_info *info, enum trigger_kind kind, struct livetime_table *out) {
    const struct pixel_model *m = g->model->channels[pixel].model;
    struct pulse_times t;
    if (m == NULL || info == NULL || info->shape.coefficients != m->coefficients || info->shape.n_samples != m->n_samples || !times_of(m, info, &t))
        return false;
    const struct livetime_settings s = {
        .trigger = kind == TRIGGER_KIND_EDGE ? LIVETIME_EDGE : LIVETIME_EDGE_MULTI,
        .sample_period_s = m->sample_period_s, .n_samples = m->n_samples, .n_presamples = m->n_presamples, .peak_samples = t.peak_samples,
        .decay_s = g->settings.isolation_s > 0 ? g->settings.isolation_s / 6 : t.decay_samples * m->sample_period_s,
    };
    return livetime_table_make(&s, out) == STATUS_OK;
}

static struct livetime_sheet sheet_of(const struct graded_channel *c, const struct time_cells *cells, int64_t *rows) {
    return (struct livetime_sheet){ .table = &c->table, .n_points = cells->n, .start_ns = cells->start_ns, .end_ns = cells->end_ns, .grade_time_ns = rows };
}

static void count_calibration_photons(const struct time_cells *cells, const struct photon_block *b, uint32_t *counts) {
    for (size_t i = 0; i < b->n; i++)
        for (uint32_t k = 0; k < cells->n && b->cuts[i] == 0 && b->grade[i] == GRADE_HIGH; k++)
            counts[k] += b->time_ns[i] >= cells->start_ns[k] && b->time_ns[i] < cells->end_ns[k];
}

static int by_start(const void *va, const void *vb) {
    const struct grade_silence *a = va, *b = vb;
    return (a->span.start_ns > b->span.start_ns) - (a->span.start_ns < b->span.start_ns);
}

/* The runs, each at least as long as this channel's own records say: of a file with torn records the end is not known before. */
static struct time_span *runs_of(const struct grade_plan *plan, const struct photon_block *b) {
    struct time_span *up = malloc((plan->n_up + 1) * sizeof *up);
    if (up == NULL)
        return NULL;
    memcpy(up, plan->up, plan->n_up * sizeof *up);
    size_t k = 0;
    for (size_t i = 0; i < b->n && plan->n_up > 0; i++) {
        while (k + 1 < plan->n_up && b->time_ns[i] >= up[k + 1].start_ns)
            k++;
        up[k].end_ns = b->time_ns[i] >= up[k].end_ns ? b->time_ns[i] + 1 : up[k].end_ns;
    }
    return up;
}

static bool grade_channel(const struct grading *g, struct graded_channel *c, const bool *gap_before, struct photon_block *block) {
    struct time_span *up = runs_of(&g->plan, block);
    const struct grade_input in = { .table = &c->table, .up = up, .n_up = g->plan.n_up, .gap_before = gap_before,
                                    .seconds = c->events.seconds, .n_seconds = c->events.n_seconds };
    struct livetime_sheet calibrations = sheet_of(c, &g->plan.calibrations, c->calibration_ns), points = sheet_of(c, &g->plan.points, c->times_ns);
    bool good = up != NULL && grade_rows(&in, block, &calibrations, NULL) && grade_rows(&in, block, &points, &c->silences);
    free(up);
    if (!good)
        return false;
    qsort(c->silences.list, c->silences.n, sizeof *c->silences.list, by_start);
    count_calibration_photons(&g->plan.calibrations, block, c->calibration_photons);
    return true;
}

static bool make_room(const struct grading *g, struct graded_channel *c) {
    c->times_ns = calloc(g->plan.points.n + (size_t)1, N_LIVETIME_COLUMNS * sizeof *c->times_ns);
    c->calibration_ns = calloc(g->plan.calibrations.n + (size_t)1, N_LIVETIME_COLUMNS * sizeof *c->calibration_ns);
    c->calibration_photons = calloc(g->plan.calibrations.n + (size_t)1, sizeof *c->calibration_photons);
    return c->times_ns != NULL && c->calibration_ns != NULL && c->calibration_photons != NULL;
}

static double shorter_window_s(const struct livetime_table *t) {
    const struct livetime_box *high = &t->boxes[0];
    return 1e-9 * (double)(high->before_lo_ns < high->after_lo_ns ? high->before_lo_ns : high->after_lo_ns);
}

bool grading_channel(struct grading *g, size_t pixel, struct channel_reader *reader, const bool *gap_before, struct photon_block *block) {
    struct graded_channel *c = &g->channels[pixel];
    const struct pixel_model *m = g->model->channels[pixel].model;
    if (!make_room(g, c) || !channel_events_find(reader, mode_of(g, pixel), m != NULL && m->inverted, block, &c->events))
        return false;
    for (size_t i = 0; i < block->n; i++)
        c->n_events += (block->cuts[i] & CUT_BIT(CUT_SECONDARY)) == 0;
    c->kind = c->events.kind;
    if (table_of(g, pixel, channel_reader_info(reader), c->kind, &c->table)) {
        c->live = c->kind == TRIGGER_KIND_EDGE || c->kind == TRIGGER_KIND_EDGE_MULTI;
        c->window_s = shorter_window_s(&c->table);
        c->unresolved_s = 1e-9 * (double)c->table.unresolved_ns;
        return grade_channel(g, c, gap_before, block);
    }
    for (size_t i = 0; i < block->n; i++)
        block->grade[i] = GRADE_NONE;
    return true;
}

/* ---- all channels, on the main thread ---- */

static void keep_times(struct grading *g, size_t pixel) {
    const struct graded_channel *c = &g->channels[pixel];
    const int64_t *from = c->times_ns;
    for (size_t k = 0; k < g->bins->n_products; k++) {
        struct scan_products *p = g->bins->products[k];
        size_t n = (size_t)p->n_points * N_LIVETIME_COLUMNS;
        memcpy(p->grade_time_ns + pixel * n, from, n * sizeof *from);
        p->window_s[pixel] = c->window_s;
        p->unresolved_s[pixel] = c->unresolved_s;
        from += n;
    }
}

static void make_dead(struct grading *g, struct graded_channel *c) {
    struct livetime_sheet points = sheet_of(c, &g->plan.points, c->times_ns), calibrations = sheet_of(c, &g->plan.calibrations, c->calibration_ns);
    livetime_sheet_reset(&points);
    livetime_sheet_reset(&calibrations);
}

static void keep_end(struct graded_channel *c, const struct photon_block *block, size_t row, uint64_t first_file_row) {
    if (row == SIZE_MAX || (c->ends->n > 0 && c->end_rows[c->ends->n - 1].row == row))
        return;
    c->end_rows[c->ends->n] = (struct end_row){ .file_row = first_file_row + row, .row = row };
    photon_block_copy_row(c->ends, block, row);
}

static bool keep_ends(struct graded_channel *c, const struct photon_block *block, uint64_t first_file_row) {
    c->end_rows = calloc(2 * c->silences.n + 1, sizeof *c->end_rows);
    if (c->end_rows == NULL || photon_block_new(2 * c->silences.n + 1, &c->ends) != STATUS_OK)
        return false;
    for (size_t k = 0; k < c->silences.n; k++) {
        keep_end(c, block, c->silences.list[k].last_row, first_file_row);
        keep_end(c, block, c->silences.list[k].first_row, first_file_row);
    }
    return true;
}

bool grading_take(struct grading *g, size_t pixel, const struct photon_block *block) {
    struct graded_channel *c = &g->channels[pixel];
    if (!c->live)
        make_dead(g, c);
    keep_times(g, pixel);
    array_activity_add(g->activity, block->time_ns, block->n);
    bool good = keep_ends(c, block, g->rows);
    g->rows += block->n;
    channel_events_done(&c->events);
    free(c->times_ns);
    c->times_ns = NULL;
    return good;
}

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
    struct livetime_sheet sheet = sheet_of(c, &g->plan.calibrations, c->calibration_ns);
    livetime_remove(&sheet, s->span.start_ns, s->span.end_ns);
    uint32_t first = 0;
    for (size_t k = 0; k < g->bins->n_products; k++) {
        struct scan_products *p = g->bins->products[k];
        struct time_cells points = { p->n_points, g->plan.points.start_ns + first, g->plan.points.end_ns + first };
        sheet = sheet_of(c, &points, p->grade_time_ns + pixel * p->n_points * N_LIVETIME_COLUMNS);
        livetime_remove(&sheet, s->span.start_ns, s->span.end_ns);
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

static double scan_time_s(const struct grade_plan *p) {
    double ns = 0;
    for (uint32_t i = 0; i < p->points.n; i++)
        ns += (double)(p->points.end_ns[i] - p->points.start_ns[i]);
    return 1e-9 * ns;
}

/* Calibrations as one more scan of all pixels. */
struct calibration_part { uint32_t *counts; int64_t *live_ns; uint8_t *pixels_used; };

static bool calibration_part_make(const struct grading *g, struct calibration_part *c) {
    size_t n = g->plan.calibrations.n;
    c->counts = calloc(g->n * n + 1, sizeof *c->counts);
    c->live_ns = calloc(g->n * n + 1, sizeof *c->live_ns);
    c->pixels_used = calloc(g->n + 1, 1);
    if (c->counts == NULL || c->live_ns == NULL || c->pixels_used == NULL)
        return false;
    for (size_t p = 0; p < g->n; p++) {
        c->pixels_used[p] = g->channels[p].live;
        for (size_t k = 0; k < n; k++) {
            c->counts[p * n + k] = g->channels[p].calibration_photons[k];
            c->live_ns[p * n + k] = g->channels[p].calibration_ns[k * N_LIVETIME_COLUMNS + LIVETIME_HIGH];
        }
    }
    return true;
}

static bool fit_sensitivities(struct grading *g) {
    size_t n = g->bins->n_products;
    struct sensitivity_part *parts = calloc(n + 1, sizeof *parts);
    struct calibration_part c = { 0 };
    bool good = parts != NULL && calibration_part_make(g, &c);
    for (size_t k = 0; good && k < n; k++) {
        const struct scan_products *p = g->bins->products[k];
        parts[k] = (struct sensitivity_part){ .n_points = p->n_points, .counts = p->high_photons, .live_ns = p->grade_time_ns + LIVETIME_HIGH,
                                              .stride = N_LIVETIME_COLUMNS, .pixels_used = p->pixels_used };
    }
    if (good && scan_time_s(&g->plan) < SCAN_TIME_S)
        parts[n++] = (struct sensitivity_part){ .n_points = g->plan.calibrations.n, .counts = c.counts, .live_ns = c.live_ns, .stride = 1, .pixels_used = c.pixels_used };
    good = good && sensitivity_fit(parts, n, (uint32_t)g->n, g->sensitivity) == STATUS_OK;
    free(parts);
    free(c.counts);
    free(c.live_ns);
    free(c.pixels_used);
    return good;
}

/* Pulses that such a trigger left out are nowhere, so nobody knows when it could have taken one. */
static void warn_of_unknown_live_time(const struct grading *g) {
    for (enum trigger_kind kind = TRIGGER_KIND_VETOED; kind <= TRIGGER_KIND_LEVEL; kind++) {
        size_t n = 0;
        for (size_t i = 0; i < g->n; i++)
            n += g->channels[i].kind == kind;
        if (n > 0)
            log_warning("%zu channel%s with the trigger %s: their live time cannot be known, they count in maps but give no yield; record with edge-multi, contaminated records",
                        n, n == 1 ? "" : "s", trigger_kind_text(kind));
    }
}

bool grading_finish(struct grading *g, struct archive *a) {
    array_activity_settle(g->activity);
    warn_of_unknown_live_time(g);
    bool good = true;
    for (size_t i = 0; good && i < g->n; i++)
        good = bury(g, i, a);
    if (!good || !fit_sensitivities(g)) {
        log_error("out of memory for live times");
        return false;
    }
    for (size_t k = 0; k < g->bins->n_products; k++) {
        memcpy(g->bins->products[k]->sensitivity, g->sensitivity, g->n * sizeof *g->sensitivity);
        scan_live_time_settle(g->bins->products[k]);
    }
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
