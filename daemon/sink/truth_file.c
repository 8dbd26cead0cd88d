#include "daemon/sink/truth_file.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/h5_file.h"

enum { CHUNK_ROWS = 16384 };

enum photon_column {
    COLUMN_TIME, COLUMN_PIXEL, COLUMN_ENERGY, COLUMN_KIND, COLUMN_SCAN, COLUMN_POINT, COLUMN_PHASE, COLUMN_INCIDENT, COLUMN_FATE, COLUMN_RECORD,
    COLUMN_FRAME, COLUMN_STAMP, N_COLUMNS
};

static const struct data_array columns[N_COLUMNS] = {
    [COLUMN_TIME] = {.name = "time_ns", .type = ARRAY_I8, .units = "ns", .long_name = "true arrival since 1970 UTC"},
    [COLUMN_PIXEL] = {.name = "pixel", .type = ARRAY_U2},
    [COLUMN_ENERGY] = {.name = "energy_eV", .type = ARRAY_F8, .units = "eV", .long_name = "deposited energy"},
    [COLUMN_KIND] = {.name = "kind", .type = ARRAY_U1},
    [COLUMN_SCAN] = {.name = "scan", .type = ARRAY_I4},
    [COLUMN_POINT] = {.name = "point", .type = ARRAY_I4},
    [COLUMN_PHASE] = {.name = "phase", .type = ARRAY_U1},
    [COLUMN_INCIDENT] = {.name = "incident_eV", .type = ARRAY_F8, .units = "eV"},
    [COLUMN_FATE] = {.name = "fate", .type = ARRAY_U1},
    [COLUMN_RECORD] = {.name = "record", .type = ARRAY_I8},
    [COLUMN_FRAME] = {.name = "frame", .type = ARRAY_I8},
    [COLUMN_STAMP] = {.name = "stamp_ns", .type = ARRAY_I8, .units = "ns"},
};

/* What is known of a pixel once it has been simulated. */
struct truth_counts { uint64_t records, fault_records, noise_pulses, photons; double limit_fwhm_eV[BEAMTIME_LIMITS]; };

struct truth_file {
    struct h5_file *file;
    const struct beamtime_writer *w;
    hid_t photons, column[N_COLUMNS];
    uint64_t rows;
    uint32_t n_pixels;
    struct truth_counts *counts;
};

/* Fields of an array of structs as one dataset: row i has `n` values at base + i x stride + offset. */
struct field { const char *name, *units; size_t offset, n; enum array_type type; };

static void write_field(struct h5_file *f, hid_t group, const struct field *field, const void *base, size_t stride, size_t rows) {
    const size_t bytes = array_type_size(field->type) * field->n;
    uint8_t *values = malloc(rows * bytes + 1);
    if (values == NULL) {
        h5_file_fail(f, field->name, "out of memory");
        return;
    }
    for (size_t i = 0; i < rows; i++)
        memcpy(values + i * bytes, (const uint8_t *)base + i * stride + field->offset, bytes);
    const struct data_array a = {.name = field->name, .type = field->type, .rank = field->n > 1 ? 2 : 1, .shape = {rows, field->n}, .units = field->units, .data = values};
    h5_file_array(f, group, &a);
    free(values);
}

static void write_fields(struct h5_file *f, hid_t group, const struct field *fields, size_t n, const void *base, size_t stride, size_t rows) {
    for (size_t i = 0; i < n; i++)
        write_field(f, group, &fields[i], base, stride, rows);
}

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static void write_number(struct h5_file *f, hid_t group, const char *name, const char *units, double value) {
    h5_file_array(f, group, &(struct data_array){.name = name, .type = ARRAY_F8, .units = units, .data = &value});
}

