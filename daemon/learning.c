#include "daemon/learning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/calibration_form.h"
#include "calib/experiment_state.h"
#include "daemon/array_correction.h"
#include "daemon/array_jumps.h"
#include "daemon/calibration_course.h"
#include "daemon/calibration_input.h"
#include "daemon/log.h"
#include "daemon/pipeline.h"
#include "daemon/progress.h"
#include "daemon/stage/learn.h"
#include "pulse/noise_plan.h"

enum { MAX_LENGTHS = 16 };

struct learning {
    const struct learning_input *input;
    bool quiet;
    size_t n_lengths;                        /* record lengths met, with one FFT plan each */
    uint32_t lengths[MAX_LENGTHS];
    struct noise_plan *plans[MAX_LENGTHS];
    struct learnt_channel *learnt;           /* one per channel; job i writes only learnt[i] and good[i] */
    bool *good;
    bool neighbours;                         /* asked for */
    struct report_spectra *spectra;          /* NULL: nobody asked for a report */
    struct progress progress;
};

static const struct noise_plan *plan_for(const struct learning *l, uint32_t n_samples) {
    for (size_t i = 0; i < l->n_lengths; i++)
        if (l->lengths[i] == n_samples)
            return l->plans[i];
    return NULL;
}

/* FFTW plans are made on one thread, before the workers: only executing them is thread-safe. */
static bool make_plans(struct learning *l) {
    for (size_t c = 0; c < l->input->n_channels; c++) {
        uint32_t n = l->input->n_samples(l->input->context, c);
        if (n == 0 || plan_for(l, n) != NULL || l->n_lengths == MAX_LENGTHS)
            continue;
        if (noise_plan_new(n, &l->plans[l->n_lengths]) != STATUS_OK)
            return false;
        l->lengths[l->n_lengths++] = n;
    }
    return true;
}

typedef void feed_fn(struct learner *l, const struct channel_record *record);

static void feed_all(struct learner *l, const struct record_walk *walk, feed_fn *feed) {
    struct channel_record record;
    while (walk->next(walk->context, &record))
        feed(l, &record);
    walk->rewind(walk->context);
}

static bool feed_noise(struct learner *l, const struct learning_input *input, size_t channel) {
    struct record_walk noise = { 0 };
    if (!input->noise(input->context, channel, &noise))
        return false;
    if (noise.next != NULL) {
        feed_all(l, &noise, learner_noise);
        noise.close(noise.context);
    }
    return true;
}

static bool can_keep(const struct pixel_model *m, const struct channel_shape *shape) {
    if (m == NULL || m->coefficients != shape->coefficients || m->n_samples != shape->n_samples || m->n_presamples != shape->n_presamples)
        return false;
    const struct off_header h = channel_shape_header(shape);
    return !shape->coefficients || pixel_model_is_of_basis(m, &h, shape->n_presamples, shape->basis);
}

static bool learn_model(struct learner *l, const struct learning_input *input, size_t channel, const struct record_walk *walk) {
    struct learning_channel c = input->channel(input->context, channel);
    if (can_keep(c.keep, &walk->shape)) {
        learner_keep_model(l, c.keep);
        return true;
    }
    bool good = feed_noise(l, input, channel);
    feed_all(l, walk, learner_train);
    learner_make_model(l);
    return good;
}

static bool learn_one(struct learning *l, size_t channel) {
    struct learnt_channel *out = &l->learnt[channel];
    struct record_walk walk = { 0 };
    if (!l->input->pulses(l->input->context, channel, &walk))
        return false;
    struct learner *learner = NULL;
    bool good = true;
    if (walk.records == 0)
        snprintf(out->reason, sizeof out->reason, "no records");
    else if (!walk.shape.coefficients && plan_for(l, walk.shape.n_samples) == NULL)
        snprintf(out->reason, sizeof out->reason, "more than %d different record lengths in one run", MAX_LENGTHS);
    else
        good = learner_new(&walk.shape, plan_for(l, walk.shape.n_samples), l->input->timeline, &learner);
    if (learner != NULL) {
        if (l->neighbours)
            learner_open(learner);
        good = learn_model(learner, l->input, channel, &walk);
        feed_all(learner, &walk, learner_measure);
        good = learner_finish(learner, out) && good;
    }
    if (walk.close != NULL)
        walk.close(walk.context);
    return good;
}

static void learn_job(void *context, size_t channel) {
    struct learning *l = context;
    l->good[channel] = learn_one(l, channel);
}

static bool take_learnt(void *context, size_t channel) {
    struct learning *l = context;
    if (!l->quiet)
        progress_add(&l->progress, 1);
    return l->good[channel];
}

