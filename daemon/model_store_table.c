/* One calibration table of a CAL.h5. What differs in length from pixel to pixel (fits, anchors) is stored as one long list with a
 * count per pixel. */
#include <stdlib.h>
#include <string.h>

#include "daemon/h5_fields.h"
#include "daemon/model_store_parts.h"

#define COUNT(table) (sizeof table / sizeof *table)
#define FIELD(holder, path, kind) { .name = #path, .type = kind, .offset = offsetof(struct holder, path) }
#define COLUMNS(holder, path, kind, n) { .name = #path, .type = kind, .offset = offsetof(struct holder, path), .columns = n }
#define TRUTH(holder, path) { .name = #path, .type = ARRAY_U1, .offset = offsetof(struct holder, path), .truth = true }

static const struct h5_field table_fields[] = {
    FIELD(calibration_table, number, ARRAY_I4),
    FIELD(calibration_table, start_ns, ARRAY_I8),
    FIELD(calibration_table, end_ns, ARRAY_I8),
    FIELD(calibration_table, mono_eV, ARRAY_F8),
    FIELD(calibration_table, form, ARRAY_U4),
    FIELD(calibration_table, reference_pixel, ARRAY_U4),
    FIELD(calibration_table, resolution_eV, ARRAY_F8),
    FIELD(calibration_table, n_lines, ARRAY_U4),
    FIELD(calibration_table, template_pixels, ARRAY_U4),
    FIELD(calibration_table, template_margin, ARRAY_F8),
    FIELD(calibration_table, tail.fraction, ARRAY_F8),
    FIELD(calibration_table, tail.length_eV, ARRAY_F8),
};

static const struct h5_field line_fields[] = {
    FIELD(table_line, energy_eV, ARRAY_F8),
    FIELD(table_line, n, ARRAY_U4),
    FIELD(table_line, residual_eV, ARRAY_F8),
    FIELD(table_line, spread_eV, ARRAY_F8),
    FIELD(table_line, fault_eV, ARRAY_F8),
    TRUTH(table_line, anchor),
};

static const struct h5_field pixel_fields[] = {
    FIELD(pixel_calibration, verdict, ARRAY_U4),
    FIELD(pixel_calibration, n_fits, ARRAY_U4),
    FIELD(pixel_calibration, resolution_eV, ARRAY_F8),
    FIELD(pixel_calibration, resolution_sigma_eV, ARRAY_F8),
    FIELD(pixel_calibration, rank, ARRAY_U4),
    FIELD(pixel_calibration, pulses, ARRAY_F8),
    FIELD(pixel_calibration, correction.baseline.jump_counts, ARRAY_F8),
    FIELD(pixel_calibration, correction.baseline.quantum_counts, ARRAY_F8),
    FIELD(pixel_calibration, correction.height_scale, ARRAY_F8),
    COLUMNS(pixel_calibration, correction.arrival_curve, ARRAY_F8, ARRIVAL_CURVE),
    FIELD(pixel_calibration, correction.offset_max, ARRAY_F8),
    COLUMNS(pixel_calibration, correction.gain, ARRAY_F8, N_CORRECTION_TERMS),
    COLUMNS(pixel_calibration, correction.reference, ARRAY_F8, N_CORRECTION_TERMS),
    FIELD(pixel_calibration, correction.n_steps, ARRAY_U4),
    COLUMNS(pixel_calibration, correction.step_time_ns, ARRAY_I8, GAIN_STEPS_MAX),
    FIELD(pixel_calibration, correction.gain_sigma, ARRAY_F8),
    FIELD(pixel_calibration, correction.noise_share, ARRAY_F8),
    COLUMNS(pixel_calibration, at_end.recent, ARRAY_F4, BASELINE_RECENT),
    FIELD(pixel_calibration, at_end.n_recent, ARRAY_U4),
    FIELD(pixel_calibration, at_end.newest, ARRAY_U4),
    FIELD(pixel_calibration, at_end.jumped, ARRAY_F8),
    FIELD(pixel_calibration, at_end.sum, ARRAY_F8),
    FIELD(pixel_calibration, at_end.weight, ARRAY_F8),
    FIELD(pixel_calibration, at_end.last_ns, ARRAY_I8),
    FIELD(pixel_calibration, step, ARRAY_F8),
    FIELD(pixel_calibration, valid_from_ns, ARRAY_I8),
    FIELD(pixel_calibration, before_until_ns, ARRAY_I8),
    FIELD(pixel_calibration, shape_distance, ARRAY_F8),
    FIELD(pixel_calibration, jump, ARRAY_F8),
    TRUTH(pixel_calibration, jumped),
    FIELD(pixel_calibration, assigned_by, ARRAY_U4),
    FIELD(pixel_calibration, margin, ARRAY_F8),
    FIELD(pixel_calibration, n_choices, ARRAY_U4),
};

