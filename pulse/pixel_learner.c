/* Learning one pixel: keep raw records in bounded memory, then, once, in this order:
 * frame of the samples -> polarity -> limits and good pulses -> template -> noise covariance -> filter -> shape by regression on what the filter says ->
 * its template -> filter -> shape -> filter for records on a tail -> open filter, when asked for -> scale of the residual ->
 * search for second pulses. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/cut_limits.h"
#include "pulse/edge_trigger.h"
#include "pulse/gap_filter.h"
#include "pulse/linear.h"
#include "pulse/noise_mains.h"
#include "pulse/noise_model.h"
#include "pulse/open_filter.h"
#include "pulse/optimal_filter.h"
#include "pulse/pixel_model.h"
#include "pulse/pixel_tail.h"
#include "pulse/pulse_shape.h"
#include "pulse/pulse_template.h"
#include "pulse/pulse_times.h"
#include "pulse/record_store.h"
#include "pulse/robust.h"
#include "pulse/sample_turn.h"

/* 4 MB each at 1,024 samples. 300 noise records suffice, 1,000 give all there is to gain (doc/methods.md, Noise). */
enum { NOISE_RECORDS_MAX = 2048, PULSE_RECORDS_MAX = 2048, PULSES_MIN = 50, NOISE_RECORDS_MIN = 30 };

struct pixel_learner {
    const struct noise_plan *plan;
    double sample_period_s;
    bool open;
    struct record_store noise, pulses;
};

enum status pixel_learner_new(const struct noise_plan *plan, uint32_t n_samples, uint32_t n_presamples, double sample_period_s,
                              struct pixel_learner **out) {
    if (n_presamples < 16 || n_samples < n_presamples + 32 || n_samples != noise_plan_n_samples(plan))
        return STATUS_BAD_VALUE;
    struct pixel_learner *l = malloc(sizeof *l);
    if (l == NULL)
        return STATUS_NO_MEMORY;
    l->plan = plan;
    l->sample_period_s = sample_period_s;
    l->open = false;
    record_store_init(&l->noise, STORE_FIRST, n_samples, n_presamples, NOISE_RECORDS_MAX);
    record_store_init(&l->pulses, STORE_EVEN, n_samples, n_presamples, PULSE_RECORDS_MAX);
    *out = l;
    return STATUS_OK;
}

void pixel_learner_free(struct pixel_learner *l) {
    if (l == NULL)
        return;
    record_store_done(&l->noise);
    record_store_done(&l->pulses);
    free(l);
}

void pixel_learner_open(struct pixel_learner *l) {
    l->open = true;
}

/* A record of another shape, or one that memory has no room for, is counted and not kept. */
static void keep(struct record_store *store, const struct pulse_record *record, bool fits) {
    if (fits && record->n_samples == store->n_samples)
        (void)record_store_add(store, record);
    else
        store->odd++;
}

void pixel_learner_noise(struct pixel_learner *l, const struct pulse_record *record) {
    keep(&l->noise, record, true);
}

void pixel_learner_pulse(struct pixel_learner *l, const struct pulse_record *record) {
    keep(&l->pulses, record, record->n_presamples == l->pulses.n_presamples);
}

/* Work space of one finish, freed as a whole. */
struct workshop {
    bool *good, *used, *noise_good;
    struct shape_point *points;
    double *template_pulse, *moved, *covariance, *weights;
};

static bool workshop_init(struct workshop *w, const struct pixel_learner *l) {
    size_t n = l->pulses.n_samples, records = (size_t)l->pulses.n_records + 1;
    w->good = calloc(records, sizeof *w->good);
    w->used = calloc(records, sizeof *w->used);
    w->noise_good = calloc((size_t)l->noise.n_records + 1, sizeof *w->noise_good);
    w->points = calloc(records, sizeof *w->points);
    w->template_pulse = calloc(n, sizeof *w->template_pulse);
    w->moved = calloc(n, sizeof *w->moved);
    w->covariance = calloc(n, sizeof *w->covariance);
    w->weights = calloc(n, sizeof *w->weights);
    return w->good && w->used && w->noise_good && w->points && w->template_pulse && w->moved && w->covariance && w->weights;
}

