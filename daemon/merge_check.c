#include "daemon/merge_check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/scan_repeat.h"
#include "daemon/log.h"

/* A scan of an input, and what it is compared by. */
struct member { const struct rebuild_input *input; const struct rebuild_scan *scan; struct scan_repeat repeat; };

static const char *path_of(const struct member *m) { return m->input->file.path; }

/* ---- the same energies ---- */

static bool same_line_table(const struct rebuild_input *inputs, size_t n_inputs) {
    const struct rebuild_calibration *first = NULL;
    const char *where = NULL;
    for (size_t k = 0; k < n_inputs; k++)
        for (size_t i = 0; i < inputs[k].n_calibrations; i++) {
            const struct rebuild_calibration *c = &inputs[k].calibrations[i];
            if (first == NULL) {
                first = c;
                where = inputs[k].file.path;
            } else if (strcmp(first->line_table_text, c->line_table_text) != 0) {
                log_error("%s: calibrated with the line table %s, but %s with %s%s: their energies differ; replay one of them with --lines of the other", inputs[k].file.path,
                          c->line_table, where, first->line_table, strcmp(first->line_table, c->line_table) == 0 ? " of another text" : "");
                return false;
            }
        }
    return true;
}

/* ---- the same counts ---- */

static bool same_axis(const struct member *a, const struct member *b, const char *what, const struct energy_axis *x, const struct energy_axis *y) {
    if (x->lo_eV == y->lo_eV && x->hi_eV == y->hi_eV && x->bin_eV == y->bin_eV)
        return true;
    log_error("%s: the %s axis of scan %d is %g to %g eV in steps of %g, but %g to %g in steps of %g in %s; give --%s LO:HI:BIN to count both anew", path_of(b), what,
              b->scan->scan.number, y->lo_eV, y->hi_eV, y->bin_eV, x->lo_eV, x->hi_eV, x->bin_eV, path_of(a), what);
    return false;
}

static bool same_windows(const struct member *a, const struct member *b) {
    const struct rebuild_scan *x = a->scan, *y = b->scan;
    bool same = x->n_regions == y->n_regions;
    uint32_t k = 0;
    for (; same && k < x->n_regions; k++)
        same = strcmp(x->regions[k].name, y->regions[k].name) == 0 && x->regions[k].lo_eV == y->regions[k].lo_eV && x->regions[k].hi_eV == y->regions[k].hi_eV;
    if (!same)
        log_error("%s: scan %d has other windows (roi) than scan %d of %s%s%s; give --roi NAME=LO:HI for all of them to count both anew", path_of(b), y->scan.number,
                  x->scan.number, path_of(a), k > 0 ? ", the first is " : "", k > 0 ? x->regions[k - 1].name : "");
    return same;
}

static bool same_grades(const struct member *a, const struct member *b) {
    const struct rebuild_scan *x = a->scan, *y = b->scan;
    bool same = x->map_grades == y->map_grades;
    for (uint32_t k = 0; same && k < x->n_regions && k < y->n_regions; k++)
        same = x->region_grades[k] == y->region_grades[k];
    if (!same)
        log_error("%s: scan %d counts other grades than scan %d of %s: one was learnt from its records, the other not, or its pixels lack filters for close pulses; "
                  "replay both with one --calibration", path_of(b), y->scan.number, x->scan.number, path_of(a));
    return same;
}

static bool same_form(const struct member *a, const struct member *b, const struct merge_rules *rules) {
    const struct rebuild_scan *x = a->scan, *y = b->scan;
    return (rules->other_emission || same_axis(a, b, "emission", &x->emission, &y->emission)) && (rules->other_loss || same_axis(a, b, "loss", &x->loss, &y->loss)) &&
           (rules->other_windows || same_windows(a, b)) && same_grades(a, b);
}

/* ---- no photon twice ---- */

static bool overlap(const struct scan *a, const struct scan *b) { return a->start_ns < b->end_ns && b->start_ns < a->end_ns; }

