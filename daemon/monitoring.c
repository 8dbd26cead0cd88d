#include "daemon/monitoring.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "calib/calibration_pair.h"
#include "calib/line_shape.h"
#include "calib/monitor_alarm.h"
#include "daemon/log.h"

static const double ABOVE_EDGE = 10;            /* eV above its edge a line no longer moves with the excitation (doc/methods.md, Lines and curves) */
static const double LINE_REACH = 1.1, USUAL_RESOLUTION = 3;   /* x its width */
static const double ELASTIC_REACH = 2.0;        /* x the resolution */

struct monitoring {
    const struct beamtime *beamtime;
    const struct array_model *model;
    bool causal;
    struct monitor_plan *plan;
    struct monitor_settings settings;
    double alarm_eV;
    char line[16];
    struct pixel_monitor **pixels;   /* one per channel; its job makes it */
    uint32_t *first_slot;            /* of each scan of the timeline; its points follow */
    uint8_t *free_slots;
};

/* The line as the last calibration's table has it. */
static void find_line(struct monitoring *w, const char *name) {
    const struct array_model *m = w->model;
    struct line_table *lines;
    w->settings.line_eV = NAN;
    const char *text = m->n_tables ? m->tables[m->n_tables - 1]->line_table_text : NULL;
    if (!text || !name[0] || line_table_parse("", (const uint8_t *)text, strlen(text), &lines, NULL) != STATUS_OK)
        return;
    for (size_t i = 0; i < lines->n; i++)
        if (strcmp(lines->lines[i].name, name) == 0) {
            struct line_shape shape;
            line_shape_init(&shape, &lines->lines[i]);
            double fwhm = shape.total_is_gauss ? hypot(isnan(shape.intrinsic_fwhm_eV) ? 0 : shape.intrinsic_fwhm_eV, USUAL_RESOLUTION) : line_shape_fwhm(&shape, USUAL_RESOLUTION);
            w->settings.line_eV = lines->lines[i].energy_eV;
            w->settings.line_above_eV = lines->lines[i].excited_above_eV + ABOVE_EDGE;
            w->settings.line_reach_eV = LINE_REACH * fwhm;
            snprintf(w->line, sizeof w->line, "%s", name);
        }
    line_table_free(lines);
}

static double resolution_of(const struct array_model *m) {
    for (size_t k = m->n_tables; k-- > 0;)
        if (m->tables[k]->resolution_eV > 0)
            return m->tables[k]->resolution_eV;
    return USUAL_RESOLUTION;
}

static bool number_points(struct monitoring *w, const struct scan_timeline *t) {
    size_t n = scan_timeline_count(t);
    uint32_t slots = 0;
    w->first_slot = calloc(n + 1, sizeof *w->first_slot);
    for (size_t i = 0; w->first_slot && i < n; i++) {
        w->first_slot[i] = slots;
        slots += scan_timeline_at(t, i)->n_points;
    }
    w->free_slots = calloc(slots + (size_t)1, 1);
    return w->first_slot && w->free_slots;
}

void monitoring_free_points(struct monitoring *w, size_t timeline_index, const uint8_t *point_used) {
    memcpy(w->free_slots + w->first_slot[timeline_index], point_used, scan_timeline_at(w->beamtime->timeline, timeline_index)->n_points);
}

bool monitoring_new(const struct monitoring_settings *settings, const struct beamtime *b, const struct array_model *m, bool causal, struct monitoring **out) {
    struct monitoring *w = calloc(1, sizeof *w);
    if (w)
        w->pixels = calloc(m->n_channels + 1, sizeof(struct pixel_monitor *));
    if (!w || !w->pixels || !number_points(w, b->timeline) || monitor_plan_new(b->timeline, b->pulses.first_ns, b->pulses.last_ns, settings->window_s, &w->plan) != STATUS_OK) {
        log_error("out of memory for the monitors");
        monitoring_free(w);
        return false;
    }
    w->beamtime = b;
    w->model = m;
    w->causal = causal;
    w->alarm_eV = settings->alarm_eV;
    find_line(w, settings->line);
    w->settings.elastic_reach_eV = ELASTIC_REACH * resolution_of(m);
    *out = w;
    return true;
}

void monitoring_free(struct monitoring *w) {
    if (!w)
        return;
    for (size_t i = 0; w->pixels && w->model && i < w->model->n_channels; i++)
        pixel_monitor_free(w->pixels[i]);
    monitor_plan_free(w->plan);
    free(w->pixels);
    free(w->first_slot);
    free(w->free_slots);
    free(w);
}