static void workshop_done(struct workshop *w) {
    free(w->good);
    free(w->used);
    free(w->noise_good);
    free(w->points);
    free(w->template_pulse);
    free(w->moved);
    free(w->covariance);
    free(w->weights);
}

/* False, and why, when there is no covariance to build a filter on. quiet_sd: what the pretriggers of good pulses do not exceed. */
static bool learn_noise(const struct pixel_learner *l, double quiet_sd, struct workshop *w, struct pixel_learning *report, struct complaint *why) {
    uint32_t good = noise_model_select(&l->noise, w->noise_good, &report->baseline_sd);
    report->noise_rejected = l->noise.n_records - good + l->noise.odd;
    if (good < NOISE_RECORDS_MIN) {
        complaint_set(why, 0, 0, "%u usable noise records, %d are needed: the filter assumes white noise", good, NOISE_RECORDS_MIN);
        return false;
    }
    if (report->baseline_sd > 3 * quiet_sd) {
        complaint_set(why, 0, 0, "noise records vary by %.3g counts, pretriggers by less than %.3g: they hold pulses; the filter assumes white noise",
                      report->baseline_sd, quiet_sd);
        return false;
    }
    enum status s = noise_model_covariance(l->plan, &l->noise, w->noise_good, NOISE_STREAM, w->covariance);
    if (s != STATUS_OK)
        complaint_set(why, 0, 0, "no noise covariance (%s): the filter assumes white noise", status_text(s));
    return s == STATUS_OK;
}

/* Weights from the covariance if that is of use, else for white noise. */
static enum status design(struct workshop *w, double peak_counts, struct pixel_model *m, struct complaint *why) {
    double variance = 0;
    enum status s = STATUS_NOT_POSITIVE;
    if (!m->white_noise) {
        s = optimal_filter_design(w->template_pulse, m->n_samples, w->covariance, w->weights, &variance);
        m->white_noise = s == STATUS_NOT_POSITIVE || s == STATUS_BAD_VALUE;
        if (m->white_noise)
            complaint_set(why, 0, 0, "no filter from the noise covariance (%s): the filter assumes white noise", status_text(s));
    }
    if (m->white_noise)
        s = optimal_filter_design(w->template_pulse, m->n_samples, NULL, w->weights, &variance);
    if (s == STATUS_BAD_VALUE)
        complaint_set(why, 0, 0, "the average pulse has no shape that a filter could find");
    if (s == STATUS_OK)
        m->template_arrival = optimal_filter_on_template(w->weights, m->n_samples - (LAGS - 1), w->template_pulse).arrival_samples;
    if (s == STATUS_OK && !m->white_noise) {
        m->noise_sigma = sqrt(variance);
        s = offset_noise_of(w->weights, m->n_samples - (LAGS - 1), m->template_arrival, m->n_presamples - 3, w->covariance, &m->offset_noise);
        m->predicted_resolving_power = optimal_filter_resolving_power(peak_counts, variance);
    }
    return s;
}

static enum status keep_template(const struct workshop *w, struct pixel_model *m) {
    free(m->template_pulse);
    m->template_pulse = malloc(m->n_samples * sizeof *m->template_pulse);
    if (m->template_pulse == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t k = 0; k < m->n_samples; k++)
        m->template_pulse[k] = (float)w->template_pulse[k];
    return STATUS_OK;
}

/* Filter and template from w->template_pulse into the model, in place of what is there. */
static enum status make_filter(struct workshop *w, double peak_counts, struct pixel_model *m, struct complaint *why) {
    struct optimal_filter *filter = NULL;
    enum status s = design(w, peak_counts, m, why);
    if (s == STATUS_OK)
        s = optimal_filter_new(w->weights, m->n_samples - (LAGS - 1), NULL, &filter);
    if (s != STATUS_OK)
        return s;
    optimal_filter_free(m->filter);
    m->filter = filter;
    return keep_template(w, m);
}

