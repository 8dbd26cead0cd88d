#include "daemon/cli/simulate_photons.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/scan_live_time.h"
#include "calib/scan_sensitivity.h"
#include "daemon/cli/simulate_plan.h"
#include "daemon/further_products.h"
#include "daemon/log.h"
#include "daemon/options.h"
#include "daemon/sink/beamtime_writer.h"
#include "daemon/stage/bin.h"
#include "daemon/stage/grade.h"
#include "pulse/random_stream.h"

enum { DRAW_RESPONSE = 901, DRAW_WIDTH = 902 };
static const double FWHM_OF_SIGMA = 2.3548200450309493, WIDTH_SPREAD = 0.15, LESSER_WIDTH = 1.2;

struct event_run {
    const struct simulate_settings *s;
    struct simulate_plan plan;
    struct scan_timeline *timeline;
    struct bin_stage *bins;
    struct archive *archive;
    uint32_t n_pixels, n_points;     /* points of all scans */
    int64_t *start_ns, *end_ns;      /* of them, by time */
    uint8_t *used;
    struct archive_pixel *pixels;
    struct livetime_table table;
};

/* ---- scans ---- */

static bool add_scan(struct event_run *r, const struct beam_scan *b) {
    struct scan s = { .number = (int32_t)b->number, .log_number = (int32_t)b->number, .n_points = b->n_points, .mono_eV = NAN, .var_name = "mono", .var_unit = "eV" };
    struct complaint why;
    s.points = calloc(b->n_points, sizeof *s.points);
    s.extras = calloc(2, sizeof *s.extras);
    for (int k = 0; s.extras != NULL && k < 2; k++) {
        s.extras[k].values = calloc(b->n_points, sizeof(double));
        s.n_extras += s.extras[k].values != NULL;
    }
    if (s.points == NULL || s.n_extras < 2) {
        scan_done(&s);
        return false;
    }
    snprintf(s.sample, sizeof s.sample, "%s", r->plan.beam->settings.conditions[b->condition]);
    snprintf(s.label, sizeof s.label, "SCAN%u", b->number);
    snprintf(s.log_name, sizeof s.log_name, "scan%04u", b->number);
    snprintf(s.extras[0].name, sizeof s.extras[0].name, "true_rate_Hz");
    snprintf(s.extras[1].name, sizeof s.extras[1].name, "tempK");
    for (uint32_t k = 0; k < b->n_points; k++) {
        const struct beam_stretch *p = beamtime_sim_point(r->plan.beam, b, k);
        s.points[k] = (struct scan_point){ .start_ns = p->start_ns, .end_ns = p->end_ns, .incident_eV = p->incident_eV, .i0 = p->i0, .i0_sigma = p->i0_sigma };
        s.extras[0].values[k] = p->rate_Hz;
        s.extras[1].values[k] = b->temperature_K;
    }
    return scan_timeline_add(r->timeline, &s, &why) == STATUS_OK;
}

static bool make_timeline(struct event_run *r) {
    struct complaint why;
    const struct beamtime_sim *b = r->plan.beam;
    bool good = scan_timeline_new(&r->timeline) == STATUS_OK;
    for (size_t i = 0; good && i < b->n_scans; i++)
        good = b->scans[i].calibration || add_scan(r, &b->scans[i]);
    good = good && scan_timeline_finish(r->timeline, &why) == STATUS_OK;
    for (size_t i = 0; good && i < scan_timeline_count(r->timeline); i++)
        r->n_points += scan_timeline_at(r->timeline, i)->n_points;
    r->start_ns = calloc(r->n_points + (size_t)1, sizeof *r->start_ns);
    r->end_ns = calloc(r->n_points + (size_t)1, sizeof *r->end_ns);
    good = good && r->start_ns != NULL && r->end_ns != NULL;
    for (size_t i = 0, at = 0; good && i < scan_timeline_count(r->timeline); i++)
        for (uint32_t k = 0; k < scan_timeline_at(r->timeline, i)->n_points; k++, at++) {
            r->start_ns[at] = scan_timeline_at(r->timeline, i)->points[k].start_ns;
            r->end_ns[at] = scan_timeline_at(r->timeline, i)->points[k].end_ns;
        }
    return good;
}

static const uint8_t *pixels_used(void *context, size_t timeline_index) {
    const struct event_run *r = context;
    (void)timeline_index;
    return r->used;
}

/* ---- photons ---- */

/* Of photons nearer than the trigger resolves one is left, of their summed energy. */
static size_t merge_pairs(struct sim_photon *p, size_t n, int64_t unresolved_ns) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (kept > 0 && p[i].time_ns - p[kept - 1].time_ns < unresolved_ns)
            p[kept - 1].energy_eV += p[i].energy_eV;
        else
            p[kept++] = p[i];
    return kept;
}

