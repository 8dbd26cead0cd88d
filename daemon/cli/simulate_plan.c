#include "daemon/cli/simulate_plan.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config_path.h"
#include "daemon/log.h"
#include "daemon/pipeline.h"

enum { TABLE_BYTES = 1 << 20 };

static struct line_table *load_lines(const char *name) {
    char path[CONFIG_PATH];
    if (!config_path_lines(name, path))
        return NULL;
    FILE *from = fopen(path, "rb");
    uint8_t *bytes = malloc(TABLE_BYTES);
    struct line_table *table = NULL;
    struct complaint why = {.text = ""};
    const size_t n = from == NULL || bytes == NULL ? 0 : fread(bytes, 1, TABLE_BYTES, from);
    if (from == NULL || bytes == NULL || ferror(from))
        log_error("%s: cannot be read: %m", path);
    else if (line_table_parse(name, bytes, n, &table, &why) != STATUS_OK)
        log_error("%s: line %u: %s", path, why.line, why.text);
    free(bytes);
    if (from != NULL)
        fclose(from);
    return table;
}

static enum status make_plan(const struct simulate_settings *s, const struct line_table *lines, struct beamtime_sim **out) {
    struct beamtime_settings b = {.seed = (uint64_t)s->seed, .start_ns = s->start_ns, .rate_Hz = s->rate_Hz, .n_edges = s->n_edges, .n_conditions = s->n_conditions,
                                  .n_repeats = (uint32_t)s->scans, .n_points = (uint32_t)s->points, .dwell_s = s->dwell_s, .move_s = s->move_s, .flux_step = s->flux_step,
                                  .calibration_s = s->calibration_s, .mono_eV = s->mono_eV, .shower_Hz = s->shower_Hz, .shower_share = s->shower_share, .n_calibrant = s->n_calibrant, .lines = lines};
    memcpy(b.calibrant_eV, s->calibrant_eV, sizeof b.calibrant_eV);
    memcpy(b.edges, s->edges, sizeof b.edges);
    memcpy(b.conditions, s->conditions, sizeof b.conditions);
    memcpy(b.feature_strength, s->feature, sizeof b.feature_strength);
    return beamtime_sim_new(&b, out);
}

struct drawing {
    struct pixel_sim_settings settings;
    enum pixel_kind *kinds;
    struct pixel_sim *pixels;
    atomic_bool failed;
};

static void draw_pixel(void *ctx, size_t i) {
    struct drawing *d = ctx;
    if (pixel_sim_draw(&d->settings, (uint32_t)i, d->kinds[i], &d->pixels[i]) != STATUS_OK)
        atomic_store(&d->failed, true);
}

static bool draw_pixels(const struct simulate_settings *s, struct simulate_plan *p) {
    const uint32_t n = (uint32_t)s->pixels;
    struct drawing d = {.settings = {.seed = (uint64_t)s->seed, .period_s = s->period_s, .n_samples = (uint32_t)s->samples,
                                     .n_presamples = (uint32_t)s->presamples, .run_s = (double)(p->beam->end_ns - p->beam->settings.start_ns) * 1e-9,
                                     .resolution_eV = s->resolution_eV, .gain_step = s->gain_step, .gain_drift = s->gain_drift, .gain_bow = s->gain_bow, .mains_wander_Hz = s->mains_wander_Hz, .crosstalk = s->crosstalk,
                                     .jump_at = s->jump_at, .jump_back = s->jump_back, .jump_counts = s->jump_counts, .jump_baseline = s->jump_baseline},
                        .kinds = calloc(n, sizeof *d.kinds), .pixels = p->pixels};
    if (d.kinds == NULL)
        return false;
    pixel_sim_kinds((uint64_t)s->seed, n, s->bad_fraction, d.kinds);
    pixel_sim_let_jump((uint64_t)s->seed, n, s->jumping, d.kinds);
    const bool ran = pipeline_run(n, (unsigned)s->workers, draw_pixel, &d);
    free(d.kinds);
    return ran && !atomic_load(&d.failed);
}

static enum exit_code make_with(const struct simulate_settings *s, const struct line_table *lines, struct simulate_plan *p) {
    p->pixels = calloc((size_t)s->pixels, sizeof *p->pixels);
    if (p->pixels == NULL || make_plan(s, lines, &p->beam) != STATUS_OK) {
        log_error("no memory for a beamtime of %.0f points a scan", s->points);
        return EXIT_FAILED;
    }
    if (!draw_pixels(s, p)) {
        log_error("the noise of these pixels cannot be scaled to %g eV; try another --resolution or record length", s->resolution_eV);
        return EXIT_FAILED;
    }
    return EXIT_GOOD;
}

enum exit_code simulate_plan_new(const struct simulate_settings *s, struct simulate_plan *out) {
    struct line_table *lines = load_lines(s->lines);
    if (lines == NULL)
        return EXIT_USAGE;
    struct simulate_plan p = {0};
    const enum exit_code code = make_with(s, lines, &p);
    line_table_free(lines);
    if (code == EXIT_GOOD)
        *out = p;
    else
        simulate_plan_done(&p);
    return code;
}

void simulate_plan_done(struct simulate_plan *p) {
    beamtime_sim_free(p->beam);
    free(p->pixels);
    *p = (struct simulate_plan){0};
}

struct beamtime_array simulate_plan_array(const struct simulate_settings *s, const struct simulate_plan *p) {
    return (struct beamtime_array){.plan = p->beam, .pixels = p->pixels, .n_pixels = (uint32_t)s->pixels, .seed = (uint64_t)s->seed, .period_s = s->period_s,
                                   .n_samples = (uint32_t)s->samples, .n_presamples = (uint32_t)s->presamples, .trigger = s->trigger,
                                   .stamp_jitter_s = s->stamp_jitter_us * 1e-6};
}