static const struct h5_field choice_fields[] = {
    FIELD(line_match, n, ARRAY_U8),
    COLUMNS(line_match, line, ARRAY_U8, MATCH_MAX_LINES),
    COLUMNS(line_match, height, ARRAY_F8, MATCH_MAX_LINES),
    FIELD(line_match, score, ARRAY_F8),
    FIELD(line_match, margin, ARRAY_F8),
    FIELD(line_match, rms_eV, ARRAY_F8),
};

static const struct h5_field fit_fields[] = {
    FIELD(anchor_fit, energy_eV, ARRAY_F8),
    FIELD(anchor_fit, energy_unc_eV, ARRAY_F8),
    FIELD(anchor_fit, height, ARRAY_F8),
    FIELD(anchor_fit, height_sigma, ARRAY_F8),
    FIELD(anchor_fit, fwhm_eV, ARRAY_F8),
    FIELD(anchor_fit, fwhm_sigma_eV, ARRAY_F8),
    FIELD(anchor_fit, counts, ARRAY_F8),
    FIELD(anchor_fit, deviance_per_dof, ARRAY_F8),
    FIELD(anchor_fit, residual_eV, ARRAY_F8),
    FIELD(anchor_fit, window_low, ARRAY_F8),
    FIELD(anchor_fit, window_bin, ARRAY_F8),
    FIELD(anchor_fit, eV_per_unit, ARRAY_F8),
    FIELD(anchor_fit, gauss_fwhm_eV, ARRAY_F8),
    FIELD(anchor_fit, background_per_eV, ARRAY_F8),
    FIELD(anchor_fit, companion_counts, ARRAY_F8),
    FIELD(anchor_fit, companion_offset_eV, ARRAY_F8),
    FIELD(anchor_fit, window_bins, ARRAY_U4),
    TRUTH(anchor_fit, used),
    FIELD(anchor_fit, counts_sigma, ARRAY_F8),
    COLUMNS(anchor_fit, correlation, ARRAY_F8, 3),
    FIELD(anchor_fit, own_fwhm_eV, ARRAY_F8),
    FIELD(anchor_fit, companion_own_fwhm_eV, ARRAY_F8),
    FIELD(anchor_fit, tail_fraction, ARRAY_F8),
    FIELD(anchor_fit, tail_eV, ARRAY_F8),
};

static const struct h5_field anchor_fields[] = {
    FIELD(curve_anchor, height, ARRAY_F8),
    FIELD(curve_anchor, height_sigma, ARRAY_F8),
    FIELD(curve_anchor, energy_eV, ARRAY_F8),
    FIELD(curve_anchor, energy_unc_eV, ARRAY_F8),
};

_Static_assert(sizeof(enum verdict) == 4 && sizeof(enum assigned_by) == 4 && sizeof(enum curve_form) == 4 && sizeof(bool) == 1 && sizeof(size_t) == 8, "stored as u4, u1 and u8");

/* ---- writing ---- */

static void write_texts(struct h5_file *f, hid_t group, const char *name, const char *first, size_t stride, size_t n) {
    const char **texts = calloc(n + 1, sizeof *texts);
    if (!texts) {
        h5_file_fail(f, name, "out of memory");
        return;
    }
    for (size_t k = 0; k < n; k++)
        texts[k] = first + k * stride;
    h5_file_texts(f, group, name, texts, n, 0);
    free(texts);
}

