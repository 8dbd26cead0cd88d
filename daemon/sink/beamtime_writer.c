/* daemon/sink/beamtime_writer.c - one pixel at a time: photons, triggers, samples, bytes. */
#include "daemon/sink/beamtime_writer.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/log.h"
#include "pulse/record_ljh.h"
#include "pulse/resolution_limit.h"

enum purpose { DRAW_TRIGGERS = 201, DRAW_FAULTS, DRAW_NOISE, DRAW_NOISE_RUN, DRAW_STRAY, DRAW_STAMPS };
enum { ROWS = 32, FILE_BUFFER = 1 << 18 };

static const double block_s = 0.05, stray_per_s = 0.1, contaminated_transmission = 0.02;

const double beamtime_limit_eV[BEAMTIME_LIMITS] = {277, 525, 705, 930};

uint32_t beamtime_channel(uint32_t pixel) {
    return 2 * pixel + 1;
}

void pixel_outcome_done(struct pixel_outcome *o) {
    free(o->photons);
    free(o->fate);
    free(o->record);
    free(o->frame);
    free(o->stamp_ns);
    *o = (struct pixel_outcome){0};
}

static bool make_folder(const char *path) {
    if (mkdir(path, 0777) == 0 || errno == EEXIST)
        return true;
    log_error("%s: the folder cannot be made: %m", path);
    return false;
}

bool beamtime_make_folders(const struct beamtime_writer *w) {
    static const char *const parts[] = {"", "/0000", "/0001", "/0001/logs"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        char path[BEAMTIME_PATH + 16];
        snprintf(path, sizeof path, "%s%s", w->folder, parts[i]);
        if (!make_folder(path))
            return false;
    }
    return true;
}

/* Stamps of one block share one error, whatever the channel. */
static int64_t stamp_at(const struct beamtime_writer *w, int64_t start_ns, uint64_t run, int64_t frame) {
    const double time_s = (double)frame * w->period_s;
    const uint64_t block = (uint64_t)(time_s / block_s);
    const double error = w->stamp_jitter_s * fmax(-2.5, fmin(2.5, random_stream_normal_at(w->seed, block, DRAW_STAMPS + (run << 16))));
    return start_ns + llround((time_s + error) * 1e9);
}

/* ---- one file ---- */

struct ljh_file {
    FILE *to;
    char path[BEAMTIME_PATH + 64];
    struct ljh_header header;
    uint8_t *bytes;         /* one record as it stands in the file */
    uint16_t *samples;
    char *buffer;
};

static bool complain_about(const struct ljh_file *f) {
    log_error("%s: cannot be written: %m%s", f->path, errno == ENOSPC ? "; free some space or simulate less (--pixels, --rate, --scans)" : "");
    return false;
}

static bool ljh_file_close(struct ljh_file *f, bool good) {
    if (f->to != NULL && fclose(f->to) != 0 && good)
        good = complain_about(f);
    free(f->bytes);
    free(f->samples);
    free(f->buffer);
    return good;
}

static bool ljh_file_open(struct ljh_file *f, const struct beamtime_writer *w, uint32_t pixel, int run, int64_t start_ns) {
    const uint32_t channel = beamtime_channel(pixel);
    *f = (struct ljh_file){.header = {.version = 22, .version_text = "2.2.1", .n_samples = w->n_samples, .n_presamples = w->n_presamples,
                                      .sample_period_s = w->period_s, .channel = (int32_t)channel, .channel_index = (int32_t)channel,
                                      .subframe_divisions = ROWS, .subframe_offset = pixel % ROWS, .timestamp_offset_s = (double)start_ns / 1e9,
                                      .dastard = true, .software = "DASTARD version 0.3.10 (simulated by tesd)"}};
    snprintf(f->header.channel_name, sizeof f->header.channel_name, "chan%u", channel);
    snprintf(f->path, sizeof f->path, "%s/%04d/%s_run%04d_chan%u.ljh", w->folder, run, w->day, run, channel);
    f->bytes = malloc(LJH_HEADER_LIMIT + 16 + 2 * (size_t)w->n_samples);
    f->samples = malloc(2 * (size_t)w->n_samples);
    f->buffer = malloc(FILE_BUFFER);
    f->to = f->bytes == NULL || f->samples == NULL || f->buffer == NULL ? NULL : fopen(f->path, "wb");
    if (f->to == NULL)
        return complain_about(f);
    setvbuf(f->to, f->buffer, _IOFBF, FILE_BUFFER);
    const size_t n = ljh_header_format(&f->header, f->bytes, LJH_HEADER_LIMIT);
    return fwrite(f->bytes, 1, n, f->to) == n || complain_about(f);
}

