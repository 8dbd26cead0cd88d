#include "daemon/sink/report_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/json_value.h"
#include "daemon/sink/report_fit.h"
#include "daemon/sink/report_series.h"
#include "daemon/version.h"

enum { CURVE_SAMPLES = 96 };

static const double CURVE_FROM = 0.75, CURVE_TO = 1.1;   /* of the outermost anchors' heights */
static const double MODEL_QUANTUM = 1.0 / 2000;          /* of a model's highest bin */

/* In the order of the rows that fit_row makes. */
static const char *const fit_columns[] = { "line", "energy_eV", "unc_eV", "height", "sigma_eV", "fwhm_eV", "fwhm_sigma_eV", "counts", "deviance",
                                           "residual_eV", "used", "window_eV", "bin_eV", "observed", "quantum", "expected", "background" };

/* Any failure (there is but memory) is remembered and spoils the whole. */
struct document { bool failed; };

static void put(struct document *d, json_t *object, const char *key, json_t *value) {
    d->failed |= !value || json_object_set_new(object, key, value) != 0;
}

static void append(struct document *d, json_t *array, json_t *value) {
    d->failed |= !value || json_array_append_new(array, value) != 0;
}

/* Seven digits are more than any of these numbers is known to. */
static json_t *number(double x) {
    char text[32];
    snprintf(text, sizeof text, "%.7g", x);
    return json_value_number(isfinite(x) ? strtod(text, NULL) : x);
}

static json_t *short_number(double x) {
    char text[32];
    snprintf(text, sizeof text, "%.4g", x);
    return json_value_number(isfinite(x) ? strtod(text, NULL) : x);
}

static json_t *series(const double *values, size_t n) {
    char *text = report_series_pack(values, n);
    json_t *j = text ? json_string(text) : NULL;
    free(text);
    return j;
}

static json_t *iso_time(int64_t ns) {
    char text[40] = "";
    time_t s = (time_t)(ns / 1000000000);
    struct tm utc;
    if (ns > 0 && gmtime_r(&s, &utc))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return json_string(text);
}

/* ---- one pixel in one calibration ---- */

static void append_window(struct document *d, json_t *row, const struct anchor_fit *f, const struct line_table *lines, const struct spectrum *observed) {
    struct report_model model;
    double quantum = 0;
    if (!observed || !lines || report_fit_model(f, lines, &model) != STATUS_OK || model.n != observed->n)
        return;
    for (size_t i = 0; i < model.n; i++)
        quantum = fmax(quantum, MODEL_QUANTUM * model.expected[i]);
    if (!(quantum > 0))
        return;
    for (size_t i = 0; i < model.n; i++)
        model.expected[i] /= quantum;
    append(d, row, number((f->window_low - f->height) * f->eV_per_unit));
    append(d, row, number(f->window_bin * f->eV_per_unit));
    append(d, row, series(observed->counts, observed->n));
    append(d, row, number(quantum));
    append(d, row, series(model.expected, model.n));
    append(d, row, short_number(model.background));
}

static json_t *fit_row(struct document *d, const struct anchor_fit *f, const struct calibration_curve *curve, const struct line_table *lines,
                       const struct spectrum *observed) {
    json_t *row = json_array();
    double slope = curve ? calibration_curve_slope(curve, f->height) : f->eV_per_unit;
    append(d, row, json_value_text(f->line));
    append(d, row, number(f->energy_eV));
    append(d, row, short_number(f->energy_unc_eV));
    append(d, row, number(f->height));
    append(d, row, short_number(f->height_sigma * slope));
    append(d, row, short_number(f->fwhm_eV));
    append(d, row, short_number(f->fwhm_sigma_eV));
    append(d, row, short_number(f->counts));
    append(d, row, short_number(f->deviance_per_dof));
    append(d, row, short_number(f->residual_eV));
    append(d, row, json_integer(f->used));
    append_window(d, row, f, lines, observed);
    return row;
}

static json_t *curve_samples(struct document *d, const struct calibration_curve *c) {
    const struct curve_anchor *anchors;
    size_t n = calibration_curve_anchors(c, &anchors);
    double low = CURVE_FROM * anchors[0].height, step = (CURVE_TO * anchors[n - 1].height - low) / (CURVE_SAMPLES - 1);
    double energy[CURVE_SAMPLES], sigma[CURVE_SAMPLES], common[CURVE_SAMPLES];
    for (size_t i = 0; i < CURVE_SAMPLES; i++) {
        struct curve_value v = calibration_curve_value(c, (float)(low + step * (double)i));
        energy[i] = (double)v.energy_eV * 1e3;
        sigma[i] = (double)v.sigma_eV * 1e4;
        common[i] = (double)v.common_sigma_eV * 1e4;
    }
    json_t *o = json_object();
    put(d, o, "low", number(low));
    put(d, o, "step", number(step));
    put(d, o, "energy", series(energy, CURVE_SAMPLES));
    put(d, o, "sigma", series(sigma, CURVE_SAMPLES));
    put(d, o, "common", series(common, CURVE_SAMPLES));
    return o;
}