static void write_fits(struct h5_file *f, hid_t parent, const struct calibration_table *t) {
    struct anchor_fit *fits = calloc((size_t)t->n_pixels * CURVE_MAX_ANCHORS + 1, sizeof *fits);
    size_t n = 0;
    hid_t group = h5_file_group(f, parent, "fits", NULL);
    for (uint32_t p = 0; p < t->n_pixels && fits; p++)
        for (uint32_t k = 0; k < t->pixels[p].n_fits; k++)
            fits[n++] = t->pixels[p].fits[k];
    if (!fits) {
        h5_file_fail(f, "fits", "out of memory");
    } else {
        h5_fields_write(f, group, fit_fields, COUNT(fit_fields), fits, sizeof *fits, n);
        write_texts(f, group, "line", fits[0].line, sizeof *fits, n);
    }
    h5_file_close_group(group);
    free(fits);
}

static void write_choices(struct h5_file *f, hid_t parent, const struct calibration_table *t) {
    struct line_match *choices = calloc((size_t)t->n_pixels * MATCH_KEPT + 1, sizeof *choices);
    size_t n = 0;
    hid_t group = h5_file_group(f, parent, "choices", NULL);
    for (uint32_t p = 0; p < t->n_pixels && choices; p++)
        for (uint32_t k = 0; k < t->pixels[p].n_choices; k++)
            choices[n++] = t->pixels[p].choices[k];
    if (!choices)
        h5_file_fail(f, "choices", "out of memory");
    else
        h5_fields_write(f, group, choice_fields, COUNT(choice_fields), choices, sizeof *choices, n);
    h5_file_close_group(group);
    free(choices);
}

static void write_curves(struct h5_file *f, hid_t parent, const struct calibration_table *t) {
    struct curve_anchor *anchors = calloc((size_t)t->n_pixels * CURVE_MAX_ANCHORS + 1, sizeof *anchors);
    uint32_t *n_anchors = calloc(t->n_pixels + (size_t)1, sizeof *n_anchors);
    size_t n = 0;
    hid_t group = h5_file_group(f, parent, "curves", NULL);
    for (uint32_t p = 0; p < t->n_pixels && anchors && n_anchors; p++) {
        const struct curve_anchor *own;
        n_anchors[p] = t->pixels[p].curve ? (uint32_t)calibration_curve_anchors(t->pixels[p].curve, &own) : 0;
        if (n_anchors[p])
            memcpy(anchors + n, own, n_anchors[p] * sizeof *own);
        n += n_anchors[p];
    }
    if (!anchors || !n_anchors) {
        h5_file_fail(f, "curves", "out of memory");
    } else {
        h5_file_array(f, group, &(struct data_array){ .name = "n_anchors", .type = ARRAY_U4, .rank = 1, .shape = { t->n_pixels }, .data = n_anchors });
        h5_fields_write(f, group, anchor_fields, COUNT(anchor_fields), anchors, sizeof *anchors, n);
    }
    h5_file_close_group(group);
    free(anchors);
    free(n_anchors);
}

void model_store_write_table(struct h5_file *f, hid_t group, const struct calibration_table *t) {
    h5_fields_write_one(f, group, table_fields, COUNT(table_fields), t);
    h5_file_text(f, group, "label", t->label);
    h5_file_text(f, group, "line_table_name", t->line_table_name);
    h5_file_text(f, group, "line_table_text", t->line_table_text);
    h5_file_text(f, group, "remark", t->remark);
    hid_t lines = h5_file_group(f, group, "lines", NULL);
    h5_fields_write(f, lines, line_fields, COUNT(line_fields), t->lines, sizeof *t->lines, t->n_lines);
    write_texts(f, lines, "line", t->lines[0].line, sizeof *t->lines, t->n_lines);
    h5_file_close_group(lines);
    hid_t pixels = h5_file_group(f, group, "pixels", NULL);
    h5_fields_write(f, pixels, pixel_fields, COUNT(pixel_fields), t->pixels, sizeof *t->pixels, t->n_pixels);
    write_texts(f, pixels, "reason", t->n_pixels ? t->pixels[0].reason : "", sizeof *t->pixels, t->n_pixels);
    h5_file_close_group(pixels);
    write_fits(f, group, t);
    write_choices(f, group, t);
    write_curves(f, group, t);
}

/* ---- reading ---- */

