#include "calib/monitor_plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double SAME_INCIDENT = 25;   /* eV: the same edge */

/* What has to agree for windows to be compared. */
struct stretch {
    int64_t start_ns;
    const struct scan *scan;   /* the first one in it; NULL: before all scans */
    double incident_eV;
};

static double incident_of(const struct scan *s) {
    double sum = 0;
    uint32_t n = 0;
    if (s->calibration && isfinite(s->mono_eV))
        return s->mono_eV;
    for (uint32_t i = 0; i < s->n_points; i++)
        if (isfinite(s->points[i].incident_eV)) {
            sum += s->points[i].incident_eV;
            n++;
        }
    return n > 0 ? sum / n : (double)NAN;
}

static bool alike(const struct stretch *a, const struct stretch *b) {
    if (!a->scan || !b->scan)
        return a->scan == b->scan;
    bool known = isfinite(a->incident_eV) && isfinite(b->incident_eV);
    bool near = known ? fabs(a->incident_eV - b->incident_eV) < SAME_INCIDENT : isfinite(a->incident_eV) == isfinite(b->incident_eV);
    bool same_sample = a->scan->calibration || strcmp(a->scan->sample, b->scan->sample) == 0;
    return a->scan->calibration == b->scan->calibration && same_sample && near;
}

/* Stretches from first_ns on; those that end before it, or begin after last_ns, are left out. */
static size_t cut_stretches(const struct scan_timeline *t, int64_t first_ns, int64_t last_ns, struct stretch *out) {
    size_t n = 1;
    out[0] = (struct stretch){.start_ns = first_ns, .incident_eV = NAN};
    for (size_t i = 0; i < scan_timeline_count(t); i++) {
        const struct scan *s = scan_timeline_at(t, i);
        struct stretch next = {.start_ns = s->start_ns, .scan = s, .incident_eV = incident_of(s)};
        if (s->start_ns > last_ns)
            break;
        if (s->start_ns <= out[n - 1].start_ns) {
            next.start_ns = out[n - 1].start_ns;
            out[n - 1] = next;
        } else if (!alike(&out[n - 1], &next)) {
            out[n++] = next;
        }
    }
    return n;
}

static uint32_t key_of(const struct stretch *list, size_t i, uint32_t *keys, uint32_t *n_keys) {
    for (size_t k = 0; k < i; k++)
        if (alike(&list[k], &list[i]))
            return keys[i] = keys[k];
    return keys[i] = (*n_keys)++;
}

static void add_windows(struct monitor_plan *p, const struct stretch *s, int64_t end_ns, uint32_t key, double window_s) {
    double length_s = (double)(end_ns - s->start_ns) * 1e-9;
    uint32_t n = (uint32_t)fmax(1, floor(length_s / window_s + 0.5));
    for (uint32_t i = 0; i < n; i++) {
        int64_t from = s->start_ns + (int64_t)((double)(end_ns - s->start_ns) * i / n), to = s->start_ns + (int64_t)((double)(end_ns - s->start_ns) * (i + 1) / n);
        bool calibration = s->scan && s->scan->calibration;
        p->windows[p->n++] = (struct monitor_window){.start_ns = from, .end_ns = i + 1 == n ? end_ns : to, .key = key, .scan = s->scan ? s->scan->number : -1,
                                                     .calibration = calibration, .mono_eV = calibration ? s->scan->mono_eV : (double)NAN};
    }
}

enum status monitor_plan_new(const struct scan_timeline *t, int64_t first_ns, int64_t last_ns, double window_s, struct monitor_plan **out) {
    size_t most = scan_timeline_count(t) + 1, n = 0;
    struct monitor_plan *p = calloc(1, sizeof *p);
    struct stretch *stretches = calloc(most, sizeof *stretches);
    uint32_t *keys = calloc(most, sizeof *keys);
    if (p && stretches && keys && first_ns <= last_ns) {
        n = cut_stretches(t, first_ns, last_ns, stretches);
        window_s = fmax(window_s, (double)(last_ns - first_ns) * 1e-9 / MONITOR_MAX_WINDOWS);
        p->windows = calloc(2 * n + MONITOR_MAX_WINDOWS + 1, sizeof *p->windows);
    }
    bool good = p && stretches && keys && (p->windows || first_ns > last_ns);
    for (size_t i = 0; good && i < n; i++)
        add_windows(p, &stretches[i], i + 1 < n ? stretches[i + 1].start_ns : last_ns + 1, key_of(stretches, i, keys, &p->n_keys), window_s);
    free(stretches);
    free(keys);
    if (!good) {
        monitor_plan_free(p);
        return STATUS_NO_MEMORY;
    }
    *out = p;
    return STATUS_OK;
}

void monitor_plan_free(struct monitor_plan *p) {
    if (!p)
        return;
    free(p->windows);
    free(p);
}

uint32_t monitor_plan_find(const struct monitor_plan *p, int64_t time_ns, uint32_t from) {
    if (from < p->n && time_ns < p->windows[from].start_ns)
        from = 0;
    for (uint32_t i = from; i < p->n; i++)
        if (time_ns < p->windows[i].end_ns)
            return time_ns >= p->windows[i].start_ns ? i : p->n;
    return p->n;
}
