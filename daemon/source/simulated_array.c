#include "daemon/source/simulated_array.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/pipeline.h"
#include "daemon/source/pulse_pool.h"
#include "pulse/growing_list.h"

enum { DRAW_ARRIVALS = 311, DRAW_ORDER = 312, POOL_NOISE = 4 };

struct pixel_source {
    struct beamtime_pixel met;        /* synthesised */
    struct pulse_stream *stream;
    size_t next_trigger;
    struct random_stream random;      /* pooled */
    int64_t next_frame;
    uint64_t drawn;                   /* records taken from the pool */
};

/* A trigger of one channel; after the secondary ones are known, a record to make. */
struct fired {
    int64_t frame;
    bool pulse;       /* the pixel's own pulse is in it, at the trigger */
    bool secondary;
};

struct fired_list { struct fired *fired; size_t n, capacity; };

struct simulated_array {
    struct simulated_settings settings;
    const struct dastard_array *channels;
    struct pixel_source *pixels;
    struct pulse_pool *pool;
    int64_t start_ns;                 /* stamp of frame 0 */
    int64_t begun;                    /* triggers before this frame are done with */
    struct random_stream order;
    struct fired_list primaries;      /* of all channels, channel by channel */
    size_t *first;                    /* n_channels + 1: where each channel's begin */
    struct fired_list due;            /* of the channel at hand */
    struct dastard_record *records;
    size_t n, capacity;
    uint16_t *samples;                /* synthesised */
    size_t samples_capacity;
};

/* ---- making and freeing ---- */

struct meeting { struct simulated_array *a; atomic_bool failed; };

static void meet_pixel(void *context, size_t pixel) {
    struct meeting *m = context;
    struct pixel_source *p = &m->a->pixels[pixel];
    const struct beamtime_array *beam = &m->a->settings.beam;
    if (beamtime_pixel_meet(beam, (uint32_t)pixel, &p->met) != STATUS_OK || beamtime_pixel_stream(beam, (uint32_t)pixel, &p->met, &p->stream) != STATUS_OK)
        atomic_store(&m->failed, true);
}

static int64_t blind_frames(const struct simulated_array *a, uint32_t pixel) {
    const struct beamtime_array *b = &a->settings.beam;
    return b->trigger == TRIGGER_EDGE ? (int64_t)b->n_samples + 1 : (int64_t)ceil(pixel_sim_peak_samples(&b->pixels[pixel]));
}

static void draw_next(struct simulated_array *a, uint32_t pixel) {
    struct pixel_source *p = &a->pixels[pixel];
    const struct pixel_sim *sim = &a->settings.beam.pixels[pixel];
    const double mean = 1 / (a->settings.rate_Hz * sim->sensitivity * sim->period_s), wait = mean * random_stream_exponential(&p->random);
    p->next_frame = sim->kind == PIXEL_DEAD || !(wait < 1e17) ? INT64_MAX : p->next_frame + blind_frames(a, pixel) + (int64_t)wait;
}

static enum status make_pool(struct simulated_array *a) {
    const struct pulse_pool_settings pool = {a->settings.pool, POOL_NOISE, a->settings.is_signed, a->settings.workers};
    for (uint32_t i = 0; i < a->settings.beam.n_pixels; i++) {
        random_stream_init(&a->pixels[i].random, a->settings.beam.seed, i, DRAW_ARRIVALS);
        draw_next(a, i);
    }
    return pulse_pool_new(&a->settings.beam, &pool, &a->pool);
}

static enum status make_beamtime(struct simulated_array *a) {
    struct meeting m = {.a = a};
    const struct pulse_pool_settings pool = {1, 1, a->settings.is_signed, 1};
    struct beamtime_array errors = a->settings.beam;   /* no pixels: the pool's error records only */
    errors.n_pixels = 0;
    if (!pipeline_run(a->settings.beam.n_pixels, a->settings.workers, meet_pixel, &m) || atomic_load(&m.failed))
        return STATUS_NO_MEMORY;
    return pulse_pool_new(&errors, &pool, &a->pool);
}