static void write_settings(struct truth_file *t) {
    const struct beamtime_settings *s = &t->w->plan->settings;
    const hid_t group = h5_file_group(t->file, t->file->id, "settings", "NXcollection");
    write_number(t->file, group, "seed", "", (double)t->w->seed);
    write_number(t->file, group, "sample_period_s", "s", t->w->period_s);
    write_number(t->file, group, "n_samples", "", t->w->n_samples);
    write_number(t->file, group, "n_presamples", "", t->w->n_presamples);
    write_number(t->file, group, "rate_Hz", "Hz", s->rate_Hz);
    write_number(t->file, group, "flux_step", "", s->flux_step);
    write_number(t->file, group, "mono_eV", "eV", s->mono_eV);
    write_number(t->file, group, "stamp_jitter_s", "s", t->w->stamp_jitter_s);
    h5_file_text(t->file, group, "trigger", t->w->trigger == TRIGGER_EDGE ? "edge" : "edge-multi");
    const int64_t span[] = {t->w->noise_start_ns, s->start_ns, t->w->plan->end_ns};
    h5_file_array(t->file, group, &(struct data_array){.name = "noise_start_end_ns", .type = ARRAY_I8, .rank = 1, .shape = {3}, .units = "ns", .data = span});
    h5_file_close_group(group);
}

static void write_feature(struct truth_file *t) {
    const struct beamtime_settings *s = &t->w->plan->settings;
    const char *names[BEAMTIME_MAX_CONDITIONS];
    for (uint32_t i = 0; i < s->n_conditions; i++)
        names[i] = s->conditions[i];
    const hid_t group = h5_file_group(t->file, t->file->id, "feature", "NXcollection");
    write_number(t->file, group, "incident_eV", "eV", rixs_feature_shape.incident_eV);
    write_number(t->file, group, "incident_sd_eV", "eV", rixs_feature_shape.incident_sd_eV);
    write_number(t->file, group, "emission_eV", "eV", rixs_feature_shape.emission_eV);
    write_number(t->file, group, "emission_fwhm_eV", "eV", rixs_feature_shape.emission_fwhm_eV);
    h5_file_texts(t->file, group, "conditions", names, s->n_conditions, 0);
    h5_file_array(t->file, group, &(struct data_array){.name = "strength", .type = ARRAY_F8, .rank = 1, .shape = {s->n_conditions}, .units = "",
                                                       .long_name = "share of the O K fluorescence at its top", .data = s->feature_strength});
    h5_file_close_group(group);
}

static void write_mix(struct truth_file *t) {
    static const struct field fields[] = {
        {"centre_eV", "eV", offsetof(struct emission_component, centre_eV), 1, ARRAY_F8},
        {"lorentz_fwhm_eV", "eV", offsetof(struct emission_component, lorentz_fwhm_eV), 1, ARRAY_F8},
        {"gauss_fwhm_eV", "eV", offsetof(struct emission_component, gauss_fwhm_eV), 1, ARRAY_F8},
        {"intensity", "", offsetof(struct emission_component, intensity), 1, ARRAY_F8},
        {"kind", NULL, offsetof(struct emission_component, kind), 1, ARRAY_I4},
    };
    const struct emission_model *mix = &t->w->plan->models[0];
    const hid_t group = h5_file_group(t->file, t->file->id, "calibration_mix", "NXcollection");
    write_fields(t->file, group, fields, COUNT(fields), mix->components, sizeof mix->components[0], mix->n);
    h5_file_member_texts(t->file, group, "kind", "kind_names", emission_kind_names, N_EMISSION_KINDS);
    h5_file_close_group(group);
}

struct scan_row { uint32_t number, repeat, n_points, first_row; uint8_t calibration; int64_t start_ns, end_ns; double temperature_K; };

static void write_scan_texts(struct truth_file *t, hid_t group) {
    const struct beamtime_sim *b = t->w->plan;
    const char **texts = calloc(2 * b->n_scans + 1, sizeof *texts);
    if (texts == NULL) {
        h5_file_fail(t->file, "scans", "out of memory");
        return;
    }
    for (size_t i = 0; i < b->n_scans; i++) {
        texts[i] = b->scans[i].calibration ? "" : b->settings.edges[b->scans[i].edge]->name;
        texts[b->n_scans + i] = b->scans[i].calibration ? "mixv1" : b->settings.conditions[b->scans[i].condition];
    }
    h5_file_texts(t->file, group, "edge", texts, b->n_scans, 0);
    h5_file_texts(t->file, group, "sample", texts + b->n_scans, b->n_scans, 0);
    free(texts);
}

