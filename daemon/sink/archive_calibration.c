/* calibration_NNNN: one row per pixel. Anchors that carry the curve and lines that were fitted are two-dimensional, padded with
 * NaN to the longest row, so that plain array readers get them whole. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/calibration_sigma.h"
#include "daemon/calibration_id.h"
#include "daemon/sink/archive_parts.h"

struct anchors {
    size_t n;
    const struct curve_anchor *rows;   /* NULL: no curve */
    const double *covariance;
};

static struct anchors anchors_of(const struct pixel_calibration *p) {
    struct anchors a = { 0 };
    if (p->curve) {
        a.n = calibration_curve_anchors(p->curve, &a.rows);
        a.covariance = calibration_curve_covariance(p->curve);
    }
    return a;
}

static double anchor_gain(const struct anchors *a, size_t k) { return a->rows[k].height / a->rows[k].energy_eV; }
static double anchor_height(const struct anchors *a, size_t k) { return a->rows[k].height; }
static double anchor_height_sigma(const struct anchors *a, size_t k) { return a->rows[k].height_sigma; }
static double anchor_energy(const struct anchors *a, size_t k) { return a->rows[k].energy_eV; }
static double anchor_energy_unc(const struct anchors *a, size_t k) { return a->rows[k].energy_unc_eV; }

static const struct { const char *name, *units; double (*value)(const struct anchors *, size_t); } anchor_columns[] = {
    { .name = "anchor_height", .units = "arb", .value = anchor_height },
    { .name = "anchor_height_sigma", .units = "arb", .value = anchor_height_sigma },
    { .name = "anchor_energy_eV", .units = "eV", .value = anchor_energy },
    { .name = "anchor_energy_unc_eV", .units = "eV", .value = anchor_energy_unc },
    { .name = "anchor_gain", .units = "arb/eV", .value = anchor_gain },
};

static const struct { const char *name, *units; size_t offset; } fit_columns[] = {
    { .name = "line_energy_eV", .units = "eV", .offset = offsetof(struct anchor_fit, energy_eV) },
    { .name = "line_energy_unc_eV", .units = "eV", .offset = offsetof(struct anchor_fit, energy_unc_eV) },
    { .name = "line_height", .units = "arb", .offset = offsetof(struct anchor_fit, height) },
    { .name = "line_height_sigma", .units = "arb", .offset = offsetof(struct anchor_fit, height_sigma) },
    { .name = "line_fwhm_eV", .units = "eV", .offset = offsetof(struct anchor_fit, fwhm_eV) },
    { .name = "line_fwhm_sigma_eV", .units = "eV", .offset = offsetof(struct anchor_fit, fwhm_sigma_eV) },
    { .name = "line_counts", .units = "counts", .offset = offsetof(struct anchor_fit, counts) },
    { .name = "line_deviance_per_dof", .units = "", .offset = offsetof(struct anchor_fit, deviance_per_dof) },
    { .name = "line_counts_sigma", .units = "counts", .offset = offsetof(struct anchor_fit, counts_sigma) },
    { .name = "line_correlation_centre_fwhm", .units = "", .offset = offsetof(struct anchor_fit, correlation[0]) },
    { .name = "line_correlation_centre_counts", .units = "", .offset = offsetof(struct anchor_fit, correlation[1]) },
    { .name = "line_correlation_fwhm_counts", .units = "", .offset = offsetof(struct anchor_fit, correlation[2]) },
    { .name = "line_own_fwhm_eV", .units = "eV", .offset = offsetof(struct anchor_fit, own_fwhm_eV) },
    { .name = "line_residual_eV", .units = "eV", .offset = offsetof(struct anchor_fit, residual_eV) },
};

static const struct { const char *name, *units; size_t offset; } table_line_columns[] = {
    { .name = "table_line_energy_eV", .units = "eV", .offset = offsetof(struct table_line, energy_eV) },
    { .name = "table_line_residual_eV", .units = "eV", .offset = offsetof(struct table_line, residual_eV) },
    { .name = "table_line_spread_eV", .units = "eV", .offset = offsetof(struct table_line, spread_eV) },
    { .name = "table_line_fault_eV", .units = "eV", .offset = offsetof(struct table_line, fault_eV) },
};