enum status simulated_array_new(const struct simulated_settings *settings, const struct dastard_array *channels, struct simulated_array **out) {
    struct simulated_array *a = calloc(1, sizeof *a);
    if (a == NULL)
        return STATUS_NO_MEMORY;
    *a = (struct simulated_array){.settings = *settings, .channels = channels, .start_ns = settings->beam.plan->settings.start_ns};
    a->pixels = calloc(settings->beam.n_pixels, sizeof *a->pixels);
    a->first = calloc((size_t)channels->n_channels + 1, sizeof *a->first);
    random_stream_init(&a->order, settings->beam.seed, 0, DRAW_ORDER);
    if (a->pixels == NULL || a->first == NULL || (settings->pooled ? make_pool(a) : make_beamtime(a)) != STATUS_OK) {
        simulated_array_free(a);
        return STATUS_NO_MEMORY;
    }
    *out = a;
    return STATUS_OK;
}

void simulated_array_free(struct simulated_array *a) {
    if (a == NULL)
        return;
    for (uint32_t i = 0; a->pixels != NULL && i < a->settings.beam.n_pixels; i++) {
        pulse_stream_free(a->pixels[i].stream);
        beamtime_pixel_done(&a->pixels[i].met);
    }
    pulse_pool_free(a->pool);
    free(a->pixels);
    free(a->primaries.fired);
    free(a->due.fired);
    free(a->first);
    free(a->records);
    free(a->samples);
    free(a);
}

void simulated_array_begin(struct simulated_array *a, int64_t start_ns) { a->start_ns = start_ns; }

int64_t simulated_array_end(const struct simulated_array *a) {
    return a->settings.pooled ? INT64_MAX : beamtime_frames(&a->settings.beam);
}

/* ---- triggers of a block: frames from .. to - 1 ---- */

struct window { int64_t from, to; };

static bool add_fired(struct fired_list *l, struct fired f) {
    struct fired *list = growing_list_room(l->fired, l->n, &l->capacity, sizeof *list, 1024);
    if (list == NULL)
        return false;
    l->fired = list;
    l->fired[l->n++] = f;
    return true;
}

/* Multiples of `step` in the window; pulse j of P in a block stands at j / P of it. */
static bool fire_regularly(struct simulated_array *a, struct window w, double step, bool pulse) {
    bool good = true;
    for (int64_t k = (int64_t)floor((double)w.from / step);; k++) {
        const int64_t frame = llround((double)k * step);
        if (frame >= w.to || !good)
            return good;
        if (frame >= w.from)
            good = add_fired(&a->primaries, (struct fired){.frame = frame, .pulse = pulse});
    }
}

static bool fire_drawn(struct simulated_array *a, uint32_t pixel, struct window w, bool wanted) {
    struct pixel_source *p = &a->pixels[pixel];
    bool good = true;
    for (; good && p->next_frame < w.to; draw_next(a, pixel))
        if (wanted && p->next_frame >= w.from)
            good = add_fired(&a->primaries, (struct fired){.frame = p->next_frame, .pulse = true});
    return good;
}

static bool fire_planned(struct simulated_array *a, uint32_t pixel, struct window w, bool wanted) {
    struct pixel_source *p = &a->pixels[pixel];
    bool good = true;
    for (; good && p->next_trigger < p->met.n_triggers && p->met.triggers[p->next_trigger].frame < w.to; p->next_trigger++)
        if (wanted && p->met.triggers[p->next_trigger].frame >= w.from)
            good = add_fired(&a->primaries, (struct fired){.frame = p->met.triggers[p->next_trigger].frame, .pulse = true});
    return good;
}

static bool fire_channel(struct simulated_array *a, const struct dastard_channel *c, struct window w) {
    const bool pulses = dastard_channel_pulses(c);
    bool good = true;
    if (!c->is_error && !a->settings.pooled)
        good = fire_planned(a, c->pixel, w, pulses);
    else if (!c->is_error && a->settings.together == 0)
        good = fire_drawn(a, c->pixel, w, pulses);
    else if (pulses)
        good = fire_regularly(a, w, (double)a->settings.block_frames / a->settings.together, true);
    const double delay = (double)c->trigger[TRIGGER_AUTO_DELAY_NS] * 1e-9 / a->settings.beam.period_s;
    if (good && c->trigger[TRIGGER_AUTO] != 0 && !pulses)
        good = fire_regularly(a, w, fmax(delay, a->settings.beam.n_samples), false);
    return good;
}