static struct monitor_run rows_of(const float *residual, const struct photon_block *b, size_t first, size_t end) {
    return (struct monitor_run){ .n = end - first, .pretrigger_mean = b->pretrigger_mean + first, .residual = residual + first, .energy_eV = b->energy_eV + first,
                                 .incident_eV = b->incident_eV + first, .point = b->point + first, .cuts = b->cuts + first, .flags = b->flags + first };
}

/* Row behind those from `first` on whose times are in [from, until). */
static size_t end_within(const struct photon_block *b, size_t first, size_t end, int64_t from_ns, int64_t until_ns) {
    while (first < end && b->time_ns[first] >= from_ns && b->time_ns[first] < until_ns)
        first++;
    return first;
}

/* Rows of one window, scan by scan. */
static void add_lines(const struct monitoring *w, struct pixel_monitor *m, const float *residual, const struct photon_block *b, size_t first, size_t end) {
    for (size_t next = first + 1; first < end; first = next++) {
        const struct scan_place place = scan_timeline_place(w->beamtime->timeline, b->time_ns[first]);
        while (next < end && b->scan[next] == b->scan[first])
            next++;
        const struct monitor_run run = rows_of(residual, b, first, next);
        pixel_monitor_add_lines(m, &run, place.index >= 0 ? w->first_slot[place.index] : 0);
    }
}

static void watch_rows(const struct monitoring *w, struct pixel_monitor *m, const float *residual, const struct photon_block *b) {
    for (size_t first = 0, end; first < b->n; first = end) {
        struct time_span window;
        end = first + 1;
        if (!monitor_watches(b->cuts[first]) || !pixel_monitor_move(m, b->time_ns[first], &window))
            continue;
        end = end_within(b, first, b->n, window.start_ns, window.end_ns);
        const struct monitor_run run = rows_of(residual, b, first, end);
        pixel_monitor_add(m, &run);
        add_lines(w, m, residual, b, first, end);
    }
}

bool monitoring_channel(struct monitoring *w, struct scratch *scratch, size_t pixel, const float *residual, const struct photon_block *b) {
    struct scratch_piece room = {0};
    bool good = scratch_take(scratch, pixel_monitor_room(b->n), &room) && pixel_monitor_new(w->plan, &w->settings, room.data, b->n, &w->pixels[pixel]) == STATUS_OK;
    if (good) {
        watch_rows(w, w->pixels[pixel], residual, b);
        pixel_monitor_end(w->pixels[pixel]);
    }
    scratch_give(scratch, &room);
    return good;
}

/* Relative gain per count of baseline, of the pixel's last curve. */
static double slope_of(const struct array_model *m, size_t pixel) {
    for (size_t k = m->n_tables; k-- > 0;)
        if (m->tables[k]->pixels[pixel].curve)
            return m->tables[k]->pixels[pixel].correction.gain[TERM_BASELINE];
    return 0;
}

/* What one kind of monitor fills for all pixels. */
struct sheet {
    size_t n;                        /* pixels */
    struct monitor_value *values;    /* n x windows */
    uint8_t *alarm;                  /* the same */
    double *median;                  /* windows */
    double *scratch, *slope;         /* n */
};

static bool sheet_init(struct sheet *s, const struct monitoring *w) {
    size_t n = w->model->n_channels, cells = n * w->plan->n + 1;
    *s = (struct sheet){.n = n, .values = calloc(cells, sizeof *s->values), .alarm = calloc(cells, 1), .median = calloc(w->plan->n + 1, sizeof(double)),
                        .scratch = calloc(n + 1, sizeof(double)), .slope = calloc(n + 1, sizeof(double))};
    for (size_t i = 0; s->slope && i < n; i++)
        s->slope[i] = slope_of(w->model, i);
    return s->values && s->alarm && s->median && s->scratch && s->slope;
}

static void sheet_done(struct sheet *s) {
    free(s->values);
    free(s->alarm);
    free(s->median);
    free(s->scratch);
    free(s->slope);
}