/* What the filter says of every good record. */
static void measure_points(const struct record_store *pulses, const struct pixel_model *m, struct workshop *w) {
    const struct dot_kernel *kernel = optimal_filter_kernel(m->filter);
    for (uint32_t i = 0; i < pulses->n_records; i++) {
        struct pulse_record r = record_store_at(pulses, i);
        w->points[i].used = w->good[i];
        if (!w->good[i])
            continue;
        float base = (float)kernel->sums(r.samples, r.n_presamples - 3, DOT_ANY).sum / (float)(r.n_presamples - 3);
        struct lag_parabola fit = optimal_filter_apply(m->filter, r.samples, base);
        double phase = fit.arrival_samples - m->template_arrival;
        w->points[i] = (struct shape_point){ (float)fit.height, (float)phase, base, isfinite(fit.height) && isfinite(phase) };
    }
}

/* What the filter says of the template, moved. */
static double phase_moved(const struct pixel_model *m, const double *template_pulse, double *moved, int by) {
    int n = (int)m->n_samples;
    for (int k = 0; k < n; k++) {
        int from = k - by < 0 ? 0 : k - by >= n ? n - 1 : k - by;
        moved[k] = template_pulse[from];
    }
    struct lag_parabola p = optimal_filter_on_template(optimal_filter_weights(m->filter), m->n_samples - (LAGS - 1), moved);
    return p.peaked ? p.arrival_samples - m->template_arrival : (double)NAN;
}

static struct phase_bend bend_of(const struct pixel_model *m, const double *template_pulse, double *moved) {
    double mean[2];
    for (int by = 1; by <= 2; by++)
        mean[by - 1] = 0.5 * (phase_moved(m, template_pulse, moved, by) - phase_moved(m, template_pulse, moved, -by));
    return phase_bend_of(mean[0], mean[1]);
}

/* The shape for the model's filter. With too few records it is the template and its slope. */
static enum status learn_shape(const struct record_store *pulses, struct workshop *w, double peak_counts, struct pixel_model *m) {
    struct pulse_shape *shape;
    measure_points(pulses, m, w);
    enum status s = pulse_shape_learn(pulses, w->points, bend_of(m, w->template_pulse, w->moved), &shape);
    if (s == STATUS_TOO_FEW)
        s = pulse_shape_from_template(w->template_pulse, m->n_samples, m->n_presamples, peak_counts, &shape);
    if (s != STATUS_OK)
        return s;
    pulse_shape_free(m->shape);
    m->shape = shape;
    return s;
}

/* Template <- first row of the shape, peak 1 as before; returns the height that it stands for. */
static double take_template(const struct pulse_shape *shape, bool inverted, double *template_pulse) {
    double peak = 0, sign = inverted ? -1 : 1;
    for (uint32_t k = shape->first; k < shape->n_samples; k++)
        peak = fmax(peak, sign * (double)shape->rows[k - shape->first]);
    for (uint32_t k = 0; peak > 0 && k < shape->n_samples; k++)
        template_pulse[k] = k <= shape->first ? 0 : (double)shape->rows[k - shape->first] / peak;
    return peak * shape->reference;
}

/* Scale of the residual from the good training pulses. Too few of them: the residual is not cut. */
static enum status learn_residuals(const struct record_store *pulses, const bool *good, struct pixel_model *m) {
    struct residual_point *points = malloc(((size_t)pulses->n_records + 1) * sizeof *points);
    if (points == NULL)
        return STATUS_NO_MEMORY;
    size_t n = 0;
    for (uint32_t i = 0; i < pulses->n_records; i++) {
        struct pulse_record r = record_store_at(pulses, i);
        struct measured_pulse p;
        if (!good[i])
            continue;
        pixel_model_measure(m, &r, &p);
        if (p.cuts == 0 && p.height > 0 && p.residual > 0)
            points[n++] = (struct residual_point){ (double)p.height, (double)p.residual };
    }
    enum status s = residual_scale_learn(points, n, &m->residual_scale);
    free(points);
    return s == STATUS_TOO_FEW ? STATUS_OK : s;
}