static bool fire_all(struct simulated_array *a, struct window w) {
    a->primaries.n = 0;
    for (uint32_t i = 0; i < a->channels->n_channels; i++) {
        a->first[i] = a->primaries.n;
        if (!fire_channel(a, &a->channels->channels[i], w))
            return false;
    }
    a->first[a->channels->n_channels] = a->primaries.n;
    return true;
}

/* ---- records of a channel ---- */

static int by_frame(const void *x, const void *y) {
    const struct fired *a = x, *b = y;
    const int order = (a->frame > b->frame) - (a->frame < b->frame);
    return order != 0 ? order : a->secondary - b->secondary;
}

static bool add_triggers_of(struct simulated_array *a, uint32_t source, bool secondary) {
    bool good = true;
    for (size_t i = a->first[source]; good && i < a->first[source + 1]; i++) {
        struct fired f = a->primaries.fired[i];
        f.secondary = secondary;
        f.pulse = f.pulse && !secondary;
        good = add_fired(&a->due, f);
    }
    return good;
}

/* A receiver gets one record for a frame, however many sources fire then. */
static void drop_repeated(struct fired_list *l) {
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++)
        if (n == 0 || !l->fired[i].secondary || !l->fired[n - 1].secondary || l->fired[i].frame != l->fired[n - 1].frame)
            l->fired[n++] = l->fired[i];
    l->n = n;
}

static bool gather_channel(struct simulated_array *a, const struct dastard_channel *c) {
    a->due.n = 0;
    bool good = add_triggers_of(a, c->index, false);
    if (good && c->is_error && a->channels->couple_errors)
        good = add_triggers_of(a, c->index + 1U, true);
    for (size_t i = 0; good && i < a->channels->n_couplings; i++)
        if (a->channels->couplings[i].receiver == c->index)
            good = add_triggers_of(a, a->channels->couplings[i].source, true);
    if (a->due.n > 1)
        qsort(a->due.fired, a->due.n, sizeof *a->due.fired, by_frame);
    drop_repeated(&a->due);
    return good;
}

static bool make_room(struct simulated_array *a, size_t more) {
    if (a->n + more > a->capacity) {
        const size_t capacity = 2 * (a->n + more);
        struct dastard_record *bigger = realloc(a->records, capacity * sizeof *bigger);
        if (bigger == NULL)
            return false;
        a->records = bigger;
        a->capacity = capacity;
    }
    return true;
}

static struct dastard_record record_at(const struct simulated_array *a, const struct dastard_channel *c, const struct fired *f, int64_t epoch_frame) {
    const struct beamtime_array *b = &a->settings.beam;
    return (struct dastard_record){
        .message = {.channel_index = c->index, .is_signed = c->is_signed,
                    .record = {.n_samples = b->n_samples, .n_presamples = b->n_presamples, .pixel = c->pixel, .sample_period_s = (float)b->period_s,
                               .trigger_time_ns = beamtime_stamp_ns(b, a->start_ns, 1, f->frame), .trigger_frame = f->frame - epoch_frame}},
        .secondary = f->secondary};
}

static void fill_from_pool(struct simulated_array *a, const struct dastard_channel *c, const struct fired *f, struct dastard_record *r) {
    const uint64_t k = a->pixels[c->pixel].drawn++;
    const struct pooled_record p = c->is_error ? pulse_pool_error(a->pool, k) : f->pulse ? pulse_pool_pulse(a->pool, c->pixel, k) : pulse_pool_noise(a->pool, c->pixel, k);
    r->message.record.samples = p.samples;
    r->summary = p.summary;
}

