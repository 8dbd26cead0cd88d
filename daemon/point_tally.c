#include "daemon/point_tally.h"

#include <math.h>
#include <stdlib.h>

#include "pulse/growing_list.h"

enum { POINTS = 4, ENERGIES_MAX = 1 << 20, ENERGIES_FIRST = 256 };

struct tally_point { int32_t number, point; int64_t start_ns, end_ns; uint64_t records; float *energies_eV; size_t n, capacity; bool lost; };

struct point_tally {
    struct tally_point points[POINTS];   /* the newest at `newest`, the one before it before */
    unsigned n, newest;
    int32_t number, next;                /* of the running scan or calibration; of its next point */
};

bool point_tally_new(struct point_tally **out) {
    *out = calloc(1, sizeof **out);
    if (*out != NULL)
        (*out)->number = -1;
    return *out != NULL;
}

void point_tally_free(struct point_tally *t) {
    for (unsigned k = 0; t != NULL && k < POINTS; k++)
        free(t->points[k].energies_eV);
    free(t);
}

static void end_newest(struct point_tally *t, int64_t end_ns) {
    if (t->n > 0 && t->points[t->newest].end_ns == INT64_MAX)
        t->points[t->newest].end_ns = end_ns;
}

static void begin_point(struct point_tally *t, int64_t start_ns) {
    end_newest(t, start_ns);
    t->newest = (t->newest + 1) % POINTS;
    t->n += t->n < POINTS;
    struct tally_point *p = &t->points[t->newest];
    *p = (struct tally_point){ .number = t->number, .point = t->next++, .start_ns = start_ns, .end_ns = INT64_MAX, .energies_eV = p->energies_eV, .capacity = p->capacity };
}

void point_tally_event(struct point_tally *t, const struct scan_event *e) {
    switch (e->kind) {
    case SCAN_EVENT_SCAN_START:
    case SCAN_EVENT_CALIBRATION_START:
        end_newest(t, e->time_ns);
        t->number = e->number;
        t->next = 0;
        break;
    case SCAN_EVENT_POINT_START: begin_point(t, e->time_ns); break;
    case SCAN_EVENT_POINT_END:
    case SCAN_EVENT_CALIBRATION_END:
    case SCAN_EVENT_SCAN_END: end_newest(t, e->time_ns); break;
    default: break;
    }
}

static struct tally_point *at_time(struct point_tally *t, int64_t time_ns) {
    for (unsigned k = 0; k < t->n; k++) {
        struct tally_point *p = &t->points[(t->newest + POINTS - k) % POINTS];
        if (time_ns >= p->start_ns)
            return time_ns < p->end_ns ? p : NULL;
    }
    return NULL;
}

static void add_energy(struct tally_point *p, float energy_eV) {
    float *list = p->n < ENERGIES_MAX ? growing_list_room(p->energies_eV, p->n, &p->capacity, sizeof *list, ENERGIES_FIRST) : NULL;
    p->lost = p->lost || list == NULL;
    if (list == NULL)
        return;
    p->energies_eV = list;
    list[p->n++] = energy_eV;
}

void point_tally_rows(struct point_tally *t, const struct photon_block *rows, size_t n, const uint8_t *used) {
    for (size_t i = 0; t->n > 0 && i < n; i++) {
        struct tally_point *p = at_time(t, rows->time_ns[i]);
        if (p == NULL)
            continue;
        p->records++;
        if (rows->cuts[i] == 0 && isfinite(rows->energy_eV[i]) && (used == NULL || used[rows->pixel[i]] != 0))
            add_energy(p, rows->energy_eV[i]);
    }
}

bool point_tally_find(const struct point_tally *t, int32_t number, int32_t point, struct tallied *out) {
    for (unsigned k = 0; k < t->n; k++) {
        const struct tally_point *p = &t->points[(t->newest + POINTS - k) % POINTS];
        if (p->number != number || p->point != point)
            continue;
        *out = (struct tallied){ .records = p->records, .end_ns = p->end_ns, .n = p->n, .energies_eV = p->energies_eV, .complete = !p->lost };
        return p->end_ns != INT64_MAX;
    }
    return false;
}

uint32_t point_tally_in(const struct tallied *p, const struct yield_region *region) {
    uint32_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        n += (double)p->energies_eV[i] >= region->lo_eV && (double)p->energies_eV[i] < region->hi_eV;
    return n;
}