/* Significance that 256 good pulses, evenly over the run, do not reach by their noise. Without a search nothing is found. */
static void limit_second(const struct record_store *pulses, const bool *good, struct pixel_model *m) {
    enum { PULSES = 256 };
    double significance[PULSES];
    size_t n = 0;
    for (uint32_t i = 0, step = pulses->n_records / PULSES + 1; i < pulses->n_records && n < PULSES; i += step) {
        struct pulse_record r = record_store_at(pulses, i);
        struct measured_pulse p;
        struct second_pulse found;
        if (!good[i])
            continue;
        pixel_model_measure(m, &r, &p);
        pixel_model_second_pulse(m, &r, &found);
        if (p.cuts == 0)
            significance[n++] = (double)found.significance;
    }
    struct robust_centre c = robust_centre(significance, n);
    m->second_limit = n > 0 ? c.median + 5 * c.sigma : INFINITY;
}

/* The search for second pulses. Where it cannot be made, or no spread of residuals is known, there is none. */
static enum status learn_second(const struct record_store *pulses, const struct workshop *w, struct pixel_model *m) {
    double error = 1;
    if (m->residual_scale.n_nodes == 0)
        return STATUS_OK;
    m->whitener[0] = 1;
    if (!m->white_noise)
        linear_prediction(w->covariance, WHITENER_ORDER, m->whitener, &error);
    for (int i = 0; i <= WHITENER_ORDER; i++)
        m->whitener[i] /= m->white_noise ? m->residual_scale.middle[0] : sqrt(error);
    enum status s = second_search_new(m->shape, m->n_presamples, m->whitener, &m->second);
    m->second_limit = INFINITY;
    if (s == STATUS_OK)
        limit_second(pulses, w->good, m);
    return s == STATUS_NO_MEMORY ? s : STATUS_OK;
}

/* The open filter, for the template as it is at the end. Where the noise does not give one there is none. */
static enum status learn_open(const struct pixel_learner *l, const struct workshop *w, struct pixel_model *m) {
    struct noise_mains mains;
    double *covariance = malloc(m->n_samples * sizeof *covariance);
    if (covariance == NULL)
        return STATUS_NO_MEMORY;
    enum status s = noise_mains_covariance(l->plan, &l->noise, w->noise_good, m->sample_period_s, covariance, &mains);
    if (s == STATUS_OK)
        s = open_filter_new(w->template_pulse, m->n_samples, covariance, mains, &m->open);
    free(covariance);
    return s == STATUS_NO_MEMORY ? s : STATUS_OK;
}

/* Pulses nearer than three times to the maximum are not told apart well enough for any filter (doc/methods.md, Live time). */
static enum status learn_gaps(const struct record_store *pulses, const struct workshop *w, struct pixel_model *m) {
    struct pulse_times t;
    if (pulse_times_of(w->template_pulse, 1, m->n_samples, m->n_presamples, &t) != STATUS_OK)
        return STATUS_OK;
    return gap_filters_learn(pulses, w->good, w->template_pulse, m->white_noise ? NULL : w->covariance, 3 * t.peak_samples, m, &m->gaps);
}

/* Largest difference in the samples where a trigger may stand before the maximum. */
static double rise_of(const struct pulse_record *r, bool inverted) {
    enum { RISE = 8 };
    double most = 0;
    for (uint32_t k = r->n_presamples; k < r->n_samples && k < r->n_presamples + RISE; k++)
        most = fmax(most, edge_rule_difference(inverted, r, k));
    return most;
}

/* Well above the noise, and below most of what pulses reach. The trigger's own level is not to be had: edge-multi moves the trigger to where the
 * pulse begins. */