static bool ljh_file_add(struct ljh_file *f, uint32_t pixel, int64_t frame, int64_t stamp_ns) {
    const struct pulse_record record = {.samples = f->samples, .n_samples = f->header.n_samples, .n_presamples = f->header.n_presamples, .pixel = pixel,
                                        .sample_period_s = (float)f->header.sample_period_s, .trigger_time_ns = stamp_ns, .trigger_frame = frame};
    const size_t n = 16 + 2 * (size_t)record.n_samples;
    ljh_record_format(&f->header, &record, f->bytes);
    return fwrite(f->bytes, 1, n, f->to) == n || complain_about(f);
}

/* ---- what a pixel meets ---- */

struct pixel_run {
    struct deposit *own, *neighbour[2];
    struct pulse_train train, neighbours[2];
    struct disturbance *faults;
    size_t n_faults;
    struct trigger *triggers;
    size_t n_triggers;
};

static void pixel_run_done(struct pixel_run *r) {
    free(r->own);
    free(r->neighbour[0]);
    free(r->neighbour[1]);
    free(r->faults);
    free(r->triggers);
}

static struct deposit *deposits_of(const struct beamtime_writer *w, const struct sim_photon *photons, size_t n) {
    struct deposit *d = malloc((n + 1) * sizeof *d);
    for (size_t i = 0; d != NULL && i < n; i++)
        d[i] = (struct deposit){(double)(photons[i].time_ns - w->plan->settings.start_ns) * 1e-9 / w->period_s, photons[i].energy_eV * 1e-3};
    return d;
}

static bool photons_of(const struct beamtime_writer *w, uint32_t pixel, struct sim_photon **photons, size_t *n) {
    const struct pixel_sim *p = &w->pixels[pixel];
    return beamtime_sim_photons(w->plan, pixel, p->sensitivity, p->kind == PIXEL_NO_CARBON ? contaminated_transmission : 1, photons, n) == STATUS_OK;
}

static bool meet_neighbours(const struct beamtime_writer *w, uint32_t pixel, struct pixel_run *r) {
    for (uint32_t side = 0; side < 2; side++) {
        const int64_t other = (int64_t)pixel + (side == 0 ? -1 : 1);
        if (other < 0 || other >= w->n_pixels)
            continue;
        struct sim_photon *photons = NULL;
        size_t n = 0;
        if (!photons_of(w, (uint32_t)other, &photons, &n))
            return false;
        r->neighbour[side] = deposits_of(w, photons, n);
        free(photons);
        if (r->neighbour[side] == NULL)
            return false;
        r->neighbours[side] = (struct pulse_train){r->neighbour[side], n};
    }
    return true;
}

static int64_t run_frames(const struct beamtime_writer *w) {
    return (int64_t)((double)(w->plan->end_ns - w->plan->settings.start_ns) * 1e-9 / w->period_s);
}

static bool meet_photons(const struct beamtime_writer *w, uint32_t pixel, struct pixel_run *r, struct pixel_outcome *out) {
    if (!photons_of(w, pixel, &out->photons, &out->n) || (r->own = deposits_of(w, out->photons, out->n)) == NULL)
        return false;
    r->train = (struct pulse_train){r->own, out->n};
    struct random_stream random;
    random_stream_init(&random, w->seed, pixel, DRAW_FAULTS);
    r->n_faults = trigger_sim_faults(&w->pixels[pixel], run_frames(w), &random, NULL, 0);
    r->faults = malloc((r->n_faults + 1) * sizeof *r->faults);
    r->triggers = malloc((r->n_faults + out->n + 1) * sizeof *r->triggers);
    out->fate = malloc(out->n + 1);
    out->record = malloc((out->n + 1) * sizeof *out->record);
    out->frame = malloc((out->n + 1) * sizeof *out->frame);
    out->stamp_ns = malloc((out->n + 1) * sizeof *out->stamp_ns);
    if (r->faults == NULL || r->triggers == NULL || out->fate == NULL || out->record == NULL || out->frame == NULL || out->stamp_ns == NULL)
        return false;
    trigger_sim_faults(&w->pixels[pixel], run_frames(w), &random, r->faults, r->n_faults);
    const struct trigger_settings settings = {w->trigger, w->n_samples, w->n_presamples, run_frames(w)};
    random_stream_init(&random, w->seed, pixel, DRAW_TRIGGERS);
    r->n_triggers = trigger_sim_run(&w->pixels[pixel], &settings, r->train, r->faults, r->n_faults, &random, r->triggers, out->fate, out->record);
    out->n_records = r->n_triggers;
    for (size_t i = 0; i < r->n_triggers; i++)
        out->n_fault_records += r->triggers[i].deposit == NO_DEPOSIT;
    return true;
}

