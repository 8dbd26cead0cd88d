#include "daemon/live_repeats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/repeat_counts.h"
#include "calib/scan_consistency.h"
#include "calib/scan_repeat.h"
#include "daemon/calibration_id.h"
#include "daemon/json_value.h"
#include "daemon/repeat_table.h"

struct kept_scan { struct repeat_counts *counts; char calibration_id[CALIBRATION_ID_TEXT]; };

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
        repeat_counts_free(r->kept[k].counts);
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

static bool same_form(const struct repeat_counts *a, const struct repeat_counts *b) {
    bool same = a->n_pixels == b->n_pixels && a->n_yields == b->n_yields && same_axis(a->emission, b->emission) && same_axis(a->loss, b->loss);
    for (uint32_t k = 0; same && k < a->n_yields; k++) {
        const struct yield_region *x = &a->yields[k].region, *y = &b->yields[k].region;
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
    return strcmp(a->calibration_id, b->calibration_id) == 0 && same_form(a->counts, b->counts) && same_scan(&a->counts->scan, &b->counts->scan);
}

/* ---- what is told ---- */

static void say_odd(struct live_repeats *r, const struct scan_consistency *list, size_t n) {
    size_t at = 0, odd = 0;
    r->odd[0] = '\0';
    for (size_t k = 0; k < n; k++)
        if (list[k].flags != 0 && at < sizeof r->odd - 60)
            at += (size_t)snprintf(r->odd + at, sizeof r->odd - at, "%s %d", odd++ == 0 ? "scan" : ",", list[k].scan_number);
    if (odd > 0)
        snprintf(r->odd + at, sizeof r->odd - at, " of %zu repeats: beyond %g standard deviations from the others", n, CONSISTENCY_LIMIT);
}

static json_t *judge(struct live_repeats *r, const struct repeat_counts *const *members, size_t n) {
    struct scan_consistency *list = NULL;
    if (scan_consistency_judge(members, n, &list) != STATUS_OK)
        return NULL;
    const char **windows = calloc(members[0]->n_yields + 1, sizeof *windows);
    for (uint32_t k = 0; windows != NULL && k < members[0]->n_yields; k++)
        windows[k] = members[0]->yields[k].region.name;
    say_odd(r, list, n);
    json_t *keys = windows != NULL ? repeat_table_keys(list, n, windows, members[0]->n_yields) : NULL;
    if (keys != NULL)
        json_object_update_new(keys, json_pack("{s:o, s:b}", "sample", json_value_text(members[0]->scan.sample), "by_i0", scan_consistency_by_i0(members, n)));
    free(windows);
    scan_consistency_free(list, n);
    return keys;
}

/* ---- scans that are over ---- */

static void drop_oldest(struct live_repeats *r) {
    repeat_counts_free(r->kept[0].counts);
    memmove(r->kept, r->kept + 1, --r->n * sizeof *r->kept);
}

size_t live_repeats_bytes(const struct live_repeats *r) {
    size_t bytes = 0;
    for (size_t k = 0; k < r->n; k++)
        bytes += repeat_counts_bytes(r->kept[k].counts);
    return bytes;
}

static struct kept_scan *keep(struct live_repeats *r, const struct scan_products *p, const char *calibration_id) {
    struct repeat_counts *counts;
    if (repeat_counts_new(p, &counts) != STATUS_OK)
        return NULL;
    while (r->n == LIVE_REPEATS || (r->n > 0 && live_repeats_bytes(r) + repeat_counts_bytes(counts) > LIVE_REPEATS_BYTES))
        drop_oldest(r);
    struct kept_scan *k = &r->kept[r->n++];
    k->counts = counts;
    snprintf(k->calibration_id, sizeof k->calibration_id, "%s", calibration_id);
    return k;
}

json_t *live_repeats_add(struct live_repeats *r, const struct scan_products *p, const char *calibration_id) {
    const struct repeat_counts *members[LIVE_REPEATS];
    const struct kept_scan *newest = keep(r, p, calibration_id);
    size_t n = 0;
    for (size_t k = 0; newest != NULL && k < r->n; k++)
        if (&r->kept[k] == newest || repeats(newest, &r->kept[k]))
            members[n++] = r->kept[k].counts;
    return n >= 2 ? judge(r, members, n) : NULL;
}
