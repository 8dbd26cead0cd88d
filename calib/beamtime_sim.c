/* calib/beamtime_sim.c - lays out the plan, then throws photons at it. */
#include "calib/beamtime_sim.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "calib/shower_sim.h"
#include "pulse/random_stream.h"

enum purpose { DRAW_PHOTONS = 101, DRAW_BEAM, DRAW_MONITOR, DRAW_CLOCKS };

static const double calibration_point_s = 10, pause_s = 3, label_lead_s = 1, pause_flux = 0.3, beam_life_s = 36000, monitor_nA = 1.25;

struct plan {
    struct beamtime_sim *b;
    struct random_stream clocks;   /* how late each step of the scan software comes */
    int64_t now_ns;
    double scale[BEAMTIME_MAX_EDGES];  /* model intensity -> photons/s */
};

/* Nearest time that a double holding seconds can say: 0.24 us steps today. */
static int64_t as_written(int64_t ns) {
    return llround((double)ns / 1e9 * 1e9);
}

static double flux_at(const struct plan *p) {
    const double t = (double)(p->now_ns - p->b->settings.start_ns) / 1e9;
    return exp(-t / beam_life_s) * (1 + 0.004 * random_stream_normal_at(p->b->settings.seed, p->b->n_stretches, DRAW_BEAM));
}

static struct beam_stretch *add_stretch(struct plan *p, enum stretch_kind kind, double length_s, double incident_eV, uint32_t model, double scale) {
    struct beamtime_sim *b = p->b;
    assert(b->stretches != NULL);
    const double flux = flux_at(p) * (kind == STRETCH_PAUSE ? pause_flux : 1);
    struct beam_stretch *s = &b->stretches[b->n_stretches];
    *s = (struct beam_stretch){.start_ns = p->now_ns, .end_ns = as_written(p->now_ns + llround(length_s * 1e9)), .kind = kind, .scan = -1, .point = -1,
                               .incident_eV = incident_eV, .rate_Hz = flux * scale * b->models[model].total, .i0 = NAN, .i0_sigma = NAN, .model = model};
    if (kind == STRETCH_POINT || kind == STRETCH_CALIBRATION) {
        s->i0_sigma = 0.002 * monitor_nA * flux;
        s->i0 = monitor_nA * flux + s->i0_sigma * random_stream_normal_at(b->settings.seed, b->n_stretches, DRAW_MONITOR);
    }
    b->n_stretches++;
    p->now_ns = s->end_ns;
    return s;
}

static void add_pause(struct plan *p, double length_s) {
    const struct beamtime_sim *b = p->b;
    const struct beam_stretch *last = b->n_stretches > 0 ? &b->stretches[b->n_stretches - 1] : NULL;
    const double scale = b->settings.rate_Hz / b->models[0].total;
    const double rate = last == NULL ? 0 : last->rate_Hz / (last->kind == STRETCH_PAUSE ? pause_flux : 1) * pause_flux;
    struct beam_stretch *s = add_stretch(p, STRETCH_PAUSE, length_s, last == NULL ? b->settings.mono_eV : last->incident_eV, last == NULL ? 0 : last->model, scale);
    s->rate_Hz = rate;
}

static double late(struct plan *p, double most_s) {
    return most_s * random_stream_uniform(&p->clocks);
}

/* The state label comes before the first point; what the beam does meanwhile is the first point's emission. */
static struct beam_scan *open_scan(struct plan *p, bool calibration, double lead_eV, uint32_t model, double scale) {
    struct beamtime_sim *b = p->b;
    struct beam_scan *scan = &b->scans[b->n_scans];
    *scan = (struct beam_scan){.calibration = calibration, .number = (uint32_t)b->n_scans, .start_ns = p->now_ns, .mono_eV = calibration ? lead_eV : (double)NAN,
                               .temperature_K = 295 + 0.3 * random_stream_normal(&p->clocks)};
    add_stretch(p, STRETCH_MOVING, label_lead_s + late(p, 0.1), lead_eV, model, scale);
    scan->first_stretch = (uint32_t)b->n_stretches;
    return scan;
}

static void close_scan(struct plan *p, struct beam_scan *scan, uint32_t n_points) {
    scan->n_points = n_points;
    scan->end_ns = p->now_ns;
    for (size_t i = scan->first_stretch; i < p->b->n_stretches; i++) {
        p->b->stretches[i].scan = (int32_t)p->b->n_scans;
        p->b->stretches[i].point = (int32_t)(i - scan->first_stretch) / 2;
    }
    p->b->n_scans++;
    add_pause(p, pause_s + late(p, 1));
}