/* samples has room for one record; frames of a channel come in order. */
static void fill_from_stream(struct simulated_array *a, const struct dastard_channel *c, const struct fired *f, uint16_t *samples, struct dastard_record *r) {
    pulse_stream_read(a->pixels[c->pixel].stream, f->frame - a->settings.beam.n_presamples, samples);
    r->message.record.samples = samples;
    r->summary = dastard_summary_of(&r->message.record);
    if (!c->is_signed)
        return;
    r->summary.pretrigger_mean -= 32768;
    for (uint32_t k = 0; k < a->settings.beam.n_samples; k++)
        samples[k] ^= 0x8000;
}

/* Samples in order of time, records with the primary ones first. */
static bool make_channel(struct simulated_array *a, const struct dastard_channel *c, int64_t epoch_frame, uint16_t *samples) {
    if (!gather_channel(a, c) || !make_room(a, a->due.n))
        return false;
    size_t n_primary = 0;
    for (size_t i = 0; i < a->due.n; i++)
        n_primary += !a->due.fired[i].secondary;
    size_t next[2] = {a->n, a->n + n_primary};
    for (size_t i = 0; i < a->due.n; i++) {
        const struct fired *f = &a->due.fired[i];
        struct dastard_record *r = &a->records[next[f->secondary]++];
        *r = record_at(a, c, f, epoch_frame);
        if (a->settings.pooled || c->is_error)
            fill_from_pool(a, c, f, r);
        else
            fill_from_stream(a, c, f, samples + i * a->settings.beam.n_samples, r);
    }
    a->n += a->due.n;
    return true;
}

/* Each source's triggers count once for itself and once for each receiver: the most that a block may hold. */
static bool make_sample_room(struct simulated_array *a) {
    size_t most = a->primaries.n * 2;
    for (size_t i = 0; i < a->channels->n_couplings; i++)
        most += a->first[a->channels->couplings[i].source + 1U] - a->first[a->channels->couplings[i].source];
    most *= a->settings.beam.n_samples;
    if (a->settings.pooled || most <= a->samples_capacity)
        return true;
    uint16_t *bigger = realloc(a->samples, most * sizeof *bigger);
    if (bigger == NULL)
        return false;
    a->samples = bigger;
    a->samples_capacity = most;
    return true;
}

/* The server's goroutines finish in no fixed order; mostly the first channels come first. */
static uint32_t first_channel(struct simulated_array *a) {
    const double u = random_stream_uniform(&a->order);
    return u < 0.8 ? 0 : (uint32_t)((u - 0.8) / 0.2 * a->channels->n_channels);
}

enum status simulated_array_block(struct simulated_array *a, int64_t end_frame, int64_t epoch_frame, struct dastard_block *out) {
    const struct beamtime_array *b = &a->settings.beam;
    const int64_t earliest = epoch_frame + b->n_presamples, to = end_frame - (b->n_samples - b->n_presamples) + 1;
    const struct window w = {a->begun > earliest ? a->begun : earliest, to};
    a->n = 0;
    if (to <= a->begun) {
        *out = (struct dastard_block){a->records, 0};
        return STATUS_OK;
    }
    a->begun = to;
    if (!fire_all(a, w) || !make_sample_room(a))
        return STATUS_NO_MEMORY;
    const uint32_t n = a->channels->n_channels, start = first_channel(a);
    for (uint32_t i = 0; i < n; i++) {
        uint16_t *samples = a->samples == NULL ? NULL : a->samples + a->n * b->n_samples;
        if (!make_channel(a, &a->channels->channels[(start + i) % n], epoch_frame, samples))
            return STATUS_NO_MEMORY;
    }
    *out = (struct dastard_block){a->records, a->n};
    return STATUS_OK;
}

void simulated_array_skip(struct simulated_array *a, int64_t end_frame) {
    const int64_t to = end_frame - (a->settings.beam.n_samples - a->settings.beam.n_presamples) + 1;
    if (to <= a->begun)
        return;
    a->begun = to;
    const struct window nothing = {to, to};
    fire_all(a, nothing);
    a->primaries.n = 0;
}
