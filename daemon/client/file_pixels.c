#include "daemon/client/file_pixels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/h5_file.h"
#include "daemon/json_value.h"
#include "daemon/log.h"
#include "daemon/photon_file.h"
#include "daemon/pixel_detail.h"

enum { TEXT = 64, REASON = 256, ROWS = 65536, MOST_PIXELS = 65536 };

struct pixel_table {
    uint64_t n;
    uint32_t *channel;
    uint64_t *records, *photons, *lost;
    double *resolution, *live_time_s, *sensitivity;
    char *verdict, *name, *reason;
    uint32_t *spectra;                       /* n x DETAIL_BINS */
    uint64_t n_anchors;                      /* of a pixel, padded with NaN */
    double *anchor[4];                       /* height, its sigma, energy, its uncertainty: n x n_anchors */
    uint64_t n_samples;                      /* of the average pulses, padded with NaN; 0: the file has none */
    float *pulse;
    double *noise, *period_s;                /* noise: n x PULSE_NOISE */
    uint32_t *presamples;
    uint8_t *white;
};

static void table_done(struct pixel_table *t) {
    void *all[] = { t->channel, t->records, t->photons, t->lost, t->resolution, t->live_time_s, t->sensitivity, t->verdict, t->name, t->reason, t->spectra, t->anchor[0], t->anchor[1], t->anchor[2], t->anchor[3],
                    t->pulse, t->noise, t->period_s, t->presamples, t->white };
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        free(all[k]);
}

/* New, and filled with the column; NULL after a failure. */
static void *column(struct h5_input *in, hid_t group, const char *name, enum array_type type, uint64_t n) {
    void *values = calloc(n + 1, array_type_size(type));
    if (values == NULL)
        h5_input_fail(in, "%s: out of memory", name);
    else
        h5_input_array(in, group, name, type, n, values);
    return values;
}

static char *texts(struct h5_input *in, hid_t group, const char *name, uint64_t n, size_t width) {
    char *values = calloc(n + 1, width);
    if (values != NULL && h5_input_has(in, group, name))
        h5_input_texts(in, group, name, n, width, values);
    return values;
}

static void read_table(struct h5_input *in, hid_t entry, struct pixel_table *t) {
    hid_t group = h5_input_group(in, entry, "pixels");
    t->n = group >= 0 ? h5_input_length(in, group, "channel") : 0;
    if (t->n > MOST_PIXELS)
        h5_input_fail(in, "pixels: %llu of them are more than there can be", (unsigned long long)t->n);
    if (!in->failed) {
        t->channel = column(in, group, "channel", ARRAY_U4, t->n);
        t->records = column(in, group, "records", ARRAY_U8, t->n);
        t->photons = column(in, group, "photons", ARRAY_U8, t->n);
        t->lost = column(in, group, "lost_upstream", ARRAY_U8, t->n);
        t->resolution = column(in, group, "resolution_eV", ARRAY_F8, t->n);
        t->live_time_s = column(in, group, "live_time_s", ARRAY_F8, t->n);
        t->sensitivity = column(in, group, "sensitivity", ARRAY_F8, t->n);
        t->verdict = texts(in, group, "verdict", t->n, TEXT);
        t->name = texts(in, group, "name", t->n, TEXT);
        t->reason = texts(in, group, "reason", t->n, REASON);
    }
    if (group >= 0)
        h5_file_close_group(group);
}

static void count_photons(struct h5_input *in, hid_t entry, struct pixel_table *t) {
    struct photon_block *rows = NULL;
    struct photon_file *f = in->failed ? NULL : photon_file_open(in, entry);
    t->spectra = calloc(t->n * DETAIL_BINS + 1, sizeof *t->spectra);
    if (f != NULL && t->spectra != NULL && photon_block_new(ROWS, &rows) == STATUS_OK)
        while (photon_file_next(f, rows) && rows->n > 0)
            for (size_t i = 0; i < rows->n; i++) {
                const int bin = pixel_detail_bin(rows->energy_eV[i]);
                if (rows->cuts[i] == 0 && bin >= 0 && rows->pixel[i] < t->n)
                    t->spectra[rows->pixel[i] * (size_t)DETAIL_BINS + (size_t)bin]++;
            }
    photon_block_free(rows);
    photon_file_close(f);
}