/* Stamps lie on samples and are floored to 1 us, as those of records. */
static void fill_rows(const struct event_run *r, uint32_t pixel, const struct sim_photon *p, size_t n, struct photon_block *b) {
    const double period_ns = r->s->period_s * 1e9;
    const int64_t first_ns = r->plan.beam->settings.start_ns;
    b->n = n;
    for (size_t i = 0; i < n; i++) {
        b->frame[i] = (int64_t)ceil((double)(p[i].time_ns - first_ns) / period_ns);
        b->time_ns[i] = (first_ns + llround((double)b->frame[i] * period_ns)) / 1000 * 1000;
        b->pixel[i] = (uint16_t)pixel;
        b->height[i] = (float)(10 * p[i].energy_eV);
        b->arrival[i] = 0;
        b->pretrigger_mean[i] = 1000;
        b->cuts[i] = 0;
        b->flags[i] = TRUST_INSIDE;
        b->energy_eV[i] = (float)p[i].energy_eV;
    }
}

static void smear(const struct event_run *r, uint32_t pixel, struct photon_block *b) {
    struct random_stream random;
    random_stream_init(&random, (uint64_t)r->s->seed, pixel, DRAW_RESPONSE);
    const double fwhm = r->pixels[pixel].resolution_eV;
    for (size_t i = 0; i < b->n; i++) {
        const double e = (double)b->energy_eV[i], sigma = fwhm * sqrt(0.5 + 0.5 * e / 700) / FWHM_OF_SIGMA * (b->grade[i] == GRADE_HIGH ? 1 : LESSER_WIDTH);
        const double smeared = e + sigma * random_stream_normal(&random);
        b->energy_eV[i] = b->grade[i] == GRADE_NONE ? NAN : (float)smeared;
        b->energy_sigma_eV[i] = b->grade[i] == GRADE_NONE ? NAN : (float)sigma;
    }
}

/* Grade times into the products, which stand in the order of the points. */
static void keep_times(const struct event_run *r, uint32_t pixel, const int64_t *times) {
    size_t first = 0;
    for (size_t k = 0; k < r->bins->n_products; k++) {
        struct scan_products *p = r->bins->products[k];
        const size_t n = (size_t)p->n_points * N_LIVETIME_COLUMNS;
        memcpy(p->grade_time_ns + pixel * n, times + first, n * sizeof *times);
        p->window_s[pixel] = 1e-9 * (double)r->table.boxes[0].after_lo_ns;
        p->unresolved_s[pixel] = 1e-9 * (double)r->table.unresolved_ns;
        p->tail_s[pixel] = 1e-9 * (double)(r->table.boxes[0].before_lo_ns - r->table.boxes[2].before_lo_ns);
        p->resolution_eV[pixel] = r->pixels[pixel].resolution_eV;
        first += n;
    }
}

static bool grade(const struct event_run *r, uint32_t pixel, struct photon_block *b) {
    int64_t *times = calloc(r->n_points + (size_t)1, N_LIVETIME_COLUMNS * sizeof *times);
    bool *gaps = calloc(b->n + 1, sizeof *gaps);
    const struct time_span up = { r->plan.beam->settings.start_ns, r->plan.beam->end_ns };
    const struct grade_input in = { .table = &r->table, .up = &up, .n_up = 1, .gap_before = gaps };
    const struct livetime_sheet sheet = { .table = &r->table, .n_points = r->n_points, .start_ns = r->start_ns, .end_ns = r->end_ns, .grade_time_ns = times };
    const bool good = times != NULL && gaps != NULL && grade_rows(&in, b, &sheet, NULL);
    if (good)
        keep_times(r, pixel, times);
    free(times);
    free(gaps);
    return good;
}

static bool meet_pixel(struct event_run *r, uint32_t pixel) {
    struct sim_photon *photons = NULL;
    struct photon_block *b = NULL;
    size_t n = 0;
    if (beamtime_sim_photons(r->plan.beam, pixel, r->plan.pixels[pixel].sensitivity, 1, &photons, &n) != STATUS_OK)
        return false;
    n = r->used[pixel] ? merge_pairs(photons, n, r->table.unresolved_ns) : 0;
    bool good = photon_block_new(n + 1, &b) == STATUS_OK;
    if (good) {
        fill_rows(r, pixel, photons, n, b);
        good = grade(r, pixel, b);
    }
    if (good) {
        smear(r, pixel, b);
        bin_stage_place(r->bins, b);
        bin_stage_add(r->bins, b);
        r->pixels[pixel].records = r->pixels[pixel].photons = n;
        good = archive_photons(r->archive, b);
    }
    photon_block_free(b);
    free(photons);
    return good;
}

/* ---- the file ---- */

static double resolution_at(const void *context, int64_t time_ns) {
    const struct event_run *r = context;
    (void)time_ns;
    return r->s->resolution_eV;
}