/* Models come in the order calibration, calibrations at other mono energies, points of the scans. */
static void add_calibration(struct plan *p, uint32_t condition, double mono_eV, uint32_t model) {
    const struct beamtime_settings *s = &p->b->settings;
    const double scale = s->rate_Hz / p->b->models[model].total;
    const uint32_t n = (uint32_t)fmax(1, round(s->calibration_s / calibration_point_s));
    struct beam_scan *scan = open_scan(p, true, mono_eV, model, scale);
    scan->condition = condition;
    for (uint32_t i = 0; i < n; i++) {
        add_stretch(p, STRETCH_CALIBRATION, s->calibration_s / n + late(p, 0.003), mono_eV, model, scale);
        add_stretch(p, STRETCH_MOVING, 0.03 + late(p, 0.05), mono_eV, model, scale);
    }
    close_scan(p, scan, n);
}

/* What rates and I0 of point i have to do with those of a steady beam. */
static double stepped_flux(double step, uint32_t i) {
    return step > 0 ? 2 / (1 + step) * (i % 2 ? step : 1) : 1;
}

static void change_flux(struct beam_stretch *s, double factor) {
    s->rate_Hz *= factor;
    s->i0 *= factor;
    s->i0_sigma *= factor;
}

static void add_scan(struct plan *p, uint32_t condition, uint32_t edge, uint32_t repeat, const double *incident_eV) {
    const struct beamtime_settings *s = &p->b->settings;
    const uint32_t first_model = 1 + s->n_calibrant + (condition * s->n_edges + edge) * s->n_points;
    struct beam_scan *scan = open_scan(p, false, incident_eV[0], first_model, p->scale[edge]);
    scan->edge = edge;
    scan->condition = condition;
    scan->repeat = repeat;
    for (uint32_t i = 0; i < s->n_points; i++) {
        const double factor = stepped_flux(s->flux_step, i);
        change_flux(add_stretch(p, STRETCH_POINT, s->dwell_s + late(p, 0.003), incident_eV[i], first_model + i, p->scale[edge]), factor);
        change_flux(add_stretch(p, STRETCH_MOVING, s->move_s + late(p, 0.05), incident_eV[i], first_model + i, p->scale[edge]), factor);
    }
    close_scan(p, scan, s->n_points);
}

static void make_models(struct plan *p, double *incident_eV) {
    const struct beamtime_settings *s = &p->b->settings;
    struct emission_model *models = p->b->models;
    rixs_sim_calibration(s->lines, s->mono_eV, &models[0]);
    for (uint32_t i = 0; i < s->n_calibrant; i++)
        rixs_sim_calibration(s->lines, s->calibrant_eV[i], &models[1 + i]);
    for (uint32_t e = 0; e < s->n_edges; e++) {
        rixs_edge_points(s->edges[e], s->n_points, incident_eV + e * s->n_points);
        p->scale[e] = s->rate_Hz / rixs_edge_mean(s->edges[e], 200);
        for (uint32_t c = 0; c < s->n_conditions; c++) {
            struct rixs_feature feature = rixs_feature_shape;
            feature.strength = s->feature_strength[c];
            for (uint32_t i = 0; i < s->n_points; i++)
                rixs_sim_point(incident_eV[e * s->n_points + i], &feature, &models[1 + s->n_calibrant + (c * s->n_edges + e) * s->n_points + i]);
        }
    }
}

static void fill_plan(struct plan *p, double *incident_eV) {
    const struct beamtime_settings *s = &p->b->settings;
    make_models(p, incident_eV);
    add_pause(p, label_lead_s);
    add_calibration(p, 0, s->mono_eV, 0);
    for (uint32_t i = 0; i < s->n_calibrant; i++)
        add_calibration(p, 0, s->calibrant_eV[i], 1 + i);
    for (uint32_t c = 0; c < s->n_conditions; c++) {
        if (c > 0) add_pause(p, 20);   /* the sample is changed */
        for (uint32_t e = 0; e < s->n_edges; e++)
            for (uint32_t k = 0; k < s->n_repeats; k++)
                add_scan(p, c, e, k, incident_eV + e * s->n_points);
    }
    add_calibration(p, s->n_conditions - 1, s->mono_eV, 0);
    p->b->end_ns = p->now_ns;
}

