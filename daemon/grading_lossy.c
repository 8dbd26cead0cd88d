/* Live time of channels whose trigger left no trace of what it dropped: from the recorded rate of all of them together, point by point
 * (calib/lossy_trigger.h). Sensitivities and live times depend on each other and are found in turn.
 * The trigger's own veto of a record length is shorter than tails reach, so a photon counts as isolated when no record stands in the whole
 * window before it, and its record shows no pulse behind its own; live time says the same. What stands in the window without a record (a share of the
 * square of the rate) counts, so no cut may ask for it. That share is live of the time in which the pixel's photons count at all: not while it stands where its calibration does not
 * hold (CUT_JUMPED), is vetoed or is not known. Records come meanwhile as ever, so the rate is solved over all of the point. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calib/lossy_trigger.h"
#include "daemon/grading_parts.h"
#include "daemon/log.h"
#include "daemon/stage/grade.h"
#include "pulse/cut.h"

/* Each round leaves a share of a pixel's error that is about its crowding, so busy ones need many: after four, sensitivities at 60 counts/s were drawn together by
 * 1 % and yields 0.1 % low. */
enum { ROUNDS = 60 };
static const double SETTLED = 1e-5;

bool grading_channel_lossy(const struct graded_channel *c) {
    return c->windows_known && trigger_kind_lossy(c->kind);
}

static struct lossy_trigger windows_of(const struct grading *g, size_t pixel) {
    const struct pixel_model *m = g->model->channels[pixel].model;
    const struct livetime_box *high = &g->channels[pixel].table.boxes[0];
    double record_s = m->n_samples * m->sample_period_s, post_s = (m->n_samples - m->n_presamples) * m->sample_period_s;
    return (struct lossy_trigger){ record_s, post_s, .window_s = fmax(record_s, 1e-9 * (double)high->before_lo_ns), .merged_s = 1e-9 * (double)g->channels[pixel].table.unresolved_ns,
                                   .isolated = g->channels[pixel].kind == TRIGGER_KIND_ISOLATED };
}

/* What is not isolated has no live time of its own here, and no window counts grade low: neither behind another record nor with a pulse in its own
 * behind it, as the trigger's rule sees it, whatever its cuts say; nor the record that ends a time in which the pixel had jumped, since it decides
 * where that ends. */
static void grade_by_times(const struct graded_channel *c, struct photon_block *b) {
    const struct channel_events *e = &c->events;
    int64_t last_ns = INT64_MIN / 2;
    bool jumped = false;
    for (size_t i = 0; i < b->n; i++) {
        if ((b->cuts[i] & CUT_BIT(CUT_SECONDARY)) != 0) {
            b->grade[i] = GRADE_NONE;
            continue;
        }
        b->grade[i] = !jumped && b->time_ns[i] - last_ns >= c->table.boxes[0].before_lo_ns ? GRADE_HIGH : GRADE_LOW;
        jumped = (b->cuts[i] & CUT_BIT(CUT_JUMPED)) != 0;
        last_ns = b->time_ns[i];
    }
    for (size_t k = 0; k < e->n_seconds; k++)
        b->grade[e->seconds[k].row] = b->grade[e->seconds[k].row] == GRADE_HIGH ? GRADE_LOW : b->grade[e->seconds[k].row];
}

static bool measure_open(const struct grading *g, struct graded_channel *c, const struct grade_input *in, struct photon_block *b) {
    const uint32_t n = g->plan.points.n;
    const struct livetime_table always = livetime_table_always();
    struct grade_input open = *in;
    int64_t *rows = malloc((n + (size_t)1) * N_LIVETIME_COLUMNS * sizeof *rows);
    c->open_ns = calloc(n + (size_t)1, sizeof *c->open_ns);
    struct livetime_sheet sheet = grading_sheet(c, &g->plan.points, rows);
    open.table = sheet.table = &always;
    bool good = rows != NULL && c->open_ns != NULL && grade_rows(&open, b, &sheet, NULL);
    for (uint32_t k = 0; good && k < n; k++)
        c->open_ns[k] = rows[(size_t)k * N_LIVETIME_COLUMNS + LIVETIME_HIGH];
    free(rows);
    return good;
}

bool grading_lossy_rows(const struct grading *g, struct graded_channel *c, const struct grade_input *in, struct photon_block *b) {
    if (!measure_open(g, c, in, b))
        return false;
    grade_by_times(c, b);
    return true;
}

/* Channels of one trigger, which share a rate; windows: the first one's, to judge crowding by. Live times go by each one's own. */
struct family {
    const struct grading *g;
    struct lossy_trigger windows;
    uint32_t n;
    size_t *pixels;       /* room for all */
    double *sensitivity;
};

static void family_of(const struct grading *g, enum trigger_kind kind, struct family *f) {
    f->g = g;
    f->n = 0;
    for (size_t i = 0; i < g->n; i++)
        if (grading_channel_lossy(&g->channels[i]) && g->channels[i].kind == kind)
            f->pixels[f->n++] = i;
    if (f->n > 0)
        f->windows = windows_of(g, f->pixels[0]);
}

/* Events are counted for the used pixels of a scan together: those of the family, unless others are among them. Returns how many;
 * 0: they cannot be told apart. */
