#include "daemon/further_products.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/scan_consistency.h"
#include "calib/scan_cuts.h"
#include "calib/scan_repeat.h"
#include "daemon/log.h"

/* An inverse PFY is that of a line which the scan does not excite resonantly: a K line while an L edge is scanned, say. Of windows that are
 * called by another element than the scan's edge. */
static bool non_resonant(const char *window, const char *edge) {
    static const char *const k_lines[] = { "C", "N", "O" };
    for (size_t i = 0; i < sizeof k_lines / sizeof *k_lines; i++)
        if (strcmp(window, k_lines[i]) == 0)
            return strcmp(edge, window) != 0 && strcmp(edge, "scan") != 0;
    return false;
}

static bool mark_inverse(const struct scan_products *p, uint8_t *inverse) {
    struct scan_repeat r;
    if (scan_repeat_new(p->scan, &r) != STATUS_OK)
        return false;
    for (uint32_t k = 0; k < p->n_yields; k++)
        inverse[k] = non_resonant(p->yields[k]->region.name, r.edge);
    scan_repeat_done(&r);
    return true;
}

/* index: of the elastics. */
static bool write_cuts(const struct further_products *f, const struct scan_products *p, const struct scan_sum *sum, size_t index) {
    const struct scan_elastic *e = &f->elastics->of[index];
    const uint8_t *point_used = f->elastics->point_used[index];
    uint8_t *inverse = calloc(p->n_yields + (size_t)1, 1);
    struct elastic_area *area = calloc(p->n_points + (size_t)1, sizeof *area);
    bool good = inverse != NULL && area != NULL && mark_inverse(p, inverse);
    if (good) {
        const bool has_area = scan_cut_elastic_area(p, e, point_used, area) == STATUS_OK;
        const struct archive_cuts cuts = { .products = p, .sum = sum, .choice = f->choice, .elastic = e, .area = has_area ? area : NULL, .inverse = inverse };
        good = archive_elastic(f->archive, p->scan, sum, e, point_used) && archive_cuts(f->archive, &cuts);
    }
    free(area);
    free(inverse);
    return good;
}

static void tell(const struct scan_sum *sum, const struct scan_consistency *list) {
    for (uint32_t s = 0; s < sum->n_scans; s++) {
        const struct scan_consistency *c = &list[s];
        char why[200] = "";
        size_t at = 0;
        if (c->map.dof == 0) {
            printf("%-16.16s scan %4d against the others: no counts to compare\n", sum->group, c->scan_number);
            continue;
        }
        if (c->flags & INCONSISTENT_MAP)
            at += (size_t)snprintf(why + at, sizeof why - at, ", its map by %.1f", c->map.z);
        if (c->flags & INCONSISTENT_YIELD)
            at += (size_t)snprintf(why + at, sizeof why - at, ", a PFY");
        if (c->flags & INCONSISTENT_INCIDENT)
            at += (size_t)snprintf(why + at, sizeof why - at, ", shifted by %+.2f(%.2f) eV of incident energy", c->incident_shift_eV, c->incident_shift_sigma_eV);
        if (c->flags & INCONSISTENT_EMISSION)
            snprintf(why + at, sizeof why - at, ", shifted by %+.2f(%.2f) eV of emission energy", c->emission_shift_eV, c->emission_shift_sigma_eV);
        if (c->flags != 0)
            log_warning("scan %d does not agree with the other scans of %s (limit %g standard deviations)%s", c->scan_number, sum->group, CONSISTENCY_LIMIT, why);
        printf("%-16.16s scan %4d against the others: map chi2 %.0f / %u, ratio %.3f(%.3f), shift %+.2f(%.2f) eV in, %+.2f(%.2f) eV out%s\n", sum->group, c->scan_number,
               c->map.chi2, c->map.dof, c->ratio, c->ratio_sigma, c->incident_shift_eV, c->incident_shift_sigma_eV, c->emission_shift_eV, c->emission_shift_sigma_eV,
               c->flags != 0 ? "  FLAGGED" : "");
    }
}

static bool write_consistency(const struct further_products *f, const struct scan_sum *sum) {
    struct scan_products **members = calloc(sum->n_scans, sizeof(struct scan_products *));
    struct scan_consistency *list = NULL;
    size_t n = 0;
    for (uint32_t s = 0; members != NULL && s < sum->n_scans; s++)
        for (size_t k = 0; k < f->n_products; k++)
            if (f->products[k]->scan->number == sum->scan_numbers[s])
                members[n++] = f->products[k];
    bool good = members != NULL && n == sum->n_scans && scan_consistency_judge_products(members, n, &list) == STATUS_OK && archive_consistency(f->archive, sum, list);
    if (good && f->tell)
        tell(sum, list);
    scan_consistency_free(list, n);
    free(members);
    return good;
}

bool further_products_write(const struct further_products *f) {
    bool good = true;
    for (size_t k = 0; good && k < f->n_products; k++)
        good = write_cuts(f, f->products[k], NULL, k);
    for (size_t k = 0; good && k < f->n_sums; k++)
        good = write_cuts(f, f->sums[k].sum, &f->sums[k], f->n_products + k) && (f->sums[k].n_scans < 2 || write_consistency(f, &f->sums[k]));
    if (!good)
        log_error("the further products of the scans could not be made (no memory, or the disk)");
    return good;
}
