#include "calib/pixel_monitor.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "pulse/growing_list.h"
#include "pulse/robust.h"

const char *const monitor_names[N_MONITORS] = {[MONITOR_PRETRIGGER_MEAN] = "pretrigger_mean", [MONITOR_RESIDUAL] = "residual", [MONITOR_RATE] = "rate",
                                               [MONITOR_LINE] = "line", [MONITOR_ELASTIC] = "elastic"};
const char *const monitor_units[N_MONITORS] = {[MONITOR_PRETRIGGER_MEAN] = "counts", [MONITOR_RESIDUAL] = "counts", [MONITOR_RATE] = "1/s",
                                               [MONITOR_LINE] = "eV", [MONITOR_ELASTIC] = "eV"};

enum { SAMPLES = 512, FEWEST = 15, CENTRE_ROUNDS = 12, FIRST_ROOM = 256 };
static_assert((int)MONITOR_RUN < (int)FIRST_ROOM, "a list doubled once has room for a run");
static const double MEDIAN_SIGMA = 1.2533;   /* of a median over that of a mean, Gauss */
static const double REPEATED_SIGMA = 1.4;    /* of the repeated median over that; measured on lines over a flat background */
static const double SETTLED = 1e-3;          /* eV */

/* At most SAMPLES evenly taken values of a window: every stride-th, a power of 2. A median needs no more. */
struct samples {
    double values[SAMPLES];
    uint32_t n, seen, stride;
};

/* A photon near the elastic line. */
struct near_elastic { float difference_eV; uint32_t window, slot; };
enum { ALWAYS_FREE = UINT32_MAX };

/* All values near a line. */
struct list {
    double *values;
    size_t n, room;
};

struct pixel_monitor {
    const struct monitor_plan *plan;
    struct monitor_settings settings;
    uint32_t window, count;
    struct samples *baseline, *residual;   /* until the end */
    struct list line, elastic;
    struct near_elastic *kept;      /* in order of windows */
    size_t n_kept, kept_room;
    double *scratch;
    size_t scratch_room;
    bool no_memory;
    struct monitor_value *values;   /* N_MONITORS x plan->n */
};

static void forget(struct samples *s) {
    s->n = s->seen = s->stride = 0;
}

enum status pixel_monitor_new(const struct monitor_plan *plan, const struct monitor_settings *settings, struct pixel_monitor **out) {
    struct pixel_monitor *m = calloc(1, sizeof *m);
    if (m) {
        m->values = calloc((size_t)plan->n * N_MONITORS + 1, sizeof *m->values);
        m->baseline = malloc(2 * sizeof *m->baseline);
    }
    if (!m || !m->values || !m->baseline) {
        pixel_monitor_free(m);
        return STATUS_NO_MEMORY;
    }
    m->residual = m->baseline + 1;
    forget(m->baseline);
    forget(m->residual);
    m->plan = plan;
    m->settings = *settings;
    for (size_t i = 0; i < (size_t)plan->n * N_MONITORS; i++)
        m->values[i] = (struct monitor_value){.value = NAN, .sigma = NAN};
    *out = m;
    return STATUS_OK;
}

void pixel_monitor_free(struct pixel_monitor *m) {
    if (!m)
        return;
    free(m->baseline);
    free(m->line.values);
    free(m->elastic.values);
    free(m->kept);
    free(m->scratch);
    free(m->values);
    free(m);
}

static void take(struct samples *s, double value) {
    if (!isfinite(value))
        return;
    s->stride = s->stride ? s->stride : 1;
    if ((s->seen++ & (s->stride - 1)) != 0)
        return;
    if (s->n == SAMPLES) {
        for (uint32_t i = 0; i < SAMPLES / 2; i++)
            s->values[i] = s->values[2 * i];
        s->n = SAMPLES / 2;
        s->stride *= 2;
        if (((s->seen - 1) & (s->stride - 1)) != 0)
            return;
    }
    s->values[s->n++] = value;
}