static bool learn_channels(struct learning *l, unsigned workers) {
    size_t n = l->input->n_channels;
    l->learnt = calloc(n, sizeof *l->learnt);
    l->good = calloc(n, sizeof *l->good);
    if (l->learnt == NULL || l->good == NULL || !make_plans(l)) {
        log_error("out of memory while learning the pixels");
        return false;
    }
    if (!l->quiet)
        progress_begin(&l->progress, "learning", n);
    bool good = pipeline_run_ordered(n, workers, learn_job, take_learnt, l);
    if (!l->quiet)
        progress_end(&l->progress);
    if (!good)
        log_error("out of memory while learning the pixels");
    learnt_channels_isolate(l->learnt, n);
    learnt_channels_slow_tails(l->learnt, n);
    return good;
}

static void hand_over(struct learning *l, struct array_model *m) {
    for (size_t i = 0; i < m->n_channels; i++) {
        const struct learning_channel from = l->input->channel(l->input->context, i);
        struct array_channel *c = &m->channels[i];
        c->channel = from.channel;
        snprintf(c->name, sizeof c->name, "%s", from.name);
        c->model = l->learnt[i].model;
        c->learning = l->learnt[i].learning;
        snprintf(c->reason, sizeof c->reason, "%s", l->learnt[i].reason);
        l->learnt[i].model = NULL;
    }
}

/* Heights go to who asked for them. */
static bool keep_state(const struct learning_settings *settings, double mono_eV, struct calibration_input *in, size_t n, size_t table) {
    return settings->keep == NULL || calibration_states_add(settings->keep, mono_eV, &in->heights, n, table);
}

static void tell_course(const struct learning *l, const struct learning_settings *settings, const struct scan *state, double mono_eV, const struct calibration_input *in,
                        const struct calibration_table *before) {
    const struct calibration_course course = { .name = state->label[0] ? state->label : state->log_name, .start_ns = state->start_ns,
                                               .end_ns = state->end_ns <= l->input->last_ns ? state->end_ns : l->input->last_ns + 1, .every_s = settings->course_s,
                                               .rules = settings->rules, .lines = settings->lines, .mono_eV = mono_eV, .before = before };
    if (settings->course_s > 0 && calibration_course_tell(&course, in->heights, (uint32_t)l->input->n_channels, stdout) == STATUS_NO_MEMORY)
        log_warning("out of memory for how %s came along", course.name);
}

/* Calibration k of the timeline, as the pixels' learners left it. */
static void set_corrections(const struct learning *l, struct calibration_table *t, const struct height_correction *corrections, const struct calibration_table *before, size_t k) {
    for (size_t i = 0; i < l->input->n_channels; i++) {
        struct pixel_calibration *p = &t->pixels[i];
        p->correction = p->verdict == VERDICT_STALE && before != NULL ? before->pixels[i].correction : corrections[i];
        p->at_end = k < l->learnt[i].n_ends ? l->learnt[i].ends[k] : (struct baseline_tracker){ 0 };
    }
}

static bool calibrate_state(const struct learning *l, const struct learning_settings *settings, const struct scan *state, size_t k,
                            const struct calibration_table *before, size_t index, struct calibration_table **out) {
    size_t n = l->input->n_channels;
    struct calibration_input in = { 0 };
    if (!calibration_input_make(l->learnt, n, state, &in)) {
        calibration_input_done(&in, n);
        return false;
    }
    double mono_eV = calibration_input_mono_eV(state, settings->mono_eV);
    const char *name = state->label[0] ? state->label : state->log_name;
    struct complaint why = { 0 };
    *out = NULL;
    if (in.photons == 0) {
        log_warning("%s: no photons in this calibration state, it is left out; were the pulses of its run given?", name);
        calibration_input_done(&in, n);
        return true;
    }
    tell_course(l, settings, state, mono_eV, &in, before);
    enum status s = calibration_table_learn_by(&settings->rules, settings->lines, mono_eV, in.heights, (uint32_t)n, before, out, &why);
    if (s == STATUS_NOT_FOUND && settings->keep != NULL) {
        log_warning("%s: %s; only its elastic line counts", name, why.text);
        bool kept = keep_state(settings, mono_eV, &in, n, SIZE_MAX);
        calibration_input_done(&in, n);
        return kept;
    }
    if ((s == STATUS_OK || s == STATUS_TOO_FEW) && calibration_form_set(*out, settings->form) != STATUS_OK) {
        calibration_table_free(*out);
        s = STATUS_NO_MEMORY;
    }
    if (l->spectra != NULL && (s == STATUS_OK || s == STATUS_TOO_FEW) && report_spectra_add(l->spectra, *out, in.heights) != STATUS_OK) {
        calibration_table_free(*out);
        s = STATUS_NO_MEMORY;
    }
    if (s != STATUS_OK && s != STATUS_TOO_FEW) {
        log_error("%s: %s", name, why.text[0] ? why.text : status_text(s));
        calibration_input_done(&in, n);
        return false;
    }
    if (s == STATUS_TOO_FEW || why.text[0] != 0)
        log_warning("%s: %s", name, why.text[0] ? why.text : "no pixel could be calibrated");
    set_corrections(l, *out, in.corrections, before, k);
    bool kept = keep_state(settings, mono_eV, &in, n, index);
    calibration_input_done(&in, n);
    (*out)->number = state->number;
    (*out)->start_ns = state->start_ns;
    (*out)->end_ns = state->end_ns <= l->input->last_ns ? state->end_ns : l->input->last_ns + 1;
    snprintf((*out)->label, sizeof (*out)->label, "%s", state->label);
    return kept;
}

