#include "daemon/learning.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/calibration_form.h"
#include "calib/experiment_state.h"
#include "daemon/array_correction.h"
#include "daemon/log.h"
#include "daemon/pipeline.h"
#include "daemon/progress.h"
#include "daemon/source/channel_reader.h"
#include "daemon/stage/learn.h"
#include "pulse/noise_plan.h"

enum { MAX_LENGTHS = 16 };

struct learning {
    const struct beamtime *beamtime;
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
    for (size_t c = 0; c < l->beamtime->pulses.n_channels; c++) {
        const struct channel_input *input = &l->beamtime->pulses.channels[c];
        struct source_file *f;
        struct complaint why;
        if (input->coefficients || input->n_files == 0 || source_file_open(input->files[0].path, &f, &why) != STATUS_OK)
            continue;
        uint32_t n = source_file_info(f)->shape.n_samples;
        source_file_close(f);
        if (plan_for(l, n) != NULL || l->n_lengths == MAX_LENGTHS)
            continue;
        if (noise_plan_new(n, &l->plans[l->n_lengths]) != STATUS_OK)
            return false;
        l->lengths[l->n_lengths++] = n;
    }
    return true;
}

typedef void feed_fn(struct learner *l, const struct channel_record *record);

static void feed_all(struct learner *l, struct channel_reader *reader, feed_fn *feed) {
    struct channel_record record;
    while (channel_reader_next(reader, &record))
        feed(l, &record);
    channel_reader_rewind(reader);
}

static bool open_sorted(const struct channel_input *input, uint32_t pixel, struct channel_reader **out) {
    if (!channel_reader_open(input, pixel, out))
        return false;
    bool good = channel_reader_sort(*out);
    if (!good)
        channel_reader_close(*out);
    return good;
}

static bool feed_noise(struct learner *l, const struct channel_input *input, uint32_t pixel) {
    struct channel_reader *noise;
    if (input == NULL)
        return true;
    if (!open_sorted(input, pixel, &noise))
        return false;
    feed_all(l, noise, learner_noise);
    channel_reader_close(noise);
    return true;
}

static bool learn_one(struct learning *l, size_t channel) {
    const struct channel_input *input = &l->beamtime->pulses.channels[channel];
    struct learnt_channel *out = &l->learnt[channel];
    struct channel_reader *reader;
    if (!open_sorted(input, (uint32_t)channel, &reader))
        return false;
    const struct source_info *info = channel_reader_info(reader);
    struct learner *learner = NULL;
    bool good = true;
    if (info == NULL || info->records == 0) {
        snprintf(out->reason, sizeof out->reason, "no records");
    } else if (!info->shape.coefficients && plan_for(l, info->shape.n_samples) == NULL) {
        snprintf(out->reason, sizeof out->reason, "more than %d different record lengths in one run", MAX_LENGTHS);
    } else {
        good = learner_new(&info->shape, plan_for(l, info->shape.n_samples), l->beamtime->timeline, &learner) &&
               feed_noise(learner, run_input_find(&l->beamtime->noise, input->channel), (uint32_t)channel);
    }
    if (learner != NULL) {
        if (l->neighbours)
            learner_open(learner);
        feed_all(learner, reader, learner_train);
        learner_make_model(learner);
        feed_all(learner, reader, learner_measure);
        good = learner_finish(learner, out) && good;
    }
    channel_reader_close(reader);
    return good;
}

static void learn_job(void *context, size_t channel) {
    struct learning *l = context;
    l->good[channel] = learn_one(l, channel);
}

static bool take_learnt(void *context, size_t channel) {
    struct learning *l = context;
    progress_add(&l->progress, 1);
    return l->good[channel];
}

static bool learn_channels(struct learning *l, unsigned workers) {
    size_t n = l->beamtime->pulses.n_channels;
    l->learnt = calloc(n, sizeof *l->learnt);
    l->good = calloc(n, sizeof *l->good);
    if (l->learnt == NULL || l->good == NULL || !make_plans(l)) {
        log_error("out of memory while learning the pixels");
        return false;
    }
    progress_begin(&l->progress, "learning", n);
    bool good = pipeline_run_ordered(n, workers, learn_job, take_learnt, l);
    progress_end(&l->progress);
    if (!good)
        log_error("out of memory while learning the pixels");
    return good;
}

static void hand_over(struct learning *l, struct array_model *m) {
    for (size_t i = 0; i < m->n_channels; i++) {
        const struct channel_input *input = &l->beamtime->pulses.channels[i];
        struct array_channel *c = &m->channels[i];
        c->channel = input->channel;
        snprintf(c->name, sizeof c->name, "%s", input->name);
        c->model = l->learnt[i].model;
        c->learning = l->learnt[i].learning;
        snprintf(c->reason, sizeof c->reason, "%s", l->learnt[i].reason);
        l->learnt[i].model = NULL;
    }
}

static double cut_share(const struct learnt_channel *c, uint32_t cuts) {
    uint64_t n = 0;
    for (int k = 0; k < N_CUTS; k++)
        n += cuts & CUT_BIT(k) ? c->cut_counts[k] : 0;
    return c->measured ? (double)n / (double)c->measured : 0;
}

