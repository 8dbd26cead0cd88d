#include "calib/pixel_monitor.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calib/even_samples.h"
#include "calib/photon_block.h"
#include "pulse/cut.h"
#include "pulse/quick_median.h"

const char *const monitor_names[N_MONITORS] = {[MONITOR_PRETRIGGER_MEAN] = "pretrigger_mean", [MONITOR_RESIDUAL] = "residual", [MONITOR_RATE] = "rate",
                                               [MONITOR_LINE] = "line", [MONITOR_ELASTIC] = "elastic"};
const char *const monitor_units[N_MONITORS] = {[MONITOR_PRETRIGGER_MEAN] = "counts", [MONITOR_RESIDUAL] = "counts", [MONITOR_RATE] = "1/s",
                                               [MONITOR_LINE] = "eV", [MONITOR_ELASTIC] = "eV"};

enum { FEWEST = 15, CENTRE_ROUNDS = 12, SLACK = VALUE_SIEVE_SLACK };
static const double MEDIAN_SIGMA = 1.2533;   /* of a median over that of a mean, Gauss */
static const double REPEATED_SIGMA = 1.4;    /* of the repeated median over that; measured on lines over a flat background */
static const double SETTLED = 1e-3;          /* eV */

/* A photon near the elastic line. */
struct near_elastic { float difference_eV; uint32_t window, slot; };
enum { ALWAYS_FREE = UINT32_MAX };

/* Where values are sorted. */
struct desk {
    double *values;    /* all near a line, or samples: room for `most` + SLACK */
    double *near;      /* the same: those within reach of a centre */
    double *room;      /* the same: quick_median's */
};

struct pixel_monitor {
    const struct monitor_plan *plan;
    const struct value_sieve *sieve;
    struct monitor_settings settings;
    uint32_t window, count;
    size_t n_rows, n_line, n_kept;  /* n_rows: room for */
    struct even_samples *baseline, *residual;   /* in the room, until the end */
    struct desk desk;               /* in the room until the end, with the line's values */
    struct near_elastic *kept;      /* in order of windows; in the room until the end, then its own */
    bool no_memory;
    struct monitor_value *values;   /* N_MONITORS x plan->n */
};

static size_t desk_doubles(size_t most) {
    return 3 * ((most > EVEN_SAMPLES ? most : EVEN_SAMPLES) + SLACK);
}

static struct desk desk_in(double *room, size_t most) {
    const size_t each = desk_doubles(most) / 3;
    return (struct desk){ room, room + each, room + 2 * each };
}

size_t pixel_monitor_room(size_t n_rows) {
    const size_t each = sizeof(struct near_elastic) + 3 * sizeof(double), fixed = 2 * sizeof(struct even_samples) + sizeof(struct near_elastic) + desk_doubles(0) * sizeof(double);
    return n_rows < (SIZE_MAX - fixed) / each ? desk_doubles(n_rows) * sizeof(double) + 2 * sizeof(struct even_samples) + (n_rows + 1) * sizeof(struct near_elastic) : SIZE_MAX;
}

enum status pixel_monitor_new(const struct monitor_plan *plan, const struct monitor_settings *settings, void *room, size_t n_rows, struct pixel_monitor **out) {
    struct pixel_monitor *m = calloc(1, sizeof *m);
    if (m)
        m->values = malloc(((size_t)plan->n * N_MONITORS + 1) * sizeof *m->values);
    if (!m || !m->values) {
        pixel_monitor_free(m);
        return STATUS_NO_MEMORY;
    }
    m->desk = desk_in(room, n_rows);
    m->baseline = (struct even_samples *)(void *)((double *)room + desk_doubles(n_rows));
    m->residual = m->baseline + 1;
    m->kept = (struct near_elastic *)(void *)(m->residual + 1);
    even_samples_clear(m->baseline);
    even_samples_clear(m->residual);
    m->plan = plan;
    m->sieve = value_sieve_best();
    m->settings = *settings;
    m->n_rows = n_rows;
    for (size_t i = 0; i < (size_t)plan->n * N_MONITORS; i++)
        m->values[i] = (struct monitor_value){.value = NAN, .sigma = NAN};
    *out = m;
    return STATUS_OK;
}

