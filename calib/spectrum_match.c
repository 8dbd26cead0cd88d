#include "calib/spectrum_match.h"

#include <math.h>
#include <stdbool.h>

#include "calib/gain_spline.h"
#include "calib/peak_find.h"

enum { PEAKS = 64 };
static const double CLOSE_PEAKS = 0.02;   /* relative; the lower one is dropped (doc/methods.md, Lines and curves) */
static const double ROUGH = 4;            /* eV at 1 keV: rms of a choice that is no assignment */

/* Anchors closer than the pruning distance would prune each other. */
static double prune_distance(const struct fit_plan *plan) {
    double closest = CLOSE_PEAKS;
    for (size_t i = 1; i < plan->n_anchors; i++)
        closest = fmin(closest, 0.5 * (1 - plan->lines[i - 1].line.energy_eV / plan->lines[i].line.energy_eV));
    return closest;
}

/* Heights of all anchors: the matched ones as they are, the others by the gain spline through those. */
static bool complete(const struct line_match *m, const struct fit_plan *plan, double height[PLAN_MAX]) {
    double energy[MATCH_MAX_LINES];
    for (size_t k = 0; k < m->n; k++)
        energy[k] = plan->lines[m->line[k]].line.energy_eV;
    struct natural_spline g;
    gain_spline_init(&g, m->height, energy, m->n);
    if (!gain_spline_is_monotone(&g))
        return false;
    for (size_t i = 0; i < plan->n_anchors; i++)
        height[i] = gain_spline_height(&g, plan->lines[i].line.energy_eV, 2 * m->height[m->n - 1]);
    for (size_t k = 0; k < m->n; k++)
        height[m->line[k]] = m->height[k];
    return true;
}

static size_t peaks_of(const struct spectrum *smooth, double smooth_fwhm, const struct fit_plan *plan, struct peak *peaks) {
    size_t n = peak_find_drop_ripples(peaks, peak_find(smooth, peaks, PEAKS), 1.064 * smooth_fwhm / smooth->width);
    return line_match_prune(peaks, n, prune_distance(plan), MATCH_MAX_PEAKS);
}

enum status spectrum_match_find(const struct spectrum *smooth, double smooth_fwhm, const struct fit_plan *plan, struct spectrum_match *out) {
    struct match_line anchors[PLAN_MAX];
    double explained[PLAN_MAX];
    struct match_lines lines = {.anchors = anchors, .n_anchors = plan->n_anchors, .explained_eV = explained, .top_eV = plan->top_eV};
    for (size_t i = 0; i < plan->n; i++) {
        if (i < plan->n_anchors)
            anchors[i] = (struct match_line){plan->lines[i].line.energy_eV, plan->lines[i].line.unc_eV};
        else
            explained[lines.n_explained++] = plan->lines[i].line.energy_eV;
    }
    struct peak peaks[PEAKS];
    size_t n = peaks_of(smooth, smooth_fwhm, plan, peaks);
    struct spectrum_match m;
    enum status status = line_match_choices(peaks, n, &lines, m.choices, &m.n_choices);
    if (status != STATUS_OK)
        return status;
    if (m.choices[0].rms_eV > ROUGH * plan->scale || !complete(&m.choices[0], plan, m.height))
        return STATUS_NOT_FOUND;
    m.score = m.choices[0].score;
    m.margin = m.choices[0].margin;
    *out = m;
    return STATUS_OK;
}