static void read_reasons(struct h5_input *in, hid_t group, struct calibration_table *t) {
    enum { WIDTH = sizeof t->pixels[0].reason };
    char (*reasons)[WIDTH] = calloc(t->n_pixels + (size_t)1, WIDTH);
    if (!reasons) {
        h5_input_fail(in, "out of memory");
        return;
    }
    h5_input_texts(in, group, "reason", t->n_pixels, WIDTH, reasons[0]);
    for (uint32_t p = 0; p < t->n_pixels; p++)
        memcpy(t->pixels[p].reason, reasons[p], WIDTH);
    free(reasons);
}

static void read_pixels(struct h5_input *in, hid_t parent, struct calibration_table *t) {
    hid_t group = h5_input_group(in, parent, "pixels");
    uint64_t n = h5_input_length(in, group, "verdict");
    t->pixels = n < UINT32_MAX ? calloc(n + 1, sizeof *t->pixels) : NULL;
    if (!t->pixels) {
        h5_input_fail(in, "out of memory");
        h5_file_close_group(group);
        return;
    }
    t->n_pixels = (uint32_t)n;
    h5_fields_read(in, group, pixel_fields, COUNT(pixel_fields), t->pixels, sizeof *t->pixels, n);
    read_reasons(in, group, t);
    for (uint32_t p = 0; p < n; p++)
        if ((unsigned)t->pixels[p].verdict >= N_VERDICTS || t->pixels[p].n_fits > CURVE_MAX_ANCHORS || t->pixels[p].correction.n_steps > GAIN_STEPS_MAX ||
            t->pixels[p].n_choices > MATCH_KEPT || t->pixels[p].at_end.n_recent > BASELINE_RECENT || t->pixels[p].at_end.newest >= BASELINE_RECENT)
            h5_input_fail(in, "pixel %u of a table has a verdict, a number of fits, of gain steps, of assignments or of baselines out of range", p);
    h5_file_close_group(group);
}

static void read_lines(struct h5_input *in, hid_t group, struct anchor_fit *fits, size_t n) {
    enum { WIDTH = sizeof fits->line };
    char (*lines)[WIDTH] = calloc(n + 1, WIDTH);
    if (!lines) {
        h5_input_fail(in, "out of memory");
        return;
    }
    h5_input_texts(in, group, "line", n, WIDTH, lines[0]);
    for (size_t k = 0; k < n; k++)
        memcpy(fits[k].line, lines[k], WIDTH);
    free(lines);
}

static void read_table_lines(struct h5_input *in, hid_t parent, struct calibration_table *t) {
    enum { WIDTH = sizeof t->lines[0].line };
    char names[CURVE_MAX_ANCHORS][WIDTH] = { { 0 } };
    hid_t group = h5_input_group(in, parent, "lines");
    if (t->n_lines > CURVE_MAX_ANCHORS) {
        h5_input_fail(in, "a table with %u lines", t->n_lines);
        t->n_lines = 0;
    }
    h5_fields_read(in, group, line_fields, COUNT(line_fields), t->lines, sizeof *t->lines, t->n_lines);
    h5_input_texts(in, group, "line", t->n_lines, WIDTH, names[0]);
    for (uint32_t k = 0; k < t->n_lines; k++)
        memcpy(t->lines[k].line, names[k], WIDTH);
    h5_file_close_group(group);
}

static void read_fits(struct h5_input *in, hid_t parent, struct calibration_table *t) {
    size_t n = 0, at = 0;
    for (uint32_t p = 0; p < t->n_pixels && !in->failed; p++)
        n += t->pixels[p].n_fits;
    struct anchor_fit *fits = calloc(n + 1, sizeof *fits);
    hid_t group = h5_input_group(in, parent, "fits");
    if (!fits) {
        h5_input_fail(in, "out of memory");
    } else {
        h5_fields_read(in, group, fit_fields, COUNT(fit_fields), fits, sizeof *fits, n);
        read_lines(in, group, fits, n);
    }
    for (uint32_t p = 0; fits && p < t->n_pixels && !in->failed; p++) {
        memcpy(t->pixels[p].fits, fits + at, t->pixels[p].n_fits * sizeof *fits);
        at += t->pixels[p].n_fits;
    }
    h5_file_close_group(group);
    free(fits);
}