/* A calibration state as calibration_table_learn wants it. */
struct calibration_input {
    struct calibration_heights *heights;
    struct height_correction *corrections;
    size_t photons;
};

static void calibration_input_done(struct calibration_input *in, size_t n) {
    for (size_t i = 0; in->heights != NULL && i < n; i++) {
        free((void *)(uintptr_t)in->heights[i].heights);
        free((void *)(uintptr_t)in->heights[i].time_ns);
    }
    free(in->heights);
    free(in->corrections);
}

static bool calibration_input_make(const struct learning *l, const struct scan *state, struct calibration_input *in) {
    size_t n = l->beamtime->pulses.n_channels;
    in->heights = calloc(n, sizeof *in->heights);
    in->corrections = calloc(n, sizeof *in->corrections);
    bool good = in->heights != NULL && in->corrections != NULL;
    for (size_t i = 0; good && i < n; i++) {
        const struct learnt_channel *c = &l->learnt[i];
        float *heights = NULL;
        int64_t *time_ns = NULL;
        good = learnt_channel_heights(c, state->start_ns, state->end_ns, &in->corrections[i], &heights, &time_ns, &in->heights[i].n);
        in->heights[i].heights = heights;
        in->heights[i].time_ns = time_ns;
        in->heights[i].no_pulse = cut_share(c, CUT_BIT(CUT_UNLOCKED) | CUT_BIT(CUT_PEAK_TIME));
        in->heights[i].clipped = cut_share(c, CUT_BIT(CUT_SATURATED));
        in->photons += in->heights[i].n;
    }
    return good;
}

static bool calibrate_state(const struct learning *l, const struct learning_settings *settings, const struct scan *state,
                            const struct calibration_table *before, struct calibration_table **out) {
    size_t n = l->beamtime->pulses.n_channels;
    struct calibration_input in = { 0 };
    if (!calibration_input_make(l, state, &in)) {
        calibration_input_done(&in, n);
        return false;
    }
    double mono_eV = isfinite(state->mono_eV) ? state->mono_eV : settings->mono_eV > 0 ? settings->mono_eV : (double)NAN;
    const char *name = state->label[0] ? state->label : state->log_name;
    struct complaint why = { 0 };
    *out = NULL;
    if (in.photons == 0) {
        log_warning("%s: no photons in this calibration state, it is left out; were the pulses of its run given?", name);
        calibration_input_done(&in, n);
        return true;
    }
    enum status s = calibration_table_learn(settings->lines, mono_eV, in.heights, (uint32_t)n, before, out, &why);
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
    for (size_t i = 0; i < n; i++) {
        struct pixel_calibration *p = &(*out)->pixels[i];
        p->correction = p->verdict == VERDICT_STALE && before != NULL ? before->pixels[i].correction : in.corrections[i];
    }
    calibration_input_done(&in, n);
    (*out)->number = state->number;
    (*out)->start_ns = state->start_ns;
    (*out)->end_ns = state->end_ns <= l->beamtime->pulses.last_ns ? state->end_ns : l->beamtime->pulses.last_ns + 1;
    snprintf((*out)->label, sizeof (*out)->label, "%s", state->label);
    return true;
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
    const struct scan_timeline *t = l->beamtime->timeline;
    const struct calibration_table *before = NULL;
    m->n_tables = 0;
    for (size_t i = 0; i < scan_timeline_count(t); i++) {
        const struct scan *state = scan_timeline_at(t, i);
        if (!state->calibration)
            continue;
        if (settings->only == NULL || is_state(state, settings->only)) {
            if (!calibrate_state(l, settings, state, before, &m->tables[m->n_tables]))
                return false;
            if (m->tables[m->n_tables] != NULL)
                before = m->tables[m->n_tables++];
        }
    }
    return true;
}

static void learning_done(struct learning *l) {
    for (size_t i = 0; l->learnt != NULL && i < l->beamtime->pulses.n_channels; i++)
        learnt_channel_done(&l->learnt[i]);
    for (size_t i = 0; i < l->n_lengths; i++)
        noise_plan_free(l->plans[i]);
    free(l->learnt);
    free(l->good);
}

bool learning_run(const struct beamtime *b, const struct learning_settings *settings, struct array_model **out, struct report_spectra **spectra) {
    struct learning l = { .beamtime = b, .neighbours = settings->neighbours };
    struct array_model *m = NULL;
    bool good = array_model_new(b->pulses.n_channels, b->n_calibrations, &m) && learn_channels(&l, settings->workers);
    if (good && spectra != NULL && report_spectra_new(b->pulses.n_channels, b->n_calibrations, &l.spectra) != STATUS_OK) {
        log_error("out of memory for what the report draws");
        good = false;
    }
    if (good) {
        good = array_correction_run(l.learnt, b->pulses.n_channels, b->timeline, b->pulses.first_ns, b->pulses.last_ns, settings->workers, settings->neighbours ? &m->neighbours : NULL) && calibrate_all(&l, settings, m);
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