static const struct { const char *name, *units; size_t offset; } pixel_columns[] = {
    { .name = "resolution_eV", .units = "eV", .offset = offsetof(struct pixel_calibration, resolution_eV) },
    { .name = "resolution_sigma_eV", .units = "eV", .offset = offsetof(struct pixel_calibration, resolution_sigma_eV) },
    { .name = "assignment_margin", .units = "", .offset = offsetof(struct pixel_calibration, margin) },
    { .name = "step", .units = "arb", .offset = offsetof(struct pixel_calibration, step) },
    { .name = "shape_distance", .units = "", .offset = offsetof(struct pixel_calibration, shape_distance) },
    { .name = "pulses", .units = "counts", .offset = offsetof(struct pixel_calibration, pulses) },
    { .name = "jump", .units = "arb", .offset = offsetof(struct pixel_calibration, jump) },
    { .name = "drift_slope", .units = "1/counts", .offset = offsetof(struct pixel_calibration, correction.gain[TERM_BASELINE]) },
    { .name = "ptm0", .units = "counts", .offset = offsetof(struct pixel_calibration, correction.reference[TERM_BASELINE]) },
    { .name = "flux_quantum", .units = "counts", .offset = offsetof(struct pixel_calibration, correction.baseline.quantum_counts) },
    { .name = "correction_gain_sigma", .units = "", .offset = offsetof(struct pixel_calibration, correction.gain_sigma) },
    { .name = "correction_noise_share", .units = "", .offset = offsetof(struct pixel_calibration, correction.noise_share) },
};

static double field(const void *row, size_t offset) { return *(const double *)(const void *)((const char *)row + offset); }

/* What every matrix of the group needs; `values` holds the largest of them. */
struct sheet {
    struct archive *a;
    hid_t group;
    const struct calibration_table *t;
    size_t most_anchors, most_fits;
    double *values;
};

static void measure(struct sheet *s) {
    for (uint32_t p = 0; p < s->t->n_pixels; p++) {
        size_t anchors = anchors_of(&s->t->pixels[p]).n, fits = s->t->pixels[p].n_fits;
        s->most_anchors = anchors > s->most_anchors ? anchors : s->most_anchors;
        s->most_fits = fits > s->most_fits ? fits : s->most_fits;
    }
}

static void write_values(const struct sheet *s, const char *name, const char *units, uint64_t columns, uint64_t depth) {
    unsigned rank = depth ? 3 : columns ? 2 : 1;
    h5_file_array(s->a->file, s->group, &(struct data_array){ .name = name, .type = ARRAY_F8, .rank = rank, .shape = { s->t->n_pixels, columns, depth },
                                                              .units = units, .data = s->values });
}

static void write_anchors(const struct sheet *s) {
    size_t most = s->most_anchors;
    for (size_t c = 0; c < sizeof anchor_columns / sizeof *anchor_columns && most; c++) {
        for (uint32_t p = 0; p < s->t->n_pixels; p++) {
            struct anchors a = anchors_of(&s->t->pixels[p]);
            for (size_t k = 0; k < most; k++)
                s->values[p * most + k] = k < a.n ? anchor_columns[c].value(&a, k) : (double)NAN;
        }
        write_values(s, anchor_columns[c].name, anchor_columns[c].units, most, 0);
    }
}

static void write_covariance(const struct sheet *s) {
    size_t most = s->most_anchors;
    if (!most)
        return;
    for (uint32_t p = 0; p < s->t->n_pixels; p++) {
        struct anchors a = anchors_of(&s->t->pixels[p]);
        double *to = s->values + p * most * most;
        for (size_t k = 0; k < most * most; k++)
            to[k] = k / most < a.n && k % most < a.n ? a.covariance[k / most * a.n + k % most] : (double)NAN;
    }
    write_values(s, "gain_covariance", "(arb/eV)^2", most, most);
}

/* Energies from a bit below the lowest anchor of the line table to a bit above the highest, as far as a curve is trusted at all, and so the
 * same in every part of an array; NaN: no anchors. */
enum { GRID = 61 };

