#include "calib/scan_repeat.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/absorption_edge.h"

static int compare_double(double a, double b) {
    return a < b ? -1 : a > b;
}

static int by_energy(const void *va, const void *vb) {
    const struct set_point *a = va, *b = vb;
    int c = compare_double(a->incident_eV, b->incident_eV);
    return c ? c : (a->row < b->row ? -1 : a->row > b->row);
}

/* "scan" where the set points (by energy) cross no edge. */
static enum status edge_name(const struct set_point *p, uint32_t n, const char **name) {
    double *incident_eV = malloc((n + (size_t)1) * sizeof *incident_eV);
    if (incident_eV == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t k = 0; k < n; k++)
        incident_eV[k] = p[k].incident_eV;
    const struct absorption_edge *e = absorption_edge_crossed(incident_eV, n);
    *name = e != NULL ? e->symbol : "scan";
    free(incident_eV);
    return STATUS_OK;
}

enum status scan_repeat_new(const struct scan *s, struct scan_repeat *out) {
    struct set_point *p = calloc(s->n_points + (size_t)1, sizeof *p);
    if (p == NULL)
        return STATUS_NO_MEMORY;
    bool energies = true;
    for (uint32_t k = 0; k < s->n_points; k++) {
        p[k] = (struct set_point){ .incident_eV = s->points[k].incident_eV, .row = k };
        energies = energies && isfinite(p[k].incident_eV);
    }
    if (energies)
        qsort(p, s->n_points, sizeof *p, by_energy);
    *out = (struct scan_repeat){ .scan = s, .set_points = p, .edge = "scan" };
    return energies ? edge_name(p, s->n_points, &out->edge) : STATUS_OK;
}

void scan_repeat_done(struct scan_repeat *r) {
    free(r->set_points);
    *r = (struct scan_repeat){ 0 };
}

int scan_repeat_by_kind(const struct scan_repeat *a, const struct scan_repeat *b) {
    int c = strcmp(a->scan->sample, b->scan->sample);
    c = c ? c : strcmp(a->edge, b->edge);
    c = c ? c : strcmp(a->scan->var_name, b->scan->var_name);
    c = c ? c : strcmp(a->scan->var_unit, b->scan->var_unit);
    return c ? c : (a->scan->n_points < b->scan->n_points ? -1 : a->scan->n_points > b->scan->n_points);
}

/* Distance from set point k to the nearest other one; equal set points are one. 0 when there is no other. */
static double step_at(const struct set_point *p, uint32_t n, uint32_t k) {
    uint32_t below = k, above = k;
    while (below > 0 && p[below].incident_eV == p[k].incident_eV)
        below--;
    while (above + 1 < n && p[above].incident_eV == p[k].incident_eV)
        above++;
    double down = p[k].incident_eV - p[below].incident_eV, up = p[above].incident_eV - p[k].incident_eV;
    return down > 0 && (down < up || up <= 0) ? down : up;
}

/* The first set point that has no partner; n_points: all have one. NaN set points (a motor that is no energy) have none. */
static uint32_t lonely(const struct scan_repeat *first, const struct scan_repeat *r) {
    uint32_t n = first->scan->n_points;
    double step = 0;
    for (uint32_t k = 0; k < n; k++) {
        if (k == 0 || first->set_points[k].incident_eV != first->set_points[k - 1].incident_eV)
            step = step_at(first->set_points, n, k);
        if (!(fabs(first->set_points[k].incident_eV - r->set_points[k].incident_eV) <= step / 2))
            return k;
    }
    return n;
}

bool scan_repeat_meets(const struct scan_repeat *first, const struct scan_repeat *r) {
    return lonely(first, r) == first->scan->n_points;
}

bool scan_repeat_of(const struct scan_repeat *first, const struct scan_repeat *r, char *why, size_t n) {
    char unwanted[1];
    char *to = why != NULL ? why : unwanted;
    const size_t room = why != NULL ? n : sizeof unwanted;
    const struct scan *a = first->scan, *b = r->scan;
    to[0] = '\0';
    if (strcmp(a->sample, b->sample) != 0)
        snprintf(to, room, "the sample is \"%s\", not \"%s\"", b->sample, a->sample);
    else if (strcmp(first->edge, r->edge) != 0)
        snprintf(to, room, "the edge is %s, not %s", r->edge, first->edge);
    else if (strcmp(a->var_name, b->var_name) != 0 || strcmp(a->var_unit, b->var_unit) != 0)
        snprintf(to, room, "the motor is \"%s\" in \"%s\", not \"%s\" in \"%s\"", b->var_name, b->var_unit, a->var_name, a->var_unit);
    else if (a->n_points != b->n_points)
        snprintf(to, room, "it has %u points, not %u", b->n_points, a->n_points);
    else {
        const uint32_t k = lonely(first, r);
        if (k == a->n_points)
            return true;
        snprintf(to, room, "set point %u is %.10g eV, not %.10g eV: more than half a step", k, r->set_points[k].incident_eV, first->set_points[k].incident_eV);
    }
    return false;
}