void pixel_monitor_free(struct pixel_monitor *m) {
    if (!m)
        return;
    if (!m->baseline)
        free(m->kept);
    free(m->values);
    free(m);
}

static void put(struct pixel_monitor *m, enum monitor_kind kind, struct monitor_value v) {
    m->values[(size_t)kind * m->plan->n + m->window] = v;
}

static void put_median(struct pixel_monitor *m, enum monitor_kind kind, struct even_samples *s) {
    if (s->n > 0) {
        for (uint32_t i = 0; i < s->n; i++)
            m->desk.near[i] = (double)s->values[i];
        struct robust_centre c = quick_centre(m->sieve, m->desk.near, s->n, m->desk.room);
        put(m, kind, (struct monitor_value){(float)c.median, (float)(MEDIAN_SIGMA * c.sigma / sqrt(s->n)), s->seen});
    }
    even_samples_clear(s);
}

/* Of n values on the desk. */
static void put_centre(struct pixel_monitor *m, enum monitor_kind kind, size_t n, double expected, double reach) {
    const struct desk *d = &m->desk;
    double centre = expected, moved = reach;
    size_t near = 0;
    for (int round = 0; round < CENTRE_ROUNDS && moved > SETTLED; round++) {
        near = m->sieve->near(d->values, n, centre, reach, d->near);
        if (near < FEWEST)
            return;
        double now = quick_median(m->sieve, d->near, near, d->room);
        moved = fabs(now - centre);
        centre = now;
    }
    if (near < FEWEST)
        return;
    struct robust_centre c = quick_centre(m->sieve, d->near, near, d->room);
    put(m, kind, (struct monitor_value){(float)centre, (float)(REPEATED_SIGMA * MEDIAN_SIGMA * c.sigma / sqrt((double)near)), (uint32_t)near});
}

static void close_window(struct pixel_monitor *m) {
    const struct monitor_window *w = &m->plan->windows[m->window];
    double length_s = (double)(w->end_ns - w->start_ns) * 1e-9;
    put_centre(m, MONITOR_LINE, m->n_line, m->settings.line_eV, m->settings.line_reach_eV);
    put_median(m, MONITOR_PRETRIGGER_MEAN, m->baseline);
    put_median(m, MONITOR_RESIDUAL, m->residual);
    put(m, MONITOR_RATE, (struct monitor_value){(float)(m->count / length_s), (float)(sqrt(m->count) / length_s), m->count});
    m->n_line = 0;
    m->count = 0;
}