static void grid_of(const struct calibration_table *t, double energy_eV[GRID]) {
    double low = INFINITY, high = -INFINITY;
    for (uint32_t k = 0; k < t->n_lines; k++)
        if (t->lines[k].anchor) {
            low = fmin(low, t->lines[k].energy_eV);
            high = fmax(high, t->lines[k].energy_eV);
        }
    for (int k = 0; k < GRID; k++)
        energy_eV[k] = low < high ? 0.7 * low + (1.13 * high - 0.7 * low) * k / (GRID - 1) : (double)NAN;
}

/* What energies of each pixel are worth: by its own fits, and by the line table, whose part pixels share. */
static void write_sigmas(const struct sheet *s) {
    double energy_eV[GRID];
    grid_of(s->t, energy_eV);
    h5_file_array(s->a->file, s->group, &(struct data_array){ .name = "sigma_energy_eV", .type = ARRAY_F8, .rank = 1, .shape = { GRID }, .units = "eV",
                                                              .long_name = "energies at which the errors of the curves are told", .data = energy_eV });
    for (int common = 0; common < 2; common++) {
        for (uint32_t p = 0; p < s->t->n_pixels; p++)
            for (int k = 0; k < GRID; k++) {
                const struct calibration_curve *curve = s->t->pixels[p].curve;
                struct energy_sigma own = curve ? calibration_sigma_of(curve, energy_eV[k]) : (struct energy_sigma){ NAN, NAN, NAN, 0 };
                s->values[p * GRID + (size_t)k] = common ? own.common_eV : own.pixel_eV;
            }
        write_values(s, common ? "curve_common_sigma_eV" : "curve_sigma_eV", "eV", GRID, 0);
    }
}

/* How each pixel's own peaks could be assigned, best first: for whoever doubts the assignment. Padded with NaN. */
static void write_choices(const struct sheet *s) {
    static const struct { const char *name, *units; size_t offset; } columns[] = {
        { .name = "assignment_score", .units = "", .offset = offsetof(struct line_match, score) },
        { .name = "assignment_margin_to_next", .units = "", .offset = offsetof(struct line_match, margin) },
        { .name = "assignment_rms_eV", .units = "eV", .offset = offsetof(struct line_match, rms_eV) },
    };
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
        for (uint32_t p = 0; p < s->t->n_pixels; p++)
            for (uint32_t k = 0; k < MATCH_KEPT; k++)
                s->values[p * MATCH_KEPT + k] = k < s->t->pixels[p].n_choices ? field(&s->t->pixels[p].choices[k], columns[c].offset) : (double)NAN;
        write_values(s, columns[c].name, columns[c].units, MATCH_KEPT, 0);
    }
    for (int height = 0; height < 2; height++) {
        for (uint32_t p = 0; p < s->t->n_pixels; p++)
            for (uint32_t k = 0; k < MATCH_KEPT * MATCH_MAX_LINES; k++) {
                const struct line_match *m = &s->t->pixels[p].choices[k / MATCH_MAX_LINES];
                uint32_t l = k % MATCH_MAX_LINES;
                bool there = k / MATCH_MAX_LINES < s->t->pixels[p].n_choices && l < m->n && m->line[l] < s->t->n_lines;
                double value = !there ? (double)NAN : height ? m->height[l] : s->t->lines[m->line[l]].energy_eV;
                s->values[(size_t)p * MATCH_KEPT * MATCH_MAX_LINES + k] = value;
            }
        write_values(s, height ? "assignment_height" : "assignment_energy_eV", height ? "arb" : "eV", MATCH_KEPT, MATCH_MAX_LINES);
    }
}

static void write_fit_names(const struct sheet *s) {
    size_t most = s->most_fits, n = s->t->n_pixels;
    const char **lines = calloc(n * most + 1, sizeof *lines);
    uint8_t *used = calloc(n * most + 1, 1);
    if (lines && used) {
        for (size_t p = 0; p < n; p++)
            for (size_t k = 0; k < s->t->pixels[p].n_fits; k++) {
                lines[p * most + k] = s->t->pixels[p].fits[k].line;
                used[p * most + k] = s->t->pixels[p].fits[k].used;
            }
        h5_file_texts(s->a->file, s->group, "line", lines, n, most);
        h5_file_array(s->a->file, s->group, &(struct data_array){ .name = "line_used", .type = ARRAY_U1, .rank = 2, .shape = { n, most },
                                                                  .long_name = "1: carries the curve; 0: only compared", .data = used });
    } else {
        h5_file_fail(s->a->file, "line", "out of memory");
    }
    free(lines);
    free(used);
}