static uint32_t used_of(const struct family *f, const struct scan_products *p) {
    uint32_t n = 0, used = 0;
    for (uint32_t i = 0; i < p->n_pixels; i++)
        used += p->pixels_used[i];
    for (uint32_t k = 0; k < f->n; k++)
        if (p->pixels_used[f->pixels[k]])
            f->sensitivity[n++] = f->g->sensitivity[f->pixels[k]];
    return n == used ? n : 0;
}

static double point_dwell_s(const struct scan_products *p, uint32_t point) {
    return 1e-9 * (double)(p->scan->points[point].end_ns - p->scan->points[point].start_ns);
}

static double rate_at(const struct family *f, const struct scan_products *p, uint32_t point) {
    return lossy_trigger_rate(&f->windows, f->sensitivity, used_of(f, p), scan_products_events(p, point), point_dwell_s(p, point));
}

/* A point that is refused stays dead. place: of the point in the plan. */
static void set_point(const struct family *f, struct scan_products *p, uint32_t point, size_t place) {
    double rate_Hz = rate_at(f, p, point), dwell_ns = 1e9 * point_dwell_s(p, point);
    for (uint32_t k = 0; k < f->n; k++) {
        int64_t *row = p->grade_time_ns + (f->pixels[k] * p->n_points + point) * N_LIVETIME_COLUMNS;
        struct lossy_trigger own = windows_of(f->g, f->pixels[k]);
        double share = isnan(rate_Hz) ? 0 : lossy_trigger_live(&own, f->g->sensitivity[f->pixels[k]] * rate_Hz);
        row[LIVETIME_HIGH] = llround(share * (double)f->g->channels[f->pixels[k]].open_ns[place]);
        row[LIVETIME_DEAD] = llround(dwell_ns) - row[LIVETIME_HIGH];
        if (p->sampled_time_ns != NULL)   /* there is nothing to sample it with */
            memcpy(p->sampled_time_ns + (row - p->grade_time_ns), row, N_LIVETIME_COLUMNS * sizeof *row);
    }
}

/* The live time moves with the counts it was made of: variance of N counts of a window among M of all, N (1 + (2 k + k^2) N / M). */
static void widen_errors(const struct family *f, struct scan_products *p, uint32_t point) {
    const double rate_Hz = rate_at(f, p, point), gain = isnan(rate_Hz) ? 0 : lossy_trigger_gain(&f->windows, rate_Hz);
    p->shared_excess[point] = 2 * gain + gain * gain;
}

typedef void family_fn(const struct family *f, struct grading *g);

static void set_times(const struct family *f, struct grading *g) {
    for (size_t k = 0, place = 0; k < g->bins->n_products; k++)
        for (uint32_t i = 0; i < g->bins->products[k]->n_points; i++)
            set_point(f, g->bins->products[k], i, place++);
}

static void settle_errors(const struct family *f, struct grading *g) {
    for (size_t k = 0; k < g->bins->n_products; k++) {
        struct scan_products *p = g->bins->products[k];
        p->array_rules |= ARRAY_RULE_LOSSY;
        uint32_t refused = 0;
        for (uint32_t i = 0; i < p->n_points; i++) {
            widen_errors(f, p, i);
            refused += isnan(rate_at(f, p, i)) ? 1 : 0;
        }
        if (refused > 0)
            log_warning("scan %d: %u of %u points have no yield: with the trigger %s and so many photons (more than %g in the time in which one drops or spoils another) what it dropped cannot be told; record with edge-multi, contaminated records",
                        p->scan->number, refused, p->n_points, trigger_kind_text(g->channels[f->pixels[0]].kind), LOSSY_TRIGGER_MOST);
    }
}

static bool each_family(struct grading *g, family_fn *fn) {
    struct family f = { .pixels = calloc(g->n + 1, sizeof *f.pixels), .sensitivity = calloc(g->n + 1, sizeof *f.sensitivity) };
    bool good = f.pixels != NULL && f.sensitivity != NULL;
    for (enum trigger_kind kind = TRIGGER_KIND_SINGLE; good && kind <= TRIGGER_KIND_ISOLATED; kind++) {
        family_of(g, kind, &f);
        if (f.n > 0)
            fn(&f, g);
    }
    free(f.pixels);
    free(f.sensitivity);
    return good;
}

static bool any_lossy(const struct grading *g) {
    for (size_t i = 0; i < g->n; i++)
        if (grading_channel_lossy(&g->channels[i]))
            return true;
    return false;
}

bool grading_lossy_times(struct grading *g, bool (*fit)(struct grading *)) {
    double *last = calloc(g->n + 1, sizeof *last), moved = INFINITY;
    bool good = last != NULL;
    for (size_t i = 0; i < g->n; i++)
        g->sensitivity[i] = 1;
    for (int round = 0; good && round < ROUNDS && moved > SETTLED && any_lossy(g); round++) {
        memcpy(last, g->sensitivity, g->n * sizeof *last);
        good = each_family(g, set_times) && fit(g);
        moved = 0;
        for (size_t i = 0; i < g->n; i++)
            moved = fmax(moved, fabs(g->sensitivity[i] - last[i]));
    }
    free(last);
    return good;
}

bool grading_lossy_errors(struct grading *g) {
    return !any_lossy(g) || each_family(g, settle_errors);
}