static void write_scans(struct truth_file *t) {
    static const struct field fields[] = {
        {"number", NULL, offsetof(struct scan_row, number), 1, ARRAY_U4},
        {"repeat", NULL, offsetof(struct scan_row, repeat), 1, ARRAY_U4},
        {"n_points", NULL, offsetof(struct scan_row, n_points), 1, ARRAY_U4},
        {"first_row", NULL, offsetof(struct scan_row, first_row), 1, ARRAY_U4},
        {"calibration", NULL, offsetof(struct scan_row, calibration), 1, ARRAY_U1},
        {"start_ns", "ns", offsetof(struct scan_row, start_ns), 1, ARRAY_I8},
        {"end_ns", "ns", offsetof(struct scan_row, end_ns), 1, ARRAY_I8},
        {"temperature_K", "K", offsetof(struct scan_row, temperature_K), 1, ARRAY_F8},
    };
    const struct beamtime_sim *b = t->w->plan;
    struct scan_row *rows = calloc(b->n_scans + 1, sizeof *rows);
    if (rows == NULL) {
        h5_file_fail(t->file, "scans", "out of memory");
        return;
    }
    uint32_t first = 0;
    for (size_t i = 0; i < b->n_scans; first += b->scans[i++].n_points)
        rows[i] = (struct scan_row){b->scans[i].number, b->scans[i].repeat, b->scans[i].n_points, first, b->scans[i].calibration, b->scans[i].start_ns, b->scans[i].end_ns,
                                    b->scans[i].temperature_K};
    const hid_t group = h5_file_group(t->file, t->file->id, "scans", "NXcollection");
    write_fields(t->file, group, fields, COUNT(fields), rows, sizeof *rows, b->n_scans);
    write_scan_texts(t, group);
    h5_file_close_group(group);
    free(rows);
}

struct point_row { uint32_t scan; int64_t start_ns, end_ns; double incident_eV, i0, i0_sigma, expected_photons[N_EMISSION_KINDS]; };

static struct point_row point_row(const struct beamtime_sim *b, const struct beam_scan *scan, uint32_t p) {
    const struct beam_stretch *s = beamtime_sim_point(b, scan, p);
    const struct emission_model *m = &b->models[s->model];
    struct point_row row = {.scan = scan->number, .start_ns = s->start_ns, .end_ns = s->end_ns, .incident_eV = s->incident_eV, .i0 = s->i0, .i0_sigma = s->i0_sigma};
    for (int k = 0; k < N_EMISSION_KINDS; k++)
        row.expected_photons[k] = s->rate_Hz * (double)(s->end_ns - s->start_ns) * 1e-9 * emission_model_total(m, (enum emission_kind)k) / m->total;
    return row;
}

static void write_points(struct truth_file *t) {
    static const struct field fields[] = {
        {"scan", NULL, offsetof(struct point_row, scan), 1, ARRAY_U4},
        {"start_ns", "ns", offsetof(struct point_row, start_ns), 1, ARRAY_I8},
        {"end_ns", "ns", offsetof(struct point_row, end_ns), 1, ARRAY_I8},
        {"incident_eV", "eV", offsetof(struct point_row, incident_eV), 1, ARRAY_F8},
        {"i0", "nA", offsetof(struct point_row, i0), 1, ARRAY_F8},
        {"i0_sigma", "nA", offsetof(struct point_row, i0_sigma), 1, ARRAY_F8},
        {"expected_photons", "", offsetof(struct point_row, expected_photons), N_EMISSION_KINDS, ARRAY_F8},
    };
    const struct beamtime_sim *b = t->w->plan;
    struct point_row *rows = calloc(b->n_stretches + 1, sizeof *rows);
    if (rows == NULL) {
        h5_file_fail(t->file, "points", "out of memory");
        return;
    }
    size_t n = 0;
    for (size_t i = 0; i < b->n_scans; i++)
        for (uint32_t p = 0; p < b->scans[i].n_points; p++)
            rows[n++] = point_row(b, &b->scans[i], p);
    const hid_t group = h5_file_group(t->file, t->file->id, "points", "NXcollection");
    write_fields(t->file, group, fields, COUNT(fields), rows, sizeof *rows, n);
    h5_file_member_texts(t->file, group, "expected_photons", "kind_names", emission_kind_names, N_EMISSION_KINDS);
    h5_file_close_group(group);
    free(rows);
}

#define PIXEL(field, unit, count) {#field, unit, offsetof(struct pixel_sim, field), count, ARRAY_F8}