static void write_fits(const struct sheet *s) {
    size_t most = s->most_fits;
    if (!most)
        return;
    write_fit_names(s);
    for (size_t c = 0; c < sizeof fit_columns / sizeof *fit_columns; c++) {
        for (uint32_t p = 0; p < s->t->n_pixels; p++)
            for (size_t k = 0; k < most; k++)
                s->values[p * most + k] = k < s->t->pixels[p].n_fits ? field(&s->t->pixels[p].fits[k], fit_columns[c].offset) : (double)NAN;
        write_values(s, fit_columns[c].name, fit_columns[c].units, most, 0);
    }
}

static void write_verdicts(const struct sheet *s) {
    size_t n = s->t->n_pixels;
    const char **texts = calloc(3 * n + 1, sizeof *texts);
    uint8_t *jumped = calloc(n + 1, 1);
    uint32_t *rank = calloc(n + 1, sizeof *rank);
    if (texts && jumped && rank) {
        for (size_t p = 0; p < n; p++) {
            rank[p] = s->t->pixels[p].rank;
            texts[p] = verdict_names[s->t->pixels[p].verdict];
            texts[n + p] = s->t->pixels[p].reason;
            texts[2 * n + p] = assigned_by_names[s->t->pixels[p].assigned_by];
            jumped[p] = s->t->pixels[p].jumped;
        }
        h5_file_texts(s->a->file, s->group, "verdict", texts, n, 0);
        h5_file_texts(s->a->file, s->group, "reason", texts + n, n, 0);
        h5_file_texts(s->a->file, s->group, "assigned_by", texts + 2 * n, n, 0);
        h5_file_array(s->a->file, s->group, &(struct data_array){ .name = "jumped", .type = ARRAY_U1, .rank = 1, .shape = { n }, .data = jumped });
        h5_file_array(s->a->file, s->group, &(struct data_array){ .name = "rank", .type = ARRAY_U4, .rank = 1, .shape = { n },
                                                                  .long_name = "1: best resolution; 0: no curve, or not known", .data = rank });
    } else {
        h5_file_fail(s->a->file, "verdict", "out of memory");
    }
    free(texts);
    free(jumped);
    free(rank);
}

static void write_pixels(const struct sheet *s) {
    write_verdicts(s);
    for (size_t c = 0; c < sizeof pixel_columns / sizeof *pixel_columns; c++) {
        for (uint32_t p = 0; p < s->t->n_pixels; p++)
            s->values[p] = field(&s->t->pixels[p], pixel_columns[c].offset);
        write_values(s, pixel_columns[c].name, pixel_columns[c].units, 0, 0);
    }
}

/* Gains and references, pixel by term. Times of steps are the array's: those of the pixel that has most. */
static void write_correction(const struct sheet *s) {
    const struct height_correction *most = NULL;
    for (size_t what = 0; what < 2; what++) {
        for (uint32_t p = 0; p < s->t->n_pixels; p++) {
            const struct height_correction *c = &s->t->pixels[p].correction;
            memcpy(s->values + (size_t)p * N_CORRECTION_TERMS, what ? c->reference : c->gain, sizeof c->gain);
            most = most == NULL || c->n_steps > most->n_steps ? c : most;
        }
        write_values(s, what ? "correction_reference" : "correction_gain", NULL, N_CORRECTION_TERMS, 0);
    }
    h5_file_texts(s->a->file, s->group, "correction_term", correction_term_names, N_CORRECTION_TERMS, 0);
    if (most != NULL && most->n_steps > 0)
        h5_file_array(s->a->file, s->group, &(struct data_array){ .name = "gain_step_time_ns", .type = ARRAY_I8, .rank = 1, .shape = { most->n_steps },
                                                                  .units = "ns", .data = most->step_time_ns });
}

