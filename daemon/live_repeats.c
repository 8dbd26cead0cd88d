#include "daemon/live_repeats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/scan_consistency.h"
#include "calib/scan_repeat.h"
#include "daemon/calibration_id.h"
#include "daemon/json_value.h"
#include "daemon/scan_copy.h"

struct kept_scan { struct scan_copy *copy; char calibration_id[CALIBRATION_ID_TEXT]; };

struct live_repeats {
    struct kept_scan kept[LIVE_REPEATS];   /* oldest first */
    size_t n;
    char odd[300];
};

bool live_repeats_new(struct live_repeats **out) {
    *out = calloc(1, sizeof **out);
    return *out != NULL;
}

void live_repeats_forget(struct live_repeats *r) {
    for (size_t k = 0; k < r->n; k++)
        scan_copy_free(r->kept[k].copy);
    r->n = 0;
    r->odd[0] = '\0';
}

void live_repeats_free(struct live_repeats *r) {
    if (r != NULL)
        live_repeats_forget(r);
    free(r);
}

const char *live_repeats_odd(const struct live_repeats *r) { return r->odd; }

/* ---- which are compared ---- */

static bool same_axis(struct energy_axis a, struct energy_axis b) { return a.lo_eV == b.lo_eV && a.hi_eV == b.hi_eV && a.bin_eV == b.bin_eV; }

static bool same_form(const struct scan_products *a, const struct scan_products *b) {
    bool same = a->n_pixels == b->n_pixels && a->n_yields == b->n_yields && same_axis(a->emission->axis, b->emission->axis) && same_axis(a->loss->axis, b->loss->axis);
    for (uint32_t k = 0; same && k < a->n_yields; k++) {
        const struct yield_region *x = &a->yields[k]->region, *y = &b->yields[k]->region;
        same = strcmp(x->name, y->name) == 0 && x->lo_eV == y->lo_eV && x->hi_eV == y->hi_eV;
    }
    return same;
}

static bool same_scan(const struct scan *a, const struct scan *b) {
    struct scan_repeat first = { 0 }, second = { 0 };
    const bool same = scan_repeat_new(a, &first) == STATUS_OK && scan_repeat_new(b, &second) == STATUS_OK && scan_repeat_of(&first, &second, NULL, 0);
    scan_repeat_done(&first);
    scan_repeat_done(&second);
    return same;
}

static bool repeats(const struct kept_scan *a, const struct kept_scan *b) {
    return strcmp(a->calibration_id, b->calibration_id) == 0 && same_form(a->copy->products, b->copy->products) && same_scan(&a->copy->scan, &b->copy->scan);
}

/* ---- what is told ---- */

static json_t *flag_names(uint32_t flags) {
    static const struct { uint32_t flag; const char *name; } all[] = {
        { INCONSISTENT_MAP, "map" }, { INCONSISTENT_YIELD, "yield" }, { INCONSISTENT_INCIDENT, "incident" }, { INCONSISTENT_EMISSION, "emission" } };
    json_t *names = json_array();
    for (size_t k = 0; k < sizeof all / sizeof all[0]; k++)
        if (flags & all[k].flag)
            json_array_append_new(names, json_string(all[k].name));
    return names;
}

static json_t *one_keys(const struct scan_consistency *c, uint32_t n_yields) {
    json_t *z = json_array(), *ratio = json_array(), *sigma = json_array();
    for (uint32_t k = 0; k < n_yields; k++) {
        json_array_append_new(z, json_value_number(c->yields[k].z));
        json_array_append_new(ratio, json_value_number(c->yield_ratio[k]));
        json_array_append_new(sigma, json_value_number(c->yield_ratio_sigma[k]));
    }
    return json_pack("{s:i, s:i, s:o, s:o, s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "scan", (int)c->scan_number, "points", (int)c->n_points, "ratio", json_value_number(c->ratio),
                     "ratio_sigma", json_value_number(c->ratio_sigma), "map_chi2", json_value_number(c->map.chi2), "map_dof", (int)c->map.dof, "map_z", json_value_number(c->map.z), "yield_z", z,
                     "yield_ratio", ratio, "yield_ratio_sigma", sigma, "incident_shift_eV", json_value_number(c->incident_shift_eV), "incident_shift_sigma_eV",
                     json_value_number(c->incident_shift_sigma_eV), "emission_shift_eV", json_value_number(c->emission_shift_eV), "emission_shift_sigma_eV",
                     json_value_number(c->emission_shift_sigma_eV), "flags", flag_names(c->flags));
}

static void say_odd(struct live_repeats *r, const struct scan_consistency *list, size_t n) {
    size_t at = 0, odd = 0;
    r->odd[0] = '\0';
    for (size_t k = 0; k < n; k++)
        if (list[k].flags != 0 && at < sizeof r->odd - 60)
            at += (size_t)snprintf(r->odd + at, sizeof r->odd - at, "%s %d", odd++ == 0 ? "scan" : ",", list[k].scan_number);
    if (odd > 0)
        snprintf(r->odd + at, sizeof r->odd - at, " of %zu repeats: beyond %g standard deviations from the others", n, CONSISTENCY_LIMIT);
}

static json_t *judge(struct live_repeats *r, struct scan_products *const *members, size_t n) {
    struct scan_consistency *list = NULL;
    if (scan_consistency_judge(members, n, &list) != STATUS_OK)
        return NULL;
    json_t *windows = json_array(), *scans = json_array();
    for (uint32_t k = 0; k < members[0]->n_yields; k++)
        json_array_append_new(windows, json_value_text(members[0]->yields[k]->region.name));
    for (size_t k = 0; k < n; k++)
        json_array_append_new(scans, one_keys(&list[k], members[0]->n_yields));
    say_odd(r, list, n);
    scan_consistency_free(list, n);
    return json_pack("{s:o, s:b, s:f, s:o, s:o}", "sample", json_value_text(members[0]->scan->sample), "by_i0", scan_consistency_by_i0(members, n), "limit", CONSISTENCY_LIMIT, "windows", windows, "repeats", scans);
}

/* ---- scans that are over ---- */

static struct kept_scan *keep(struct live_repeats *r, const struct scan_products *p, const char *calibration_id) {
    struct scan_copy *copy;
    if (!scan_copy_make(p, p->n_points, &copy))
        return NULL;
    if (r->n == LIVE_REPEATS) {
        scan_copy_free(r->kept[0].copy);
        memmove(r->kept, r->kept + 1, (LIVE_REPEATS - 1) * sizeof *r->kept);
        r->n--;
    }
    struct kept_scan *k = &r->kept[r->n++];
    k->copy = copy;
    snprintf(k->calibration_id, sizeof k->calibration_id, "%s", calibration_id);
    return k;
}

json_t *live_repeats_add(struct live_repeats *r, const struct scan_products *p, const char *calibration_id) {
    struct scan_products *members[LIVE_REPEATS];
    const struct kept_scan *newest = keep(r, p, calibration_id);
    size_t n = 0;
    for (size_t k = 0; newest != NULL && k < r->n; k++)
        if (&r->kept[k] == newest || repeats(newest, &r->kept[k]))
            members[n++] = r->kept[k].copy->products;
    return n >= 2 ? judge(r, members, n) : NULL;
}