/* Closes windows up to the one that is to be current; windows without a record have a rate of 0. */
static void move_to(struct pixel_monitor *m, uint32_t window) {
    for (; m->window < window; m->window++)
        close_window(m);
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

static const uint32_t no_pulse = CUT_BIT(CUT_SECONDARY) | CUT_BIT(CUT_SHORT);

bool monitor_watches(uint32_t cuts) {
    return (cuts & no_pulse) == 0;
}

static size_t watched(const uint32_t *cuts, size_t n) {
    uint32_t all = 0;
    for (size_t i = 0; i < n; i++)
        all += (cuts[i] & no_pulse) == 0;
    return all;
}

static bool all_finite(const float *values, size_t n) {
    uint32_t finite = 0;
    for (size_t i = 0; i < n; i++)
        finite += fabsf(values[i]) <= FLT_MAX;
    return finite == n;
}

static void take_watched(struct even_samples *s, const float *values, const uint32_t *cuts, size_t n, bool all) {
    if (all && all_finite(values, n)) {
        even_samples_add_finite(s, values, n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (monitor_watches(cuts[i]))
            even_samples_add(s, values[i]);
}

/* A piece at a time: where something is wrong with a record, its neighbours only are looked at one by one. */
void pixel_monitor_add(struct pixel_monitor *m, const struct monitor_run *run) {
    enum { PIECE = 128 };
    for (size_t i = 0; i < run->n; i += PIECE) {
        const size_t n = run->n - i < PIECE ? run->n - i : PIECE, count = watched(run->cuts + i, n);
        m->count += (uint32_t)count;
        take_watched(m->baseline, run->pretrigger_mean + i, run->cuts + i, n, count == n);
        take_watched(m->residual, run->residual + i, run->cuts + i, n, count == n);
    }
}

static bool has_energy(const struct monitor_run *run, size_t i) {
    return (run->cuts[i] == 0) & ((run->flags[i] & TRUST_MASK) != TRUST_BEYOND);
}

/* Of record i; in calibrations the plan knows it. NaN: unknown, or between points. */
static inline double incident_of(const struct monitor_window *w, const struct monitor_run *run, size_t i) {
    return w->calibration ? w->mono_eV : (double)run->incident_eV[i];
}

/* Whether a photon is near a line is as good as random: each is put where it would stand. Within twice the reach: the centre may wander. */
static void add_line(struct pixel_monitor *m, const struct monitor_window *w, const struct monitor_run *run) {
    const double line_eV = m->settings.line_eV, above_eV = m->settings.line_above_eV, reach_eV = 2 * m->settings.line_reach_eV;
    double *to = m->desk.values + m->n_line;
    for (size_t i = 0; i < run->n; i++) {
        const double energy_eV = (double)run->energy_eV[i], incident_eV = incident_of(w, run, i);
        const bool excited = (incident_eV > above_eV) | (w->calibration && isnan(incident_eV));
        *to = energy_eV;
        to += (fabs(energy_eV - line_eV) <= reach_eV) & excited & has_energy(run, i);
    }
    m->n_line = (size_t)(to - m->desk.values);
}

static void add_elastic(struct pixel_monitor *m, const struct monitor_window *w, const struct monitor_run *run, uint32_t first_slot) {
    const double reach_eV = 2 * m->settings.elastic_reach_eV;
    struct near_elastic *to = m->kept + m->n_kept;
    for (size_t i = 0; i < run->n; i++) {
        const double difference = (double)run->energy_eV[i] - incident_of(w, run, i);   /* NaN is not near */
        *to = (struct near_elastic){(float)difference, m->window, w->calibration ? ALWAYS_FREE : first_slot + (uint32_t)run->point[i]};
        to += (fabs(difference) <= reach_eV) & has_energy(run, i);
    }
    m->n_kept = (size_t)(to - m->kept);
}

void pixel_monitor_add_lines(struct pixel_monitor *m, const struct monitor_run *run, uint32_t first_slot) {
    const struct monitor_window *w = &m->plan->windows[m->window];
    assert(m->n_line + run->n <= m->n_rows && m->n_kept + run->n <= m->n_rows);
    if (isfinite(m->settings.line_eV))
        add_line(m, w, run);
    add_elastic(m, w, run, first_slot);
}

void pixel_monitor_end(struct pixel_monitor *m) {
    move_to(m, m->plan->n);
    struct near_elastic *own = malloc((m->n_kept + 1) * sizeof *own);
    m->no_memory = own == NULL;
    if (own && m->n_kept > 0)
        memcpy(own, m->kept, m->n_kept * sizeof *own);
    m->kept = own;
    m->baseline = m->residual = NULL;
}

static void finish_elastic(struct pixel_monitor *m, const uint8_t *free_slots) {
    size_t at = 0;
    for (m->window = 0; m->window < m->plan->n; m->window++) {
        size_t n = 0;
        for (; at < m->n_kept && m->kept[at].window == m->window; at++) {
            m->desk.values[n] = (double)m->kept[at].difference_eV;
            n += m->kept[at].slot == ALWAYS_FREE || free_slots[m->kept[at].slot];
        }
        put_centre(m, MONITOR_ELASTIC, n, 0, m->settings.elastic_reach_eV);
    }
}

enum status pixel_monitor_finish(struct pixel_monitor *m, const uint8_t *free_slots) {
    double *room = m->no_memory ? NULL : malloc(desk_doubles(m->n_kept) * sizeof *room);
    if (!room)
        return STATUS_NO_MEMORY;
    m->desk = desk_in(room, m->n_kept);
    finish_elastic(m, free_slots);
    free(room);
    return STATUS_OK;
}

const struct monitor_value *pixel_monitor_values(const struct pixel_monitor *m, enum monitor_kind kind) {
    return m->values + (size_t)kind * m->plan->n;
}
