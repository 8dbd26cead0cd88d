/* daemon/sink/beamtime_writer.c - one pixel at a time: photons, triggers, samples, bytes. */
#include "daemon/sink/beamtime_writer.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "calib/beamtime_pixel.h"
#include "daemon/log.h"
#include "pulse/record_ljh.h"
#include "pulse/resolution_limit.h"

enum purpose { DRAW_NOISE_RUN = 204, DRAW_STRAY = 205 };   /* the others of this series: calib/beamtime_pixel.c */
enum { ROWS = 32, FILE_BUFFER = 1 << 18 };

static const double stray_per_s = 0.1;

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

static struct beamtime_array array_of(const struct beamtime_writer *w) {
    return (struct beamtime_array){.plan = w->plan, .pixels = w->pixels, .n_pixels = w->n_pixels, .seed = w->seed, .period_s = w->period_s, .n_samples = w->n_samples,
                                   .n_presamples = w->n_presamples, .trigger = w->trigger, .stamp_jitter_s = w->stamp_jitter_s};
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

/* Photons and their fates move from p to *out. */
static bool take_photons(struct beamtime_pixel *p, struct pixel_outcome *out) {
    out->frame = malloc((p->n + 1) * sizeof *out->frame);
    out->stamp_ns = malloc((p->n + 1) * sizeof *out->stamp_ns);
    if (out->frame == NULL || out->stamp_ns == NULL)
        return false;
    out->photons = p->photons;
    out->n = p->n;
    out->fate = p->fate;
    out->record = p->trigger_of;
    p->photons = NULL;
    p->fate = NULL;
    p->trigger_of = NULL;
    out->n_records = p->n_triggers;
    for (size_t i = 0; i < p->n_triggers; i++)
        out->n_fault_records += p->triggers[i].deposit == NO_DEPOSIT;
    return true;
}

static void note_records(const struct beamtime_writer *w, const struct beamtime_pixel *r, struct pixel_outcome *out) {
    const struct beamtime_array a = array_of(w);
    for (size_t i = 0; i < out->n; i++) {
        const int64_t k = out->record[i];
        out->frame[i] = k < 0 ? -1 : r->triggers[k].frame;
        out->stamp_ns[i] = k < 0 ? INT64_MIN : beamtime_stamp_ns(&a, w->plan->settings.start_ns, 1, r->triggers[k].frame) / 1000 * 1000;
    }
}

/* ---- the two files of a pixel ---- */

static bool write_pulses(const struct beamtime_writer *w, uint32_t pixel, const struct beamtime_pixel *r) {
    if (r->n_triggers == 0)
        return true;   /* the acquisition server makes a file at a channel's first record */
    const struct beamtime_array a = array_of(w);
    struct pulse_stream *stream = NULL;
    struct ljh_file f;
    bool good = ljh_file_open(&f, w, pixel, 1, w->plan->settings.start_ns);
    if (good && beamtime_pixel_stream(&a, pixel, r, &stream) != STATUS_OK)
        good = complain_about(&f);
    for (size_t i = 0; good && i < r->n_triggers; i++) {
        const int64_t frame = r->triggers[i].frame;
        pulse_stream_read(stream, frame - w->n_presamples, f.samples);
        good = ljh_file_add(&f, pixel, frame, beamtime_stamp_ns(&a, w->plan->settings.start_ns, 1, frame));
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
    const struct beamtime_array a = array_of(w);
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
        good = ljh_file_add(&f, pixel, frame, beamtime_stamp_ns(&a, w->noise_start_ns, 0, frame));
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
    const struct beamtime_array a = array_of(w);
    struct beamtime_pixel met = {0};
    *out = (struct pixel_outcome){0};
    bool good = beamtime_pixel_meet(&a, pixel, &met) == STATUS_OK && take_photons(&met, out);
    if (!good)
        log_error("channel %u: no memory for its photons; simulate a shorter beamtime or a lower --rate", beamtime_channel(pixel));
    good = good && write_pulses(w, pixel, &met) && (w->noise_records == 0 || write_noise(w, pixel, out));
    if (good) {
        note_records(w, &met, out);
        note_limits(w, pixel, out);
    } else {
        pixel_outcome_done(out);
    }
    beamtime_pixel_done(&met);
    return good;
}