static void put_heights(struct document *d, json_t *o, const struct report_pixel *own) {
    if (own->spectrum) {
        json_t *spectrum = json_object();
        put(d, spectrum, "low", number(own->spectrum->low));
        put(d, spectrum, "width", number(own->spectrum->width));
        put(d, spectrum, "counts", series(own->spectrum->counts, own->spectrum->n));
        put(d, o, "spectrum", spectrum);
    }
    if (own->n_slices > 0) {
        json_t *slices = json_array();
        for (size_t k = 0; k < own->n_slices; k++)
            append(d, slices, json_pack("[o,o]", short_number(own->slices[k].offset_eV), short_number(own->slices[k].sigma_eV)));
        put(d, o, "slices", slices);
    }
}

/* Each: score, rms in eV, then line index and height in turn. */
static json_t *choice_rows(struct document *d, const struct pixel_calibration *p) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < p->n_choices; i++) {
        const struct line_match *m = &p->choices[i];
        json_t *row = json_array();
        append(d, row, short_number(m->score));
        append(d, row, short_number(m->rms_eV));
        for (size_t k = 0; k < m->n; k++) {
            append(d, row, json_integer((json_int_t)m->line[k]));
            append(d, row, number(m->height[k]));
        }
        append(d, list, row);
    }
    return list;
}

static json_t *pixel_object(struct document *d, const struct pixel_calibration *p, const struct line_table *lines, const struct report_pixel *own) {
    json_t *o = json_object(), *fits = json_array();
    put(d, o, "v", json_integer((json_int_t)p->verdict));
    put(d, o, "reason", json_value_text(p->reason));
    put(d, o, "pulses", number(p->pulses));
    put(d, o, "resolution_eV", short_number(p->resolution_eV));
    put(d, o, "resolution_sigma_eV", short_number(p->resolution_sigma_eV));
    put(d, o, "rank", json_integer(p->rank));
    put(d, o, "step", short_number(p->step));
    put(d, o, "drift", short_number(p->correction.gain[TERM_BASELINE]));
    put(d, o, "drift_reference", number(p->correction.reference[TERM_BASELINE]));
    put(d, o, "jump", short_number(p->jump));
    put(d, o, "jumped", json_integer(p->jumped));
    put(d, o, "by", json_string(assigned_by_names[p->assigned_by]));
    put(d, o, "margin", short_number(p->margin));
    put(d, o, "choices", choice_rows(d, p));
    for (uint32_t k = 0; k < p->n_fits; k++)
        append(d, fits, fit_row(d, &p->fits[k], p->curve, lines, own ? own->windows[k] : NULL));
    put(d, o, "fits", fits);
    if (p->curve)
        put(d, o, "curve", curve_samples(d, p->curve));
    if (own)
        put_heights(d, o, own);
    return o;
}

/* ---- one calibration ---- */

static json_t *line_objects(struct document *d, const struct line_table *lines) {
    static const char *const uses[] = { [LINE_OFF] = "off", [LINE_CHECK] = "check", [LINE_ANCHOR] = "anchor" };
    json_t *list = json_array();
    for (size_t i = 0; lines && i < lines->n; i++) {
        json_t *o = json_object();
        put(d, o, "name", json_value_text(lines->lines[i].name));
        put(d, o, "energy_eV", number(lines->lines[i].energy_eV));
        put(d, o, "unc_eV", short_number(lines->lines[i].unc_eV));
        put(d, o, "use", json_string(uses[lines->lines[i].use]));
        append(d, list, o);
    }
    return list;
}

/* Lines whose energy in the table seems to be wrong, and how far. */
static json_t *table_faults(struct document *d, const struct calibration_table *t) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < t->n_lines; i++)
        if (fabs(t->lines[i].fault_eV) > 0)
            append(d, list, json_pack("[o,o]", json_value_text(t->lines[i].line), short_number(t->lines[i].fault_eV)));
    return list;
}