static void write_pixel_texts(struct truth_file *t, hid_t group) {
    const char **kinds = calloc(t->w->n_pixels + 1u, sizeof *kinds);
    uint32_t *channels = calloc(t->w->n_pixels + 1u, sizeof *channels);
    if (kinds == NULL || channels == NULL) {
        h5_file_fail(t->file, "pixels", "out of memory");
    } else {
        for (uint32_t i = 0; i < t->w->n_pixels; i++) {
            kinds[i] = pixel_kind_names[t->w->pixels[i].kind];
            channels[i] = beamtime_channel(i);
        }
        h5_file_texts(t->file, group, "kind", kinds, t->w->n_pixels, 0);
        h5_file_array(t->file, group, &(struct data_array){.name = "channel", .type = ARRAY_U4, .rank = 1, .shape = {t->w->n_pixels}, .data = channels});
    }
    free(kinds);
    free(channels);
}

static void write_pixels(struct truth_file *t) {
    static const struct field fields[] = {
        PIXEL(gain_counts_per_keV, "counts/keV", 1), PIXEL(saturation_counts, "counts", 1), PIXEL(rise_s, "s", 1), PIXEL(front_s, "s", 1), PIXEL(fall_s, "s", 1), PIXEL(slow_s, "s", 1),
        PIXEL(slow_share, "", 1), PIXEL(rise_per_keV, "1/keV", 1), PIXEL(fall_per_keV, "1/keV", 1), PIXEL(norm, "", 1), PIXEL(baseline_counts, "counts", 1),
        PIXEL(drift, "counts, s, rad", 3 * DRIFT_WAVES), PIXEL(gain_per_count, "1/counts", 1), PIXEL(gain_step, "", 1), PIXEL(gain_step_s, "s", 1),
        PIXEL(gain_drift, "", 1), PIXEL(gain_bow, "", 1), PIXEL(run_s, "s", 1),
        PIXEL(jump_counts, "counts", 1), PIXEL(jump_s, "s", 1), PIXEL(jump_back_s, "s", 1), PIXEL(jump_baseline_counts, "counts", 1), PIXEL(flux_jumps_per_s, "Hz", 1), PIXEL(flux_quantum_counts, "counts", 1),
        PIXEL(noise_triggers_per_s, "Hz", 1), PIXEL(noise.white_counts, "counts", 1), PIXEL(noise.pole, "", NOISE_POLES), PIXEL(noise.weight_counts, "counts", NOISE_POLES),
        PIXEL(noise.tone, "counts, cycles per sample, rad", 3 * NOISE_TONES), PIXEL(noise.wander, "rad, cycles per sample, rad", 3 * NOISE_WANDERS), PIXEL(level_counts, "counts", 1), PIXEL(sensitivity, "", 1), PIXEL(crosstalk, "", 1),
    };
    static const struct field counts[] = {
        {"records", NULL, offsetof(struct truth_counts, records), 1, ARRAY_U8},
        {"fault_records", NULL, offsetof(struct truth_counts, fault_records), 1, ARRAY_U8},
        {"noise_pulses", NULL, offsetof(struct truth_counts, noise_pulses), 1, ARRAY_U8},
        {"photons", NULL, offsetof(struct truth_counts, photons), 1, ARRAY_U8},
        {"limit_fwhm_eV", "eV", offsetof(struct truth_counts, limit_fwhm_eV), BEAMTIME_LIMITS, ARRAY_F8},
    };
    const hid_t group = h5_file_group(t->file, t->file->id, "pixels", "NXcollection");
    write_pixel_texts(t, group);
    write_fields(t->file, group, fields, COUNT(fields), t->w->pixels, sizeof *t->w->pixels, t->w->n_pixels);
    write_fields(t->file, group, counts, COUNT(counts), t->counts, sizeof *t->counts, t->w->n_pixels);
    h5_file_array(t->file, group, &(struct data_array){.name = "limit_energy_eV", .type = ARRAY_F8, .rank = 1, .shape = {BEAMTIME_LIMITS}, .units = "eV", .data = beamtime_limit_eV});
    h5_file_close_group(group);
}