static enum status make_room(struct beamtime_sim *b) {
    const struct beamtime_settings *s = &b->settings;
    const size_t n_scans = (size_t)s->n_conditions * s->n_edges * s->n_repeats + 2 + s->n_calibrant, n_cal = (size_t)(s->calibration_s / calibration_point_s) + 2;
    const size_t n_stretches = n_scans * (2 * (size_t)s->n_points + 2) + (4 + 2 * (size_t)s->n_calibrant) * n_cal + s->n_conditions + 8;
    b->n_models = 1 + s->n_calibrant + (size_t)s->n_conditions * s->n_edges * s->n_points;
    b->scans = calloc(n_scans, sizeof *b->scans);
    b->stretches = calloc(n_stretches, sizeof *b->stretches);
    b->models = calloc(b->n_models, sizeof *b->models);
    return b->scans != NULL && b->stretches != NULL && b->models != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status beamtime_sim_new(const struct beamtime_settings *s, struct beamtime_sim **out) {
    if (s->n_points < 2 || s->n_conditions < 1 || s->n_conditions > BEAMTIME_MAX_CONDITIONS || s->n_edges > BEAMTIME_MAX_EDGES || s->n_calibrant > BEAMTIME_MAX_CALIBRANT || !(s->rate_Hz > 0) ||
        !(s->dwell_s > 0) || !(s->move_s >= 0) || !(s->calibration_s > 0) || s->flux_step < 0)
        return STATUS_BAD_VALUE;
    struct beamtime_sim *b = calloc(1, sizeof *b);
    double *incident_eV = calloc((size_t)s->n_edges * s->n_points + 1, sizeof *incident_eV);
    if (b != NULL)
        b->settings = *s;
    if (b == NULL || incident_eV == NULL || make_room(b) != STATUS_OK) {
        free(incident_eV);
        beamtime_sim_free(b);
        return STATUS_NO_MEMORY;
    }
    b->settings.start_ns = as_written(s->start_ns);
    struct plan p = {.b = b, .now_ns = b->settings.start_ns};
    random_stream_init(&p.clocks, s->seed, 0, DRAW_CLOCKS);
    fill_plan(&p, incident_eV);
    free(incident_eV);
    b->settings.lines = NULL;
    *out = b;
    return STATUS_OK;
}

void beamtime_sim_free(struct beamtime_sim *b) {
    if (b == NULL)
        return;
    free(b->scans);
    free(b->stretches);
    free(b->models);
    free(b);
}

const struct beam_stretch *beamtime_sim_point(const struct beamtime_sim *b, const struct beam_scan *scan, uint32_t p) {
    assert(p < scan->n_points);
    return &b->stretches[scan->first_stretch + 2 * p];
}

struct photon_list { struct sim_photon *photons; size_t n, capacity; };

static enum status append(struct photon_list *l, struct sim_photon p) {
    if (l->n == l->capacity) {
        const size_t more = l->capacity == 0 ? 4096 : 2 * l->capacity;
        struct sim_photon *bigger = realloc(l->photons, more * sizeof *bigger);
        if (bigger == NULL)
            return STATUS_NO_MEMORY;
        l->photons = bigger;
        l->capacity = more;
    }
    l->photons[l->n++] = p;
    return STATUS_OK;
}

static int by_arrival(const void *va, const void *vb) {
    const struct sim_photon *a = va, *b = vb;
    return (a->time_ns > b->time_ns) - (a->time_ns < b->time_ns);
}

static enum status append_showers(const struct beamtime_sim *b, uint32_t pixel, struct photon_list *l) {
    const struct shower_settings s = {b->settings.seed, b->settings.start_ns, b->end_ns, b->settings.shower_Hz, b->settings.shower_share};
    struct shower_hit *hits;
    size_t n;
    enum status status = shower_sim_hits(&s, pixel, &hits, &n);
    uint32_t k = 0;
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        while (k + 1 < b->n_stretches && hits[i].time_ns >= b->stretches[k].end_ns)
            k++;
        status = append(l, (struct sim_photon){hits[i].time_ns, hits[i].energy_eV, k, EMISSION_SHOWER});
    }
    free(hits);
    if (status == STATUS_OK && n > 0)
        qsort(l->photons, l->n, sizeof *l->photons, by_arrival);
    return status;
}

enum status beamtime_sim_photons(const struct beamtime_sim *b, uint32_t pixel, double sensitivity, double soft_transmission,
                                 struct sim_photon **out, size_t *n) {
    struct photon_list list = {0};
    struct random_stream r;
    random_stream_init(&r, b->settings.seed, pixel, DRAW_PHOTONS);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < b->n_stretches && status == STATUS_OK; i++) {
        const struct beam_stretch *s = &b->stretches[i];
        const double mean_ns = 1e9 / (sensitivity * s->rate_Hz), length_ns = (double)(s->end_ns - s->start_ns);
        if (!(mean_ns < 1e18))
            continue;
        for (double at = mean_ns * random_stream_exponential(&r); at < length_ns && status == STATUS_OK; at += mean_ns * random_stream_exponential(&r)) {
            enum emission_kind kind;
            const double energy_eV = emission_model_sample(&b->models[s->model], &r, &kind);
            const bool passes = energy_eV >= 350 || random_stream_uniform(&r) < soft_transmission;
            if (passes && energy_eV > 0)
                status = append(&list, (struct sim_photon){s->start_ns + (int64_t)at, energy_eV, (uint32_t)i, (uint8_t)kind});
        }
    }
    if (status == STATUS_OK)
        status = append_showers(b, pixel, &list);
    if (status == STATUS_OK) {
        *out = list.photons;
        *n = list.n;
    } else {
        free(list.photons);
    }
    return status;
}