static json_t *line_names(struct document *d, const struct calibration_table *t) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < t->n_lines; i++)
        append(d, list, json_value_text(t->lines[i].line));
    return list;
}

static json_t *table_object(struct document *d, const struct array_model *m, size_t k, const struct report_spectra *spectra) {
    const struct calibration_table *t = m->tables[k];
    struct line_table *lines = NULL;
    const char *text = t->line_table_text ? t->line_table_text : "";
    if (line_table_parse(t->line_table_name, (const uint8_t *)text, strlen(text), &lines, NULL) != STATUS_OK)
        lines = NULL;
    json_t *o = json_object(), *pixels = json_array();
    put(d, o, "label", json_value_text(t->label));
    put(d, o, "number", json_integer(t->number));
    put(d, o, "start", iso_time(t->start_ns));
    put(d, o, "end", iso_time(t->end_ns));
    put(d, o, "mono_eV", number(t->mono_eV));
    put(d, o, "line_table", json_value_text(t->line_table_name));
    put(d, o, "line_text", json_value_text(text));
    put(d, o, "reference", t->reference_pixel < m->n_channels ? json_integer(m->channels[t->reference_pixel].channel) : json_null());
    put(d, o, "template_pixels", json_integer(t->template_pixels));
    put(d, o, "template_margin", short_number(t->template_margin));
    put(d, o, "tail", json_pack("[o,o]", short_number(t->tail.fraction), short_number(t->tail.length_eV)));
    put(d, o, "line_names", line_names(d, t));
    put(d, o, "remark", json_value_text(t->remark));
    put(d, o, "faults", table_faults(d, t));
    put(d, o, "lines", line_objects(d, lines));
    for (uint32_t i = 0; i < t->n_pixels; i++)
        append(d, pixels, pixel_object(d, &t->pixels[i], lines, report_spectra_of(spectra, k, i)));
    put(d, o, "pixels", pixels);
    line_table_free(lines);
    return o;
}

/* ---- the whole ---- */

static json_t *channel_object(struct document *d, const struct array_model *m, size_t i) {
    struct array_verdict v = array_model_verdict(m, i);
    json_t *o = json_object();
    put(d, o, "channel", json_integer(m->channels[i].channel));
    put(d, o, "name", json_value_text(m->channels[i].name));
    put(d, o, "verdict", json_string(v.verdict));
    put(d, o, "reason", json_value_text(v.reason));
    put(d, o, "note", json_value_text(m->channels[i].reason));
    put(d, o, "trained", json_integer((json_int_t)m->channels[i].learning.pulse_records));
    return o;
}

static json_t *texts(struct document *d, const char *const *names, size_t n) {
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        append(d, list, json_string(names[i]));
    return list;
}

static json_t *whole(struct document *d, const struct report_facts *facts, const struct array_model *m, const struct report_spectra *spectra) {
    json_t *o = json_object(), *channels = json_array(), *tables = json_array();
    put(d, o, "program", json_string(version_text));
    put(d, o, "title", json_value_text(facts->title));
    put(d, o, "command", json_value_text(facts->command_line));
    put(d, o, "source", json_value_text(facts->source));
    put(d, o, "verdicts", texts(d, verdict_names, N_VERDICTS));
    put(d, o, "fit_columns", texts(d, fit_columns, sizeof fit_columns / sizeof *fit_columns));
    for (size_t i = 0; i < m->n_channels; i++)
        append(d, channels, channel_object(d, m, i));
    put(d, o, "channels", channels);
    for (size_t k = 0; k < m->n_tables; k++)
        append(d, tables, table_object(d, m, k, spectra));
    put(d, o, "tables", tables);
    return o;
}

/* In JSON these three stand only inside strings, where \u00xx means the same. */
static char *escape(const char *json) {
    size_t n = 1;
    for (const char *c = json; *c; c++)
        n += strchr("<>&", *c) ? 6 : 1;
    char *text = malloc(n), *end = text;
    for (const char *c = json; text && *c; c++)
        if (strchr("<>&", *c))
            end += sprintf(end, "\\u%04x", (unsigned)*c);
        else
            *end++ = *c;
    if (text)
        *end = '\0';
    return text;
}

char *report_data_text(const struct report_facts *facts, const struct array_model *m, const struct report_spectra *spectra) {
    struct document d = { false };
    json_t *o = whole(&d, facts, m, spectra);
    char *json = d.failed ? NULL : json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(7));
    char *text = json ? escape(json) : NULL;
    free(json);
    json_decref(o);
    return text;
}