static enum status learn_rise_level(const struct record_store *pulses, const bool *good, struct pixel_model *m) {
    enum { BEFORE = 4, NOISE_SIGMAS = 7 };
    double *quiet = calloc(2 * (size_t)pulses->n_records + 1, sizeof *quiet);
    size_t n = 0;
    if (quiet == NULL)
        return STATUS_NO_MEMORY;
    double *rise = quiet + pulses->n_records;
    for (uint32_t i = 0; i < pulses->n_records && m->n_presamples >= 2 * BEFORE; i++) {
        struct pulse_record r = record_store_at(pulses, i);
        if (!good[i])
            continue;
        quiet[n] = edge_rule_difference(m->inverted, &r, m->n_presamples - BEFORE);
        rise[n++] = rise_of(&r, m->inverted);
    }
    if (n >= PULSES_MIN) {
        double least = 0.2 * robust_quantile(rise, n, 0.01), noise = NOISE_SIGMAS * robust_centre(quiet, n).sigma;
        m->rise_level = noise < 4 * least ? fmax(least, noise) : 0;
    }
    free(quiet);
    return STATUS_OK;
}

static enum status learn(const struct pixel_learner *l, struct workshop *w, struct pixel_model *m, struct pixel_learning *report,
                         struct complaint *why) {
    uint32_t peak_sample = 0, used = 0;
    double peak_counts = 0;
    m->inverted = cut_limits_inverted(&l->pulses);
    uint32_t n_good = cut_limits_learn(&l->pulses, m->inverted, &m->limits, &peak_sample, w->good);
    if (n_good < PULSES_MIN) {
        complaint_set(why, 0, 0, "%u usable pulses in %u records, %d are needed to learn a filter", n_good, l->pulses.n_records, PULSES_MIN);
        return STATUS_TOO_FEW;
    }
    enum status s = pulse_template_learn(&l->pulses, w->good, m->inverted, w->used, w->template_pulse, &used, &peak_counts);
    if (s == STATUS_TOO_FEW)
        complaint_set(why, 0, 0, "fewer than %d of %u pulses agree on a shape", TEMPLATE_RECORDS_MIN, n_good);
    if (s != STATUS_OK)
        return s;
    report->template_records = used;
    m->white_noise = !learn_noise(l, m->limits.pretrigger_sd_max, w, report, why);
    for (int round = 0; s == STATUS_OK && round < 2; round++) {
        if (round > 0)
            peak_counts = take_template(m->shape, m->inverted, w->template_pulse);
        s = make_filter(w, peak_counts, m, why);
        if (s == STATUS_OK)
            s = learn_shape(&l->pulses, w, peak_counts, m);
    }
    if (s == STATUS_OK && l->open && !m->white_noise)
        s = learn_open(l, w, m);
    if (s == STATUS_OK)
        s = learn_residuals(&l->pulses, w->good, m);
    if (s == STATUS_OK)
        s = learn_gaps(&l->pulses, w, m);
    if (s == STATUS_OK)
        s = pixel_tail_learn(&l->pulses, w->good, w->template_pulse, m->white_noise ? NULL : w->covariance, m);
    if (s == STATUS_OK)
        s = learn_rise_level(&l->pulses, w->good, m);
    return s == STATUS_OK ? learn_second(&l->pulses, w, m) : s;
}

enum status pixel_learner_finish(struct pixel_learner *l, struct pixel_model **out, struct pixel_learning *report, struct complaint *why) {
    struct workshop w;
    struct pixel_learning seen = { .noise_records = l->noise.seen + l->noise.odd, .noise_rejected = l->noise.odd,
                                   .pulse_records = l->pulses.seen + l->pulses.odd };
    struct pixel_model *m = calloc(1, sizeof *m);
    complaint_set(why, 0, 0, "%s", "");
    enum status s = STATUS_NO_MEMORY;
    if (workshop_init(&w, l) && m) {
        *m = (struct pixel_model){ .n_samples = l->pulses.n_samples, .n_presamples = l->pulses.n_presamples,
                                   .sample_period_s = l->sample_period_s, .limits = cut_limits_open() };
        uint32_t turn = sample_turn_learn(&l->pulses);
        sample_turn_store(&l->pulses, turn);
        sample_turn_store(&l->noise, sample_turn_learn(&l->noise));
        s = learn(l, &w, m, &seen, why);
        m->sample_turn = turn;   /* from now on: what was learnt from stands in that frame already */
    }
    workshop_done(&w);
    if (report)
        *report = seen;
    if (s == STATUS_OK)
        *out = m;
    else
        pixel_model_free(m);
    return s;
}