static bool same_number(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

static bool same_point(const struct scan_point *a, const struct scan_point *b) {
    return a->start_ns == b->start_ns && a->end_ns == b->end_ns && same_number(a->incident_eV, b->incident_eV) && same_number(a->i0, b->i0);
}

/* Counts and live times of a part that owes something to other pixels owe it to those of the part, and not to all. */
static bool owes_nothing(const struct member *a, const struct member *b) {
    static const struct { uint32_t rule; const char *why; } rules[] = {
        { ARRAY_RULE_VETO, "a photon is vetoed by events of other pixels (veto.*), and how much of each pixel's time those of the other part would have taken stands in neither file" },
        { ARRAY_RULE_SAMPLED, "live time was sampled at the events of other pixels (live_time.method: array), and each part had its own only" },
        { ARRAY_RULE_LOSSY, "the trigger leaves no trace of what it drops, and each part found its live time from the rate of its own pixels only" } };
    const uint32_t owed = a->scan->array_rules | b->scan->array_rules;
    for (size_t k = 0; k < sizeof rules / sizeof *rules; k++)
        if (owed & rules[k].rule) {
            log_error("%s: scan %d here and in %s are parts of one array that do not add: %s; replay all channels together", path_of(b), b->scan->scan.number, path_of(a), rules[k].why);
            return false;
        }
    return true;
}

/* Two files hold a scan of one time: the same scan, seen by other channels. */
static bool shards(const struct member *a, const struct member *b) {
    const struct scan *x = &a->scan->scan, *y = &b->scan->scan;
    uint32_t k = 0;
    while (k < x->n_points && k < y->n_points && same_point(&x->points[k], &y->points[k]))
        k++;
    if (k < x->n_points || k < y->n_points || x->number != y->number || strcmp(x->sample, y->sample) != 0) {
        if (x->number != y->number)
            log_error("%s: scan %d and scan %d of %s are of the same time and have different numbers", path_of(b), y->number, x->number, path_of(a));
        else
            log_error("%s: scan %d is of the same time as in %s, but is not the same: %s", path_of(b), y->number, path_of(a),
                      k < x->n_points && k < y->n_points ? "times, energies or I0 of its points differ" : x->n_points != y->n_points ? "it has another number of points" : "another sample");
        return false;
    }
    if (!owes_nothing(a, b))
        return false;
    for (size_t p = 0; p < a->input->n_pixels; p++)
        for (size_t q = 0; q < b->input->n_pixels; q++)
            if (a->input->pixels[p].channel == b->input->pixels[q].channel) {
                log_error("%s: scan %d of channel %u is in %s as well; its photons would count twice", path_of(b), y->number, b->input->pixels[q].channel, path_of(a));
                return false;
            }
    return true;
}

static bool apart_in_time(const struct member *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++)
            if (list[i].input != list[k].input && overlap(&list[i].scan->scan, &list[k].scan->scan) && !shards(&list[k], &list[i]))
                return false;
    return true;
}

/* ---- something to add ---- */

/* Whether any scan of the input has a partner in another one; why not, for its first scan and the nearest stranger. */
static bool has_partner(const struct member *list, size_t n, const struct rebuild_input *input, char *why, size_t room) {
    bool told = false;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; list[i].input == input && k < n; k++) {
            char reason[160];
            if (list[k].input == input)
                continue;
            if (overlap(&list[i].scan->scan, &list[k].scan->scan) || scan_repeat_of(&list[k].repeat, &list[i].repeat, reason, sizeof reason))
                return true;
            if (!told)
                snprintf(why, room, "its scan %d against scan %d of %s: %s", list[i].scan->scan.number, list[k].scan->scan.number, path_of(&list[k]), reason);
            told = true;
        }
    if (!told)
        snprintf(why, room, "it has no scan with points");
    return false;
}

static bool all_have_partners(const struct member *list, size_t n, const struct rebuild_input *inputs, size_t n_inputs) {
    for (size_t k = 0; k < n_inputs; k++) {
        char why[512];
        if (has_partner(list, n, &inputs[k], why, sizeof why))
            continue;
        log_error("%s: nothing in it repeats a scan of the other files or is a part of one, so there is nothing to sum (%s); --apart puts them into one file all the same",
                  inputs[k].file.path, why);
        return false;
    }
    return true;
}

static struct member *list_scans(const struct rebuild_input *inputs, size_t n_inputs, size_t *n) {
    size_t all = 0;
    for (size_t k = 0; k < n_inputs; k++)
        all += inputs[k].n_scans;
    struct member *list = calloc(all + 1, sizeof *list);
    *n = 0;
    for (size_t k = 0; list != NULL && k < n_inputs; k++)
        for (size_t i = 0; i < inputs[k].n_scans; i++) {
            struct member *m = &list[*n];
            if (inputs[k].scans[i].scan.n_points == 0 || scan_repeat_new(&inputs[k].scans[i].scan, &m->repeat) != STATUS_OK)
                continue;
            m->input = &inputs[k];
            m->scan = &inputs[k].scans[i];
            ++*n;
        }
    return list;
}

static bool all_whole(const struct rebuild_input *inputs, size_t n_inputs) {
    for (size_t k = 0; k < n_inputs; k++)
        if (inputs[k].n_points != UINT64_MAX) {
            log_error("%s: its writer has not closed it; 'tesd recover' makes a whole file of it first", inputs[k].file.path);
            return false;
        }
    return true;
}

bool merge_check(struct rebuild_input *inputs, size_t n_inputs, const struct merge_rules *rules) {
    size_t n;
    struct member *list = list_scans(inputs, n_inputs, &n);
    bool good = list != NULL && all_whole(inputs, n_inputs) && same_line_table(inputs, n_inputs) && apart_in_time(list, n);
    for (size_t i = 1; good && i < n; i++)
        good = same_form(&list[0], &list[i], rules);
    if (good && n_inputs > 1 && !rules->apart)
        good = all_have_partners(list, n, inputs, n_inputs);
    for (size_t i = 0; list != NULL && i < n; i++)
        scan_repeat_done(&list[i].repeat);
    free(list);
    return good;
}