static void note_records(const struct beamtime_writer *w, const struct pixel_run *r, struct pixel_outcome *out) {
    for (size_t i = 0; i < out->n; i++) {
        const int64_t k = out->record[i];
        out->frame[i] = k < 0 ? -1 : r->triggers[k].frame;
        out->stamp_ns[i] = k < 0 ? INT64_MIN : stamp_at(w, w->plan->settings.start_ns, 1, r->triggers[k].frame) / 1000 * 1000;
    }
}

/* ---- the two files of a pixel ---- */

static bool write_pulses(const struct beamtime_writer *w, uint32_t pixel, const struct pixel_run *r) {
    if (r->n_triggers == 0)
        return true;   /* the acquisition server makes a file at a channel's first record */
    struct random_stream random;
    struct pulse_stream *stream = NULL;
    struct ljh_file f;
    random_stream_init(&random, w->seed, pixel, DRAW_NOISE);
    bool good = ljh_file_open(&f, w, pixel, 1, w->plan->settings.start_ns);
    if (good && pulse_stream_new(&w->pixels[pixel], r->train, r->neighbours, r->faults, r->n_faults, &random, w->n_samples, &stream) != STATUS_OK)
        good = complain_about(&f);
    for (size_t i = 0; good && i < r->n_triggers; i++) {
        const int64_t frame = r->triggers[i].frame;
        pulse_stream_read(stream, frame - w->n_presamples, f.samples);
        good = ljh_file_add(&f, pixel, frame, stamp_at(w, w->plan->settings.start_ns, 1, frame));
    }
    pulse_stream_free(stream);
    return ljh_file_close(&f, good);
}

/* The shutter is closed in the noise run, yet now and then something falls in. */
static size_t stray_photons(const struct beamtime_writer *w, uint32_t pixel, double length_samples, struct deposit *out, size_t max) {
    struct random_stream r;
    random_stream_init(&r, w->seed, pixel, DRAW_STRAY);
    const double mean = 1 / (stray_per_s * w->period_s);
    size_t n = 0;
    for (double at = mean * random_stream_exponential(&r); at < length_samples && n < max; at += mean * random_stream_exponential(&r))
        out[n++] = (struct deposit){at, random_stream_between(&r, 0.2, 1.0)};
    return n;
}

static bool write_noise(const struct beamtime_writer *w, uint32_t pixel, struct pixel_outcome *out) {
    enum { MAX_STRAY = 1000 };
    struct deposit stray[MAX_STRAY];
    struct pixel_sim shut = w->pixels[pixel];
    if (shut.kind == PIXEL_LOCK_JUMP)
        shut.jump_s = INFINITY;
    shut.gain_step_s = INFINITY;
    out->noise_pulses = stray_photons(w, pixel, (double)w->noise_records * w->n_samples, stray, MAX_STRAY);
    struct random_stream random;
    random_stream_init(&random, w->seed, pixel, DRAW_NOISE_RUN);
    const struct pulse_train train = {stray, (size_t)out->noise_pulses}, none[2] = {{NULL, 0}, {NULL, 0}};
    struct pulse_stream *stream = NULL;
    struct ljh_file f;
    bool good = ljh_file_open(&f, w, pixel, 0, w->noise_start_ns);
    if (good && pulse_stream_new(&shut, train, none, NULL, 0, &random, w->n_samples, &stream) != STATUS_OK)
        good = complain_about(&f);
    for (int64_t i = 0; good && i < w->noise_records; i++) {
        const int64_t first = i * w->n_samples, frame = first + w->n_presamples;
        pulse_stream_read(stream, first, f.samples);
        good = ljh_file_add(&f, pixel, frame, stamp_at(w, w->noise_start_ns, 0, frame));
    }
    pulse_stream_free(stream);
    return ljh_file_close(&f, good);
}

static void note_limits(const struct beamtime_writer *w, uint32_t pixel, struct pixel_outcome *out) {
    for (int i = 0; i < BEAMTIME_LIMITS; i++) {
        double keV = NAN;
        if (resolution_limit(&w->pixels[pixel], w->n_samples, w->n_presamples, beamtime_limit_eV[i] * 1e-3, &keV) != STATUS_OK)
            keV = NAN;
        out->limit_fwhm_eV[i] = keV * 1e3;
    }
}

bool beamtime_write_pixel(const struct beamtime_writer *w, uint32_t pixel, struct pixel_outcome *out) {
    struct pixel_run r = {0};
    *out = (struct pixel_outcome){0};
    bool good = meet_photons(w, pixel, &r, out) && meet_neighbours(w, pixel, &r);
    if (!good)
        log_error("channel %u: no memory for its photons; simulate a shorter beamtime or a lower --rate", beamtime_channel(pixel));
    good = good && write_pulses(w, pixel, &r) && (w->noise_records == 0 || write_noise(w, pixel, out));
    if (good) {
        note_records(w, &r, out);
        note_limits(w, pixel, out);
    } else {
        pixel_outcome_done(out);
    }
    pixel_run_done(&r);
    return good;
}