/* Values need no branch while there is room for all of them and each is wanted. */
static void take_all(struct samples *s, const float *values, size_t n) {
    if (s->stride > 1 || n > SAMPLES - s->n) {
        for (size_t i = 0; i < n; i++)
            take(s, (double)values[i]);
        return;
    }
    uint32_t at = s->n;
    for (size_t i = 0; i < n; i++) {
        s->values[at] = (double)values[i];
        at += isfinite(values[i]) != 0;
    }
    s->stride = 1;
    s->seen += at - s->n;
    s->n = at;
}

/* Room for n more, at most FIRST_ROOM. */
static bool make_room(struct pixel_monitor *m, struct list *l, size_t n) {
    double *values = growing_list_room(l->values, l->n + n, &l->room, sizeof *values, FIRST_ROOM);
    m->no_memory = m->no_memory || values == NULL;
    if (values != NULL)
        l->values = values;
    return values != NULL;
}

static void append(struct pixel_monitor *m, struct list *l, double value) {
    if (make_room(m, l, 1))
        l->values[l->n++] = value;
}

static void put(struct pixel_monitor *m, enum monitor_kind kind, struct monitor_value v) {
    m->values[(size_t)kind * m->plan->n + m->window] = v;
}

static void put_median(struct pixel_monitor *m, enum monitor_kind kind, struct samples *s) {
    if (s->n > 0) {
        struct robust_centre c = robust_centre(s->values, s->n);
        put(m, kind, (struct monitor_value){(float)c.median, (float)(MEDIAN_SIGMA * c.sigma / sqrt(s->n)), s->seen});
    }
    forget(s);
}

/* Values within reach of a place, copied to scratch. */
static size_t within(struct pixel_monitor *m, const struct list *l, double centre, double reach) {
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++)
        if (fabs(l->values[i] - centre) <= reach)
            m->scratch[n++] = l->values[i];
    return n;
}

static void put_centre(struct pixel_monitor *m, enum monitor_kind kind, struct list *l, double expected, double reach) {
    double centre = expected, moved = reach;
    size_t n = 0;
    if (l->n > m->scratch_room) {
        free(m->scratch);
        m->scratch = malloc(l->room * sizeof *m->scratch);
        m->scratch_room = m->scratch ? l->room : 0;
        m->no_memory = m->no_memory || !m->scratch;
    }
    for (int round = 0; round < CENTRE_ROUNDS && moved > SETTLED && l->n <= m->scratch_room; round++) {
        n = within(m, l, centre, reach);
        if (n < FEWEST)
            break;
        double now = robust_median(m->scratch, n);
        moved = fabs(now - centre);
        centre = now;
    }
    if (n >= FEWEST) {
        struct robust_centre c = robust_centre(m->scratch, n);
        put(m, kind, (struct monitor_value){(float)centre, (float)(REPEATED_SIGMA * MEDIAN_SIGMA * c.sigma / sqrt((double)n)), (uint32_t)n});
    }
    l->n = 0;
}

static void close_window(struct pixel_monitor *m) {
    const struct monitor_window *w = &m->plan->windows[m->window];
    double length_s = (double)(w->end_ns - w->start_ns) * 1e-9;
    put_median(m, MONITOR_PRETRIGGER_MEAN, m->baseline);
    put_median(m, MONITOR_RESIDUAL, m->residual);
    put(m, MONITOR_RATE, (struct monitor_value){(float)(m->count / length_s), (float)(sqrt(m->count) / length_s), m->count});
    put_centre(m, MONITOR_LINE, &m->line, m->settings.line_eV, m->settings.line_reach_eV);
    m->count = 0;
}

/* Closes windows up to the one that is to be current; windows without a record have a rate of 0. */
static void move_to(struct pixel_monitor *m, uint32_t window) {
    for (; m->window < window; m->window++)
        close_window(m);
}