static void write_table_lines(const struct sheet *s) {
    double values[CURVE_MAX_ANCHORS];
    const char *names[CURVE_MAX_ANCHORS];
    uint32_t n = s->t->n_lines, pixels[CURVE_MAX_ANCHORS];
    for (uint32_t k = 0; k < n; k++) {
        names[k] = s->t->lines[k].line;
        pixels[k] = s->t->lines[k].n;
    }
    if (n == 0)
        return;
    h5_file_texts(s->a->file, s->group, "table_line", names, n, 0);
    h5_file_array(s->a->file, s->group, &(struct data_array){ .name = "table_line_pixels", .type = ARRAY_U4, .rank = 1, .shape = { n },
                                                              .long_name = "pixels in which the line was found", .data = pixels });
    for (size_t c = 0; c < sizeof table_line_columns / sizeof *table_line_columns; c++) {
        for (uint32_t k = 0; k < n; k++)
            values[k] = field(&s->t->lines[k], table_line_columns[c].offset);
        h5_file_array(s->a->file, s->group, &(struct data_array){ .name = table_line_columns[c].name, .type = ARRAY_F8, .rank = 1, .shape = { n },
                                                                  .units = table_line_columns[c].units, .data = values });
    }
}

static void write_header(const struct sheet *s, const char *state_text) {
    char id[CALIBRATION_ID_TEXT];
    calibration_id_of_table(s->t, id);
    h5_file_text(s->a->file, s->group, "id", id);
    h5_file_text(s->a->file, s->group, "label", s->t->label);
    h5_file_text(s->a->file, s->group, "state", state_text);
    h5_file_text(s->a->file, s->group, "line_table_name", s->t->line_table_name);
    h5_file_text(s->a->file, s->group, "line_table_text", s->t->line_table_text);
    archive_integer(s->a, s->group, "number", NULL, s->t->number);
    archive_integer(s->a, s->group, "start_ns", "ns", s->t->start_ns);
    archive_integer(s->a, s->group, "end_ns", "ns", s->t->end_ns);
    archive_integer(s->a, s->group, "reference_pixel", NULL, s->t->reference_pixel == UINT32_MAX ? -1 : (int64_t)s->t->reference_pixel);
    archive_number(s->a, s->group, "mono_eV", "eV", s->t->mono_eV);
    archive_number(s->a, s->group, "typical_resolution_eV", "eV", s->t->resolution_eV);
    archive_integer(s->a, s->group, "template_pixels", NULL, s->t->template_pixels);
    archive_number(s->a, s->group, "template_margin", NULL, s->t->template_margin);
    archive_number(s->a, s->group, "tail_fraction", NULL, s->t->tail.fraction);
    archive_number(s->a, s->group, "tail_length_eV", "eV", s->t->tail.length_eV);
    h5_file_text(s->a->file, s->group, "remark", s->t->remark);
    write_table_lines(s);
}

bool archive_calibration(struct archive *a, const struct calibration_table *table, const char *state_text) {
    char name[32];
    snprintf(name, sizeof name, "calibration_%04d", table->number);
    struct sheet s = { .a = a, .t = table };
    measure(&s);
    size_t widest = s.most_anchors * s.most_anchors > s.most_fits ? s.most_anchors * s.most_anchors : s.most_fits;
    enum { LEAST = GRID > MATCH_KEPT * MATCH_MAX_LINES ? GRID : MATCH_KEPT * MATCH_MAX_LINES };
    widest = widest > LEAST ? widest : LEAST;
    widest = widest > N_CORRECTION_TERMS ? widest : N_CORRECTION_TERMS;
    s.values = calloc(table->n_pixels * (widest + 1) + 1, sizeof *s.values);
    if (!s.values) {
        h5_file_fail(a->file, name, "out of memory");
        return false;
    }
    s.group = h5_file_group(a->file, a->entry, name, "NXprocess");
    write_header(&s, state_text);
    write_pixels(&s);
    write_correction(&s);
    write_anchors(&s);
    write_covariance(&s);
    write_sigmas(&s);
    write_fits(&s);
    write_choices(&s);
    h5_file_close_group(s.group);
    free(s.values);
    return !a->file->failed;
}