static herr_t last_calibration(hid_t group, const char *name, const H5L_info_t *info, void *last) {
    (void)group;
    (void)info;
    if (strncmp(name, "calibration_", 12) == 0 && strlen(name) < TEXT)
        snprintf(last, TEXT, "%s", name);
    return 0;
}

/* A file of before, or one joined with such a file, has none, or not a row for each pixel. */
static void read_pulses(struct h5_input *in, hid_t group, struct pixel_table *t) {
    const uint64_t cells = h5_input_has(in, group, "average_pulse") && h5_input_has(in, group, "noise_psd") ? h5_input_length(in, group, "average_pulse") : 0;
    if (in->failed || cells == 0 || cells % t->n != 0 || cells / t->n > UINT32_MAX || h5_input_length(in, group, "noise_psd") != t->n * PULSE_NOISE)
        return;
    t->pulse = column(in, group, "average_pulse", ARRAY_F4, cells);
    t->noise = column(in, group, "noise_psd", ARRAY_F8, t->n * PULSE_NOISE);
    t->period_s = column(in, group, "sample_period_s", ARRAY_F8, t->n);
    t->presamples = column(in, group, "n_presamples", ARRAY_U4, t->n);
    t->white = column(in, group, "noise_is_white", ARRAY_U1, t->n);
    t->n_samples = in->failed ? 0 : cells / t->n;
}

static void read_anchors(struct h5_input *in, hid_t entry, struct pixel_table *t) {
    static const char *const names[] = { "anchor_height", "anchor_height_sigma", "anchor_energy_eV", "anchor_energy_unc_eV" };
    char last[TEXT] = "";
    hsize_t from = 0;
    if (in->failed || t->n == 0)
        return;
    H5Literate(entry, H5_INDEX_NAME, H5_ITER_INC, &from, last_calibration, last);
    hid_t group = last[0] != '\0' ? h5_input_group(in, entry, last) : -1;
    if (group < 0)
        return;
    const uint64_t n = h5_input_has(in, group, names[0]) ? h5_input_length(in, group, names[0]) : 0;
    t->n_anchors = n % t->n == 0 && n / t->n <= CURVE_MAX_ANCHORS ? n / t->n : 0;
    for (unsigned k = 0; t->n_anchors > 0 && k < 4; k++)
        t->anchor[k] = column(in, group, names[k], ARRAY_F8, n);
    read_pulses(in, group, t);
    h5_file_close_group(group);
}

/* Of the file, where it has them; rows end with their first NaN. */
static void pulse_in_file(const struct pixel_table *t, uint64_t k, struct pixel_pulse *out) {
    *out = (struct pixel_pulse){ 0 };
    if (t->n_samples == 0 || !(t->period_s[k] > 0))
        return;
    out->pulse = t->pulse + k * t->n_samples;
    while (out->n_samples < t->n_samples && isfinite(out->pulse[out->n_samples]))
        out->n_samples++;
    out->n_presamples = t->presamples[k];
    out->sample_period_s = t->period_s[k];
    out->has_noise = isfinite(t->noise[k * PULSE_NOISE]);
    out->white = t->white[k] != 0;
    memcpy(out->noise_psd, t->noise + k * PULSE_NOISE, sizeof out->noise_psd);
}

/* Through the pixel's anchors; NULL: it has none. */
static struct calibration_curve *curve_of(const struct pixel_table *t, uint64_t pixel) {
    struct curve_anchor anchors[CURVE_MAX_ANCHORS];
    struct calibration_curve *curve = NULL;
    size_t n = 0;
    for (uint64_t k = pixel * t->n_anchors; k < (pixel + 1) * t->n_anchors; k++)
        if (isfinite(t->anchor[0][k]))
            anchors[n++] = (struct curve_anchor){ t->anchor[0][k], t->anchor[1][k], t->anchor[2][k], t->anchor[3][k] };
    return n >= 2 && calibration_curve_new(CURVE_SPLINE, anchors, n, &curve) == STATUS_OK ? curve : NULL;
}