static bool make_room_to_keep(struct pixel_monitor *m, size_t n) {
    struct near_elastic *kept = growing_list_room(m->kept, m->n_kept + n, &m->kept_room, sizeof *kept, FIRST_ROOM);
    m->no_memory = m->no_memory || kept == NULL;
    if (kept != NULL)
        m->kept = kept;
    return kept != NULL;
}

bool pixel_monitor_move(struct pixel_monitor *m, int64_t time_ns, struct time_span *same) {
    const uint32_t n = m->plan->n;
    const struct monitor_window *now = &m->plan->windows[m->window];
    *same = (struct time_span){ time_ns, time_ns + 1 };
    if (m->window >= n || time_ns < now->start_ns || time_ns >= now->end_ns) {
        uint32_t window = monitor_plan_find(m->plan, time_ns, m->window);
        if (window == n || window < m->window)
            return false;
        move_to(m, window);
        now = &m->plan->windows[window];
    }
    *same = (struct time_span){ now->start_ns, now->end_ns };
    return true;
}

/* Whether a photon is near a line is as good as random: each is put where it would stand. Within twice the reach: the centre may wander. */
static void add_line(struct pixel_monitor *m, const struct monitor_run *run) {
    const struct monitor_settings *s = &m->settings;
    if (!make_room(m, &m->line, run->n_photons))
        return;
    for (size_t i = 0; i < run->n_photons; i++) {
        m->line.values[m->line.n] = (double)run->energy_eV[i];
        m->line.n += fabs((double)run->energy_eV[i] - s->line_eV) <= 2 * s->line_reach_eV;
    }
}

static void add_elastic(struct pixel_monitor *m, const struct monitor_run *run, double incident_eV, uint32_t slot) {
    if (!make_room_to_keep(m, run->n_photons))
        return;
    for (size_t i = 0; i < run->n_photons; i++) {
        double difference = (double)run->energy_eV[i] - incident_eV;
        m->kept[m->n_kept] = (struct near_elastic){(float)difference, m->window, slot};
        m->n_kept += fabs(difference) <= 2 * m->settings.elastic_reach_eV;
    }
}

void pixel_monitor_add(struct pixel_monitor *m, const struct monitor_run *run) {
    const struct monitor_window *w = &m->plan->windows[m->window];
    m->count += (uint32_t)run->n;
    take_all(m->baseline, run->pretrigger_mean, run->n);
    take_all(m->residual, run->residual, run->n);
    double incident = w->calibration ? w->mono_eV : run->incident_eV;
    bool excited = incident > m->settings.line_above_eV || (w->calibration && isnan(incident));
    if (excited && isfinite(m->settings.line_eV))
        add_line(m, run);
    if (isfinite(incident))
        add_elastic(m, run, incident, w->calibration ? ALWAYS_FREE : run->slot);
}

static void finish_elastic(struct pixel_monitor *m, const uint8_t *free_slots) {
    size_t at = 0;
    for (m->window = 0; m->window < m->plan->n; m->window++) {
        for (; at < m->n_kept && m->kept[at].window == m->window; at++)
            if (m->kept[at].slot == ALWAYS_FREE || free_slots[m->kept[at].slot])
                append(m, &m->elastic, (double)m->kept[at].difference_eV);
        put_centre(m, MONITOR_ELASTIC, &m->elastic, 0, m->settings.elastic_reach_eV);
    }
}

void pixel_monitor_end(struct pixel_monitor *m) {
    move_to(m, m->plan->n);
    free(m->baseline);
    free(m->line.values);
    free(m->scratch);
    m->baseline = m->residual = NULL;
    m->line = (struct list){0};
    m->scratch = NULL;
    m->scratch_room = 0;
}

enum status pixel_monitor_finish(struct pixel_monitor *m, const uint8_t *free_slots) {
    finish_elastic(m, free_slots);
    return m->no_memory ? STATUS_NO_MEMORY : STATUS_OK;
}

const struct monitor_value *pixel_monitor_values(const struct pixel_monitor *m, enum monitor_kind kind) {
    return m->values + (size_t)kind * m->plan->n;
}