/* ---- curves for the array's own corrections ---- */

struct first_curves { const struct learning *learning; const struct learning_settings *settings; };

/* The longest calibration of the timeline; NULL: none. */
static const struct scan *longest_state(const struct learning_input *in) {
    const struct scan *longest = NULL;
    int64_t most = 0;
    for (size_t i = 0; i < scan_timeline_count(in->timeline); i++) {
        const struct scan *s = scan_timeline_at(in->timeline, i);
        const int64_t end = s->end_ns <= in->last_ns ? s->end_ns : in->last_ns + 1;
        if (s->calibration && end - s->start_ns > most) {
            longest = s;
            most = end - s->start_ns;
        }
    }
    return longest;
}

/* array_curves. What goes wrong is told when the calibrations are made in earnest. */
static bool make_first_curves(void *context, struct calibration_table **out) {
    const struct first_curves *f = context;
    const struct scan *state = longest_state(f->learning->input);
    const size_t n = f->learning->input->n_channels;
    struct calibration_input in = { 0 };
    struct complaint why = { 0 };
    if (state == NULL)
        return true;
    enum status s = calibration_input_make(f->learning->learnt, n, state, &in) ? STATUS_OK : STATUS_NO_MEMORY;
    if (s == STATUS_OK && in.photons > 0)
        s = calibration_table_learn_by(&f->settings->rules, f->settings->lines, calibration_input_mono_eV(state, f->settings->mono_eV), in.heights, (uint32_t)n, f->settings->before, out, &why);
    calibration_input_done(&in, n);
    if (*out != NULL) {
        (*out)->start_ns = state->start_ns;
        (*out)->end_ns = state->end_ns;
    }
    return s != STATUS_NO_MEMORY;
}

static bool is_state(const struct scan *s, const char *label) {
    int32_t number;
    if (!s->calibration)
        return false;
    return strcmp(s->label, label) == 0 || (state_label_kind(label, &number) == 'C' && (number == s->log_number || number == s->number));
}

bool learning_has_state(const struct scan_timeline *t, const char *label) {
    for (size_t i = 0; i < scan_timeline_count(t); i++)
        if (is_state(scan_timeline_at(t, i), label))
            return true;
    return false;
}

static bool calibrate_all(const struct learning *l, const struct learning_settings *settings, struct array_model *m) {
    const struct scan_timeline *t = l->input->timeline;
    const struct calibration_table *before = settings->before;
    m->n_tables = 0;
    for (size_t i = 0, k = 0; i < scan_timeline_count(t); i++) {
        const struct scan *state = scan_timeline_at(t, i);
        if (!state->calibration)
            continue;
        const size_t this = k++;
        if (settings->only == NULL || is_state(state, settings->only)) {
            if (!calibrate_state(l, settings, state, this, before, m->n_tables, &m->tables[m->n_tables]))
                return false;
            if (m->tables[m->n_tables] != NULL)
                before = m->tables[m->n_tables++];
        }
    }
    return true;
}

static void learning_done(struct learning *l) {
    for (size_t i = 0; l->learnt != NULL && i < l->input->n_channels; i++)
        learnt_channel_done(&l->learnt[i]);
    for (size_t i = 0; i < l->n_lengths; i++)
        noise_plan_free(l->plans[i]);
    free(l->learnt);
    free(l->good);
}

bool learning_from(const struct learning_input *input, const struct learning_settings *settings, struct array_model **out, struct report_spectra **spectra) {
    struct learning l = { .input = input, .quiet = settings->quiet, .neighbours = settings->neighbours };
    struct array_model *m = NULL;
    bool good = array_model_new(input->n_channels, input->n_calibrations, &m) && learn_channels(&l, settings->workers);
    if (good && spectra != NULL && report_spectra_new(input->n_channels, input->n_calibrations, &l.spectra) != STATUS_OK) {
        log_error("out of memory for what the report draws");
        good = false;
    }
    if (good) {
        struct first_curves curves = { &l, settings };
        good = array_correction_run(l.learnt, input->n_channels, input->timeline, input->first_ns, input->last_ns, settings->workers, make_first_curves, &curves,
                                    settings->neighbours ? &m->neighbours : NULL) && calibrate_all(&l, settings, m) &&
               array_jumps_find(l.learnt, input->timeline, m);
        hand_over(&l, m);
    }
    learning_done(&l);
    if (!good) {
        report_spectra_free(l.spectra);
        array_model_free(m);
        return false;
    }
    *out = m;
    if (spectra != NULL)
        *spectra = l.spectra;
    return true;
}

bool learning_run(const struct beamtime *b, const struct learning_settings *settings, struct array_model **out, struct report_spectra **spectra) {
    const struct learning_input input = learning_input_of_files(b);
    return learning_from(&input, settings, out, spectra);
}