static void say_alarm(const struct monitoring *w, const struct sheet *s, enum monitor_kind kind, uint32_t alarmed) {
    size_t at = 0;
    char when[40] = "";
    while (!s->alarm[at])
        at++;
    size_t pixel = at / w->plan->n, window = at % w->plan->n;
    time_t seconds = (time_t)(w->plan->windows[window].start_ns / 1000000000);
    struct tm utc;
    strftime(when, sizeof when, "%H:%M:%SZ", gmtime_r(&seconds, &utc));
    log_warning("monitor %s%s%s: alarm for %u of %zu pixels (the first is channel %d at %s); monitor_%s in the file says when and how much", monitor_names[kind],
                kind == MONITOR_LINE ? " " : "", kind == MONITOR_LINE ? w->line : "", alarmed, s->n, w->model->channels[pixel].channel, when, monitor_names[kind]);
}

/* Incident energy of a scan, in the middle; NaN: it has none. */
static double middle_incident(const struct scan *s) {
    double sum = 0, n = 0;
    for (uint32_t i = 0; i < s->n_points; i++)
        if (isfinite(s->points[i].incident_eV)) {
            sum += s->points[i].incident_eV;
            n++;
        }
    return sum / n;
}

/* Where the line of a monitor lies in a window. */
static double energy_of(const struct monitoring *w, enum monitor_kind kind, const struct monitor_window *window) {
    if (kind == MONITOR_LINE)
        return w->settings.line_eV;
    if (window->calibration)
        return window->mono_eV;
    const struct scan_timeline *t = w->beamtime->timeline;
    for (size_t i = 0; i < scan_timeline_count(t); i++)
        if (!scan_timeline_at(t, i)->calibration && scan_timeline_at(t, i)->number == window->scan)
            return middle_incident(scan_timeline_at(t, i));
    return NAN;
}

static struct calibration_pair pair_in(const struct monitoring *w, uint32_t pixel, const struct monitor_window *window) {
    const struct array_model *m = w->model;
    int64_t middle_ns = window->start_ns + (window->end_ns - window->start_ns) / 2;
    return w->causal ? calibration_pair_latest(m->tables, m->n_tables, pixel, middle_ns) : calibration_pair_between(m->tables, m->n_tables, pixel, middle_ns);
}

static double curve_sigma(const void *context, enum monitor_kind kind, uint32_t pixel, uint32_t then, uint32_t now) {
    const struct monitoring *w = context;
    struct calibration_pair at_then = pair_in(w, pixel, &w->plan->windows[then]), at_now = pair_in(w, pixel, &w->plan->windows[now]);
    double energy_eV = energy_of(w, kind, &w->plan->windows[now]);
    if (!at_then.before || !at_now.before || !isfinite(energy_eV))
        return 0;
    double sigma_eV = calibration_pair_change_sigma(&at_then, &at_now, energy_eV);
    return isfinite(sigma_eV) ? sigma_eV : 0;
}

static bool finish_kind(const struct monitoring *w, struct sheet *s, enum monitor_kind kind, struct archive *a) {
    const struct monitor_alarm_settings settings = {.alarm_eV = w->alarm_eV, .line_eV = isfinite(w->settings.line_eV) ? w->settings.line_eV : 1000, .slope = s->slope,
                                                   .curve_sigma = curve_sigma, .context = w};
    for (size_t i = 0; i < s->n; i++)
        for (uint32_t k = 0; k < w->plan->n; k++)
            s->values[i * w->plan->n + k] = w->pixels[i] ? pixel_monitor_values(w->pixels[i], kind)[k] : (struct monitor_value){.value = NAN, .sigma = NAN};
    uint32_t alarmed = monitor_alarm_find(w->plan, kind, &settings, s->values, (uint32_t)s->n, s->scratch, s->alarm, s->median);
    if (alarmed)
        say_alarm(w, s, kind, alarmed);
    const struct archive_monitor out = {.name = monitor_names[kind], .units = monitor_units[kind], .line = kind == MONITOR_LINE ? w->line : "", .plan = w->plan,
                                        .n_pixels = s->n, .values = s->values, .alarm = s->alarm, .median = s->median, .pixels_alarmed = alarmed};
    return archive_monitor(a, &out);
}

bool monitoring_finish(struct monitoring *w, struct archive *a) {
    struct sheet s;
    bool good = sheet_init(&s, w);
    for (size_t i = 0; good && i < s.n; i++)
        good = !w->pixels[i] || pixel_monitor_finish(w->pixels[i], w->free_slots) == STATUS_OK;
    if (!good)
        log_error("out of memory for the monitors");
    for (int kind = 0; good && kind < N_MONITORS && w->plan->n > 0; kind++)
        if (kind != MONITOR_LINE || isfinite(w->settings.line_eV))
            good = finish_kind(w, &s, (enum monitor_kind)kind, a);
    sheet_done(&s);
    return good;
}
