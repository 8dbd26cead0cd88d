/* Beside a calibration: the average pulse and the noise of each pixel, with which its heights were made. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/pixel_pulse.h"
#include "daemon/sink/archive_parts.h"

struct pulse_sheet { size_t n; uint32_t widest; float *pulse; double *noise, *period_s; uint32_t *presamples; uint8_t *white; };

static void sheet_done(struct pulse_sheet *s) {
    free(s->pulse);
    free(s->noise);
    free(s->period_s);
    free(s->presamples);
    free(s->white);
}

static bool sheet_new(const struct pixel_model *const *models, size_t n, struct pulse_sheet *s) {
    *s = (struct pulse_sheet){ .n = n };
    for (size_t k = 0; k < n; k++)
        if (models[k] != NULL && models[k]->template_pulse != NULL && models[k]->n_samples > s->widest)
            s->widest = models[k]->n_samples;
    s->pulse = calloc(n * s->widest + 1, sizeof *s->pulse);
    s->noise = calloc(n * PULSE_NOISE + 1, sizeof *s->noise);
    s->period_s = calloc(n + 1, sizeof *s->period_s);
    s->presamples = calloc(n + 1, sizeof *s->presamples);
    s->white = calloc(n + 1, sizeof *s->white);
    return s->pulse != NULL && s->noise != NULL && s->period_s != NULL && s->presamples != NULL && s->white != NULL;
}

static void set_row(struct pulse_sheet *s, size_t k, const struct pixel_model *model) {
    struct pixel_pulse p;
    pixel_pulse_of(model, &p);
    for (uint32_t i = 0; i < s->widest; i++)
        s->pulse[k * s->widest + i] = i < p.n_samples ? p.pulse[i] : NAN;
    for (unsigned i = 0; i < PULSE_NOISE; i++)
        s->noise[k * PULSE_NOISE + i] = p.has_noise ? p.noise_psd[i] : (double)NAN;
    s->period_s[k] = model != NULL ? p.sample_period_s : (double)NAN;
    s->presamples[k] = p.n_presamples;
    s->white[k] = p.has_noise && p.white;
}

static void write_sheet(struct archive *a, hid_t group, const struct pulse_sheet *s) {
    h5_file_array(a->file, group, &(struct data_array){ .name = "average_pulse", .type = ARRAY_F4, .rank = 2, .shape = { s->n, s->widest }, .units = "",
                                                        .long_name = "average pulse of the filter, maximum 1", .data = s->pulse });
    h5_file_array(a->file, group, &(struct data_array){ .name = "noise_psd", .type = ARRAY_F8, .rank = 2, .shape = { s->n, PULSE_NOISE }, .units = "counts^2/Hz",
                                                        .long_name = "noise, one-sided, evenly from 0 to half the sampling frequency", .data = s->noise });
    h5_file_array(a->file, group, &(struct data_array){ .name = "sample_period_s", .type = ARRAY_F8, .rank = 1, .shape = { s->n }, .units = "s", .data = s->period_s });
    h5_file_array(a->file, group, &(struct data_array){ .name = "n_presamples", .type = ARRAY_U4, .rank = 1, .shape = { s->n }, .long_name = "samples before the trigger", .data = s->presamples });
    h5_file_array(a->file, group, &(struct data_array){ .name = "noise_is_white", .type = ARRAY_U1, .rank = 1, .shape = { s->n },
                                                        .long_name = "1: no noise records; taken for white, of the residuals of pulses", .data = s->white });
}

bool archive_pulses(struct archive *a, int32_t calibration_number, const struct pixel_model *const *models, size_t n) {
    char name[32];
    struct pulse_sheet s;
    snprintf(name, sizeof name, "calibration_%04d", calibration_number);
    const hid_t group = a->file->failed ? -1 : H5Gopen2(a->entry, name, H5P_DEFAULT);
    const bool made = group >= 0 && sheet_new(models, n, &s);
    if (made && s.widest > 0) {
        for (size_t k = 0; k < n; k++)
            set_row(&s, k, models[k]);
        write_sheet(a, group, &s);
    }
    if (group >= 0 && !made)
        h5_file_fail(a->file, name, "out of memory");
    if (group >= 0) {
        sheet_done(&s);
        h5_file_close_group(group);
    }
    return !a->file->failed;
}