/* Only what is there counts: lines that the table has. */
static bool choice_is_sound(const struct line_match *m, const struct calibration_table *t) {
    bool sound = m->n <= MATCH_MAX_LINES;
    for (size_t k = 0; sound && k < m->n; k++)
        sound = m->line[k] < t->n_lines;
    return sound;
}

static void read_choices(struct h5_input *in, hid_t parent, struct calibration_table *t) {
    size_t n = 0, at = 0;
    for (uint32_t p = 0; p < t->n_pixels; p++)
        n += t->pixels[p].n_choices;
    struct line_match *choices = calloc(n + 1, sizeof *choices);
    hid_t group = h5_input_group(in, parent, "choices");
    if (choices)
        h5_fields_read(in, group, choice_fields, COUNT(choice_fields), choices, sizeof *choices, n);
    else
        h5_input_fail(in, "out of memory");
    for (uint32_t p = 0; choices && p < t->n_pixels && !in->failed; p++)
        for (uint32_t k = 0; k < t->pixels[p].n_choices; k++, at++) {
            if (!choice_is_sound(&choices[at], t))
                h5_input_fail(in, "pixel %u of a table has an assignment to a line that the table does not have", p);
            t->pixels[p].choices[k] = choices[at];
        }
    h5_file_close_group(group);
    free(choices);
}

/* The curves are made anew from their anchors, which gives the same curves. */
static void make_curves(struct h5_input *in, struct calibration_table *t, const struct curve_anchor *anchors, const uint32_t *n_anchors) {
    size_t at = 0;
    for (uint32_t p = 0; p < t->n_pixels && !in->failed; p++) {
        enum status made = n_anchors[p] ? calibration_curve_new(t->form, anchors + at, n_anchors[p], &t->pixels[p].curve) : STATUS_OK;
        if (made != STATUS_OK)
            h5_input_fail(in, "the curve of pixel %u: %s", p, status_text(made));
        at += n_anchors[p];
    }
}

static void read_curves(struct h5_input *in, hid_t parent, struct calibration_table *t) {
    uint32_t *n_anchors = calloc(t->n_pixels + (size_t)1, sizeof *n_anchors);
    hid_t group = h5_input_group(in, parent, "curves");
    size_t n = 0;
    if (!n_anchors)
        h5_input_fail(in, "out of memory");
    h5_input_array(in, group, "n_anchors", ARRAY_U4, t->n_pixels, n_anchors);
    for (uint32_t p = 0; p < t->n_pixels && n_anchors && !in->failed; p++) {
        if (n_anchors[p] > CURVE_MAX_ANCHORS)
            h5_input_fail(in, "pixel %u of a table has %u anchors", p, n_anchors[p]);
        n += n_anchors[p];
    }
    struct curve_anchor *anchors = in->failed || !n_anchors ? NULL : calloc(n + 1, sizeof *anchors);
    if (anchors) {
        h5_fields_read(in, group, anchor_fields, COUNT(anchor_fields), anchors, sizeof *anchors, n);
        make_curves(in, t, anchors, n_anchors);
    } else {
        h5_input_fail(in, "out of memory");
    }
    h5_file_close_group(group);
    free(anchors);
    free(n_anchors);
}

struct calibration_table *model_store_read_table(struct h5_input *in, hid_t group) {
    struct calibration_table *t = calloc(1, sizeof *t);
    if (!t) {
        h5_input_fail(in, "out of memory");
        return NULL;
    }
    h5_fields_read_one(in, group, table_fields, COUNT(table_fields), t);
    h5_input_texts(in, group, "label", 1, sizeof t->label, t->label);
    h5_input_texts(in, group, "line_table_name", 1, sizeof t->line_table_name, t->line_table_name);
    t->line_table_text = h5_input_text(in, group, "line_table_text");
    h5_input_texts(in, group, "remark", 1, sizeof t->remark, t->remark);
    read_table_lines(in, group, t);
    read_pixels(in, group, t);
    if (t->pixels && !in->failed) {
        read_fits(in, group, t);
        if (!in->failed)
            read_choices(in, group, t);
        read_curves(in, group, t);
    }
    if (in->failed) {
        calibration_table_free(t);
        return NULL;
    }
    return t;
}
