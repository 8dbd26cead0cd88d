#include "daemon/grading.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/grade_windows.h"
#include "daemon/grading_parts.h"
#include "daemon/log.h"
#include "daemon/stage/grade.h"
#include "pulse/cut.h"

bool grading_new(const struct grading_settings *settings, const struct beamtime *b, const struct array_model *m, struct bin_stage *bins, struct grading **out) {
    struct grading *g = calloc(1, sizeof *g);
    bool good = g != NULL;
    if (good) {
        *g = (struct grading){ .settings = *settings, .beamtime = b, .model = m, .bins = bins, .n = m->n_channels };
        g->channels = calloc(g->n + 1, sizeof *g->channels);
        g->sensitivity = calloc(g->n + 1, sizeof *g->sensitivity);
        good = g->channels != NULL && g->sensitivity != NULL && grade_plan_make(b->timeline, bins->products, bins->n_products, &b->pulses, &g->plan) &&
               acquisition_status_collect(b->pulses.folders, b->pulses.n_folders, &g->acquisition) && array_activity_new(b->pulses.first_ns, b->pulses.last_ns, &g->activity) == STATUS_OK &&
               beam_steadiness_new(g->plan.points.start_ns, g->plan.points.end_ns, g->plan.points.n, &g->steadiness) == STATUS_OK;
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
    free(c->sampled);
    free(c->free_ns);
    free(c->open_ns);
    free(c->calibration_ns);
    free(c->calibration_photons);
    grade_silences_done(&c->silences);
    time_spans_done(&c->vetoes);
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
    beam_steadiness_free(g->steadiness);
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

struct livetime_sheet grading_sheet(const struct graded_channel *c, const struct time_cells *cells, int64_t *rows) {
    return (struct livetime_sheet){ .table = &c->table, .n_points = cells->n, .start_ns = cells->start_ns, .end_ns = cells->end_ns, .grade_time_ns = rows,
                                    .vetoes = c->vetoes.list, .n_vetoes = c->vetoes.n };
}

/* Vetoed instants have been left out, by what vetoes their own pixel; this pixel's spans would take others among them, because an instant
 * is itself an event that helps to veto it, which a photon of this pixel is not. The vetoes' time is taken out as a factor. */
void grading_by_instants(const struct grading *g, struct livetime_sheet *sheet) {
    sheet->instants_ns = g->instants_ns;
    sheet->n_instants = g->n_instants;
    sheet->vetoes = NULL;
    sheet->n_vetoes = 0;
}

/* For sensitivities: a photon is one whether or not a curve held when it came (none does before a jump within the calibration), since
 * all of the time is live. */
static void count_calibration_photons(const struct time_cells *cells, const struct photon_block *b, uint32_t *counts) {
    struct time_span same;   /* all of it is in cell k, or in none */
    for (size_t i = 0, first; i < b->n;) {
        const uint32_t k = time_cell_around(cells, b->time_ns[i], &same);
        first = i;
        do
            i++;
        while (i < b->n && b->time_ns[i] >= same.start_ns && b->time_ns[i] < same.end_ns);
        uint32_t n = 0;
        for (size_t row = first; k != UINT32_MAX && row < i; row++)
            n += ((b->cuts[row] & ~CUT_BIT(CUT_NO_CURVE)) == 0) & (b->grade[row] == GRADE_HIGH);
        if (n > 0)
            counts[k] += n;
    }
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
    for (size_t k = 0, i = 0; k < plan->n_up; k++) {
        const int64_t until_ns = k + 1 < plan->n_up ? up[k + 1].start_ns : INT64_MAX;
        int64_t last_ns = up[k].end_ns - 1;
        for (; i < b->n && b->time_ns[i] < until_ns; i++)
            last_ns = b->time_ns[i] > last_ns ? b->time_ns[i] : last_ns;
        up[k].end_ns = last_ns + 1;
    }
    return up;
}

/* Own events are no instants of others: they were counted where nothing can be taken, right behind themselves or in their blindness.
 * Vetoed ones are no instants at all. */
static void drop_own_instants(const struct grading *g, const struct graded_channel *c, const struct photon_block *b) {
    for (size_t i = 0; i < b->n; i++) {
        uint32_t k = time_cell_of(&g->plan.points, b->time_ns[i]);
        if (k == UINT32_MAX || b->cuts[i] & (CUT_BIT(CUT_SECONDARY) | CUT_BIT(CUT_VETO)))
            continue;
        int64_t *row = c->sampled + (size_t)k * N_LIVETIME_COLUMNS;
        row[row[LIVETIME_NONE] > 0 && (b->cuts[i] & CUT_BIT(CUT_JUMPED)) == 0 && (c->table.blind_ns == 0 || row[LIVETIME_DEAD] == 0) ? LIVETIME_NONE : LIVETIME_DEAD]--;
    }
}

static void measure_free_time(const struct time_cells *points, const struct time_spans *vetoes, int64_t *free_ns) {
    for (uint32_t k = 0; k < points->n; k++) {
        free_ns[k] = points->end_ns[k] - points->start_ns[k];
        for (size_t v = time_span_after(vetoes->list, vetoes->n, points->start_ns[k]); v < vetoes->n && vetoes->list[v].start_ns < points->end_ns[k]; v++) {
            struct time_span s = vetoes->list[v];
            s.start_ns = s.start_ns > points->start_ns[k] ? s.start_ns : points->start_ns[k];
            s.end_ns = s.end_ns < points->end_ns[k] ? s.end_ns : points->end_ns[k];
            free_ns[k] -= s.end_ns - s.start_ns;
        }
    }
}

static bool sample(const struct grading *g, struct graded_channel *c, const struct grade_input *in, struct photon_block *block) {
    if (g->instants_ns == NULL)
        return true;
    c->sampled = calloc(g->plan.points.n + (size_t)1, N_LIVETIME_COLUMNS * sizeof *c->sampled);
    c->free_ns = calloc(g->plan.points.n + (size_t)1, sizeof *c->free_ns);
    struct livetime_sheet points = grading_sheet(c, &g->plan.points, c->sampled);
    grading_by_instants(g, &points);
    if (c->sampled == NULL || c->free_ns == NULL || !grade_rows(in, block, &points, NULL))
        return false;
    measure_free_time(&g->plan.points, &c->vetoes, c->free_ns);
    drop_own_instants(g, c, block);
    return true;
}

/* Deaths need the vetoes of silences again; those of a busy neighbour are too many to keep all. Silences are in order and disjoint. */
static bool keep_silent_vetoes(struct graded_channel *c) {
    struct time_span *silences = malloc((c->silences.n + 1) * sizeof *silences);
    for (size_t i = 0; silences != NULL && i < c->silences.n; i++)
        silences[i] = c->silences.list[i].span;
    if (silences != NULL)
        time_spans_keep(&c->vetoes, silences, c->silences.n);
    free(silences);
    return silences != NULL;
}

/* Points and calibrations in one walk where they do not overlap, which is nearly always. */
static bool walk(const struct grading *g, struct graded_channel *c, const struct grade_input *in, struct photon_block *block) {
    const struct grade_plan *plan = &g->plan;
    enum { ROW = N_LIVETIME_COLUMNS };
    if (plan->all.n == 0) {
        struct livetime_sheet calibrations = grading_sheet(c, &plan->calibrations, c->calibration_ns), points = grading_sheet(c, &plan->points, c->times_ns);
        return grade_rows(in, block, &calibrations, NULL) && grade_rows(in, block, &points, &c->silences);
    }
    int64_t *rows = malloc(plan->all.n * ROW * sizeof *rows);
    if (rows == NULL)
        return false;
    struct livetime_sheet all = grading_sheet(c, &plan->all, rows);
    bool good = grade_rows(in, block, &all, &c->silences);
    for (uint32_t k = 0; good && k < plan->all.n; k++) {
        uint32_t place = plan->place[k];
        int64_t *to = place < plan->points.n ? c->times_ns + (size_t)place * ROW : c->calibration_ns + (size_t)(place - plan->points.n) * ROW;
        memcpy(to, rows + (size_t)k * ROW, ROW * sizeof *rows);
    }
    free(rows);
    return good;
}

static bool grade_channel(const struct grading *g, struct graded_channel *c, const struct grade_input *in, struct photon_block *block) {
    if (!walk(g, c, in, block) || !sample(g, c, in, block))
        return false;
    if (c->silences.n > 0)
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

/* When what happened is known: the channel's windows. */
static void make_windows(const struct grading *g, size_t pixel, const struct channel_shape *shape, const struct photon_block *block) {
    struct graded_channel *c = &g->channels[pixel];
    for (size_t i = 0; i < block->n; i++)
        c->n_events += (block->cuts[i] & CUT_BIT(CUT_SECONDARY)) == 0;
    c->kind = c->events.kind;
    c->windows_known = grade_windows_make(g->model->channels[pixel].model, shape, c->kind, g->settings.isolation_s, &c->table);
    if (c->windows_known) {
        c->live = c->kind == TRIGGER_KIND_EDGE || c->kind == TRIGGER_KIND_EDGE_MULTI;
        c->spans = grade_windows_spans(&c->table);
    }
}

const struct inner_event *grading_seconds(const struct grading *g, size_t pixel, size_t *n) {
    *n = g->channels[pixel].events.n_seconds;
    return g->channels[pixel].events.seconds;
}

bool grading_unseen(const struct grading *g, size_t pixel) { return grading_channel_lossy(&g->channels[pixel]); }

const struct livetime_table *grading_windows(const struct grading *g, size_t pixel) {
    const struct graded_channel *c = &g->channels[pixel];
    return c->windows_known && c->live ? &c->table : NULL;
}

bool grading_rows(struct grading *g, size_t pixel, const bool *gap_before, struct time_spans *vetoes, struct photon_block *block) {
    struct graded_channel *c = &g->channels[pixel];
    if (vetoes != NULL) {
        c->vetoes = *vetoes;
        *vetoes = (struct time_spans){ 0 };
        grade_veto(block, c->vetoes.list, c->vetoes.n);
    }
    if (!c->windows_known) {
        memset(block->grade, GRADE_NONE, block->n);
        return true;
    }
    struct time_span *up = runs_of(&g->plan, block);
    const struct grade_input in = { .table = &c->table, .up = up, .n_up = g->plan.n_up, .gap_before = gap_before,
                                    .seconds = c->events.seconds, .n_seconds = c->events.n_seconds };
    bool good = up != NULL && (grading_channel_lossy(c) ? grading_lossy_rows(g, c, &in, block) : grade_channel(g, c, &in, block));
    free(up);
    return good && keep_silent_vetoes(c);
}

bool grading_sample_at(struct grading *g, const int64_t *instants_ns, size_t n) {
    g->instants_ns = instants_ns;
    g->n_instants = n;
    bool good = true;
    for (size_t k = 0; good && k < g->bins->n_products; k++)
        good = scan_products_sampled(g->bins->products[k]) == STATUS_OK;
    if (!good)
        log_error("out of memory for sampled live times");
    return good;
}

bool grading_events(struct grading *g, size_t pixel, struct channel_reader *reader, bool causal, struct photon_block *block) {
    struct graded_channel *c = &g->channels[pixel];
    const struct pixel_model *m = g->model->channels[pixel].model;
    if (!make_room(g, c) || !channel_events_find(reader, mode_of(g, pixel), m, causal, block, &c->events))
        return false;
    const struct source_info *info = channel_reader_info(reader);
    make_windows(g, pixel, info != NULL ? &info->shape : NULL, block);
    return true;
}

bool grading_events_kept(struct grading *g, size_t pixel, uint32_t n_samples, const struct kept_rows *kept, struct photon_block *block) {
    const struct pixel_model *m = g->model->channels[pixel].model;
    const struct channel_shape shape = { .n_samples = n_samples, .coefficients = m != NULL && m->coefficients };
    channel_events_kept(mode_of(g, pixel), n_samples, kept->flags, kept->seconds, kept->n_seconds, block, &g->channels[pixel].events);
    if (!make_room(g, &g->channels[pixel]))
        return false;
    make_windows(g, pixel, &shape, block);
    return true;
}

/* ---- all channels, on the main thread ---- */

static void keep_times(struct grading *g, size_t pixel) {
    const struct graded_channel *c = &g->channels[pixel];
    size_t first = 0;
    for (size_t k = 0; k < g->bins->n_products; k++) {
        struct scan_products *p = g->bins->products[k];
        size_t n = (size_t)p->n_points * N_LIVETIME_COLUMNS;
        memcpy(p->grade_time_ns + pixel * n, c->times_ns + first, n * sizeof *c->times_ns);
        if (p->sampled_time_ns != NULL && c->sampled != NULL)
            memcpy(p->sampled_time_ns + pixel * n, c->sampled + first, n * sizeof *c->sampled);
        p->window_s[pixel] = c->spans.window_s;
        p->unresolved_s[pixel] = c->spans.unresolved_s;
        p->tail_s[pixel] = c->spans.tail_s;
        first += n;
    }
}

static void make_dead(struct grading *g, struct graded_channel *c) {
    struct livetime_sheet points = grading_sheet(c, &g->plan.points, c->times_ns), calibrations = grading_sheet(c, &g->plan.calibrations, c->calibration_ns);
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
    beam_steadiness_add(g->steadiness, block->time_ns, block->n);
    keep_times(g, pixel);
    array_activity_add(g->activity, block->time_ns, block->n);
    bool good = keep_ends(c, block, g->rows);
    g->rows += block->n;
    channel_events_done(&c->events);
    free(c->times_ns);
    free(c->sampled);
    c->times_ns = c->sampled = NULL;
    return good;
}