struct truth_file *truth_file_create(const char *path, const struct beamtime_writer *w) {
    /* HDF5 1.10 crashes in its exit handler when a file could not be closed, as on a full disk. */
    H5dont_atexit();
    struct truth_file *t = calloc(1, sizeof *t);
    struct truth_counts *counts = calloc(w->n_pixels + 1u, sizeof *counts);
    struct h5_file *file = t == NULL || counts == NULL ? NULL : h5_file_create(path);
    if (file == NULL) {
        free(t);
        free(counts);
        return NULL;
    }
    *t = (struct truth_file){.file = file, .w = w, .counts = counts};
    write_settings(t);
    write_feature(t);
    write_mix(t);
    write_scans(t);
    write_points(t);
    t->photons = h5_file_group(file, file->id, "photons", "NXcollection");
    for (int i = 0; i < N_COLUMNS; i++)
        t->column[i] = h5_file_column(file, t->photons, &columns[i], CHUNK_ROWS, true);
    return t;
}

static void put(uint8_t *const values[N_COLUMNS], enum photon_column c, size_t i, const void *value) {
    const size_t bytes = array_type_size(columns[c].type);
    memcpy(values[c] + i * bytes, value, bytes);
}

static void put_row(const struct truth_file *t, const struct pixel_outcome *o, size_t i, uint8_t *const values[N_COLUMNS]) {
    const struct sim_photon *p = &o->photons[i];
    const struct beam_stretch *s = &t->w->plan->stretches[p->stretch];
    const int32_t scan = s->scan < 0 ? -1 : (int32_t)t->w->plan->scans[s->scan].number;
    const uint16_t pixel = (uint16_t)t->n_pixels;
    const uint8_t phase = (uint8_t)s->kind;
    put(values, COLUMN_TIME, i, &p->time_ns);
    put(values, COLUMN_PIXEL, i, &pixel);
    put(values, COLUMN_ENERGY, i, &p->energy_eV);
    put(values, COLUMN_KIND, i, &p->kind);
    put(values, COLUMN_SCAN, i, &scan);
    put(values, COLUMN_POINT, i, &s->point);
    put(values, COLUMN_PHASE, i, &phase);
    put(values, COLUMN_INCIDENT, i, &s->incident_eV);
    put(values, COLUMN_FATE, i, &o->fate[i]);
    put(values, COLUMN_RECORD, i, &o->record[i]);
    put(values, COLUMN_FRAME, i, &o->frame[i]);
    put(values, COLUMN_STAMP, i, &o->stamp_ns[i]);
}

void truth_file_add(struct truth_file *t, const struct pixel_outcome *o) {
    uint8_t *values[N_COLUMNS] = {NULL};
    bool room = true;
    for (int c = 0; c < N_COLUMNS; c++)
        room = (values[c] = malloc(o->n * array_type_size(columns[c].type) + 8)) != NULL && room;
    if (!room)
        h5_file_fail(t->file, "photons", "out of memory");
    for (size_t i = 0; room && i < o->n; i++)
        put_row(t, o, i, values);
    for (int c = 0; c < N_COLUMNS; c++) {
        if (room && o->n > 0)
            h5_file_append(t->file, t->column[c], columns[c].type, values[c], t->rows, o->n);
        free(values[c]);
    }
    t->rows += o->n;
    struct truth_counts *counts = &t->counts[t->n_pixels++];
    *counts = (struct truth_counts){.records = o->n_records, .fault_records = o->n_fault_records, .noise_pulses = o->noise_pulses, .photons = o->n};
    memcpy(counts->limit_fwhm_eV, o->limit_fwhm_eV, sizeof counts->limit_fwhm_eV);
}

static struct h5_file *let_go(struct truth_file *t) {
    struct h5_file *file = t->file;
    for (int i = 0; i < N_COLUMNS; i++)
        h5_file_close_column(t->column[i]);
    h5_file_close_group(t->photons);
    free(t->counts);
    free(t);
    return file;
}

bool truth_file_finish(struct truth_file *t) {
    h5_file_member_texts(t->file, t->photons, "kind", "kind_names", emission_kind_names, N_EMISSION_KINDS);
    h5_file_member_texts(t->file, t->photons, "fate", "fate_names", deposit_fate_names, N_FATES);
    write_pixels(t);
    return h5_file_finish(let_go(t));
}

void truth_file_abandon(struct truth_file *t) {
    if (t != NULL)
        h5_file_abandon(let_go(t));
}