static bool write_products(struct event_run *r) {
    struct scan_products **p = r->bins->products;
    const size_t n = r->bins->n_products;
    double *eps = calloc(r->n_pixels + (size_t)1, sizeof *eps);
    struct scan_sum *sums = NULL;
    size_t n_sums = 0;
    bool good = eps != NULL && scan_sensitivity_fit(p, n, r->n_pixels, NULL, eps) == STATUS_OK;
    for (size_t k = 0; good && k < n; k++) {
        memcpy(p[k]->sensitivity, eps, r->n_pixels * sizeof *eps);
        scan_live_time_settle(p[k]);
        for (uint32_t i = 0; i < r->n_pixels; i++)
            r->pixels[i].live_time_s += scan_live_time_pixel(p[k], i, GRADE_HIGH);
    }
    for (uint32_t i = 0; good && i < r->n_pixels; i++)
        r->pixels[i].sensitivity = eps[i];
    good = good && archive_photons_end(r->archive) && archive_pixels(r->archive, r->pixels, r->n_pixels);
    for (size_t k = 0; good && k < n; k++)
        good = archive_scan(r->archive, p[k]);
    good = good && scan_sums_make(p, n, &sums, &n_sums) == STATUS_OK;
    for (size_t k = 0; good && k < n_sums; k++)
        good = archive_sum(r->archive, &sums[k]);
    struct scan_elastics elastics = { 0 };
    good = good && scan_elastics_find(p, n, sums, n_sums, resolution_at, r, &elastics);
    const struct further_products further = { .archive = r->archive, .products = p, .n_products = n, .sums = sums, .n_sums = n_sums, .elastics = &elastics, .tell = true };
    good = good && further_products_write(&further);
    scan_elastics_done(&elastics);
    scan_sums_free(sums, n_sums);
    free(eps);
    return good;
}

static bool finish(struct event_run *r) {
    const struct archive_process process = { .command_line = "tesd simulate --photons", .config_text = "", .state = "simulated" };
    struct archive *a = r->archive;
    r->archive = NULL;
    return archive_finish(a, "simulated at the level of photons", r->plan.beam->settings.start_ns, r->plan.beam->end_ns, &process);
}

static void describe_pixels(struct event_run *r) {
    for (uint32_t i = 0; i < r->n_pixels; i++) {
        const double spread = WIDTH_SPREAD * random_stream_normal_at((uint64_t)r->s->seed, i, DRAW_WIDTH);
        r->used[i] = r->plan.pixels[i].kind == PIXEL_GOOD;
        r->pixels[i] = (struct archive_pixel){ .channel = beamtime_channel(i), .sensitivity = 1, .verdict = r->used[i] ? "good" : "bad",
                                               .reason = r->used[i] ? "" : pixel_kind_names[r->plan.pixels[i].kind],
                                               .resolution_eV = r->s->resolution_eV * fmax(0.5, 1 + spread) };
        snprintf(r->pixels[i].name, sizeof r->pixels[i].name, "chan%u", beamtime_channel(i));
    }
}

static bool set_up(struct event_run *r, const struct options *o) {
    const struct simulate_settings *s = r->s;
    const struct livetime_settings windows = { .trigger = s->trigger == TRIGGER_EDGE ? LIVETIME_EDGE : LIVETIME_EDGE_MULTI, .sample_period_s = s->period_s,
                                               .n_samples = (uint32_t)s->samples, .n_presamples = (uint32_t)s->presamples,
                                               .peak_samples = pixel_sim_peak_samples(&r->plan.pixels[0]), .decay_s = r->plan.pixels[0].fall_s };
    const struct product_settings products = { .emission = o->rixs.emission, .loss = o->rixs.loss, .n_regions = o->n_roi, .regions = o->roi, .wide_grades = 1u << GRADE_MID };
    r->n_pixels = (uint32_t)s->pixels;
    r->used = calloc(r->n_pixels, 1);
    r->pixels = calloc(r->n_pixels, sizeof *r->pixels);
    if (r->used == NULL || r->pixels == NULL || livetime_table_make(&windows, &r->table) != STATUS_OK || !make_timeline(r))
        return false;
    describe_pixels(r);
    return bin_stage_new(r->timeline, r->n_pixels, &products, pixels_used, r, &r->bins) && archive_create(s->folder, false, &r->archive);
}

int simulate_photons(const struct simulate_settings *s) {
    struct event_run r = { .s = s };
    struct options o;
    enum exit_code code = simulate_plan_new(s, &r.plan);
    if (code != EXIT_GOOD)
        return (int)code;
    if (s->trigger == TRIGGER_EDGE) {
        log_error("--photons knows the trigger edge-multi alone: what edge misses behind a record is a matter of samples");
        simulate_plan_done(&r.plan);
        return EXIT_USAGE;
    }
    bool good = options_load(NULL, &o);
    if (good) {
        good = set_up(&r, &o);
        for (uint32_t i = 0; good && i < r.n_pixels; i++)
            good = meet_pixel(&r, i);
        good = good && write_products(&r) && finish(&r);
        options_done(&o);
    }
    if (good)
        printf("NeXus file: %s\n", s->folder);
    else
        log_error("%s: the photons could not be made or written", s->folder);
    archive_abandon(r.archive);
    bin_stage_free(r.bins);
    scan_timeline_free(r.timeline);
    simulate_plan_done(&r.plan);
    free(r.start_ns);
    free(r.end_ns);
    free(r.used);
    free(r.pixels);
    return good ? EXIT_GOOD : EXIT_FAILED;
}