static json_t *usual_keys(const char *kind) {
    return json_pack("{s:i,s:s,s:i,s:s,s:s,s:i,s:s,s:s,s:s,s:s,s:s,s:b,s:s,s:[]}", "v", 1, "kind", kind, "seq", 1, "boot", "file", "run", "file", "scan", -1, "t_ns", "0", "start_ns", "0", "accum",
                     "cumulative", "state", "final", "cal", "", "snap", 0, "signal", "", "arrays");
}

static bool tell_pixel(const struct pixel_table *t, uint64_t k, file_state_told *told, void *context) {
    struct stream_state s = { .seq = 1, .boot = "file", .kind = "pixel", .header = usual_keys("pixel") };
    snprintf(s.topic, sizeof s.topic, "pixel/%u/", (unsigned)k);
    json_object_update_new(s.header, json_pack("{s:i,s:I,s:o,s:I,s:I,s:I,s:o,s:o,s:o,s:o,s:o,s:o}", "pixel", (int)k, "channel", (json_int_t)t->channel[k], "name", json_value_text(t->name + k * TEXT), "records",
                                               (json_int_t)t->records[k], "photons", (json_int_t)t->photons[k], "lost", (json_int_t)t->lost[k], "resolution_eV", json_value_number(t->resolution[k]),
                                               "live_time_s", json_value_number(t->live_time_s[k]), "sensitivity", json_value_number(t->sensitivity[k]), "verdict",
                                               json_value_text(t->verdict + k * TEXT), "reason", json_value_text(t->reason + k * REASON), "rate_per_s",
                                               json_value_number(t->live_time_s[k] > 0 ? (double)t->photons[k] / t->live_time_s[k] : (double)NAN)));
    const bool more = told(context, &s);
    json_decref(s.header);
    return more;
}

static bool tell_detail(const struct pixel_table *t, uint64_t k, const struct array_model *model, struct pixel_detail *d, file_state_told *told, void *context) {
    const size_t at = model != NULL ? array_model_find(model, (int32_t)t->channel[k]) : SIZE_MAX;
    const struct pixel_model *m = at != SIZE_MAX ? model->channels[at].model : NULL;
    struct calibration_curve *curve = curve_of(t, k);
    struct stream_state s = { .seq = 1, .boot = "file", .kind = "detail", .header = usual_keys("detail") };
    struct pixel_pulse pulse;
    if (m != NULL)
        pixel_pulse_of(m, &pulse);
    else
        pulse_in_file(t, k, &pulse);
    pixel_detail_set(d, t->spectra + k * DETAIL_BINS, &pulse, curve);
    s.n_arrays = d->n_arrays;
    memcpy(s.arrays, d->arrays, d->n_arrays * sizeof *d->arrays);
    snprintf(s.topic, sizeof s.topic, "detail/%u/", (unsigned)k);
    json_object_update_new(s.header, pixel_detail_keys((uint32_t)k, &pulse));
    const bool more = told(context, &s);
    json_decref(s.header);
    calibration_curve_free(curve);
    return more;
}

bool file_pixels_read(const char *path, const struct array_model *model, file_state_told *told, void *context) {
    struct pixel_table t = { 0 };
    struct h5_input in;
    if (!h5_input_open(path, &in))
        return false;
    hid_t entry = h5_input_group(&in, in.id, "entry");
    struct pixel_detail *d = calloc(1, sizeof *d);
    if (entry >= 0) {
        read_table(&in, entry, &t);
        count_photons(&in, entry, &t);
        read_anchors(&in, entry, &t);
        h5_file_close_group(entry);
    }
    const bool good = !in.failed && d != NULL && t.spectra != NULL;
    bool more = good;
    for (uint64_t k = 0; more && k < t.n; k++)
        more = tell_pixel(&t, k, told, context) && tell_detail(&t, k, model, d, told, context);
    free(d);
    table_done(&t);
    h5_input_close(&in);
    return good;
}
