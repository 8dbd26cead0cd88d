#include "calib/fit_plan.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

/* Starting point at 1 keV, grows with the square root of the energy above that; replaced by what the fits find. */
static const double FIRST_RESOLUTION = 3.0;
static const double SMOOTH = 4.0;              /* doc/methods.md, Lines and curves */
static const double SEARCH = 17.0;             /* doc/methods.md, Lines and curves */
static const double CHECK_SEARCH = 5.0, ELASTIC_SEARCH = 12.0;
static const double WINDOW_PER_WIDTH = 1.33, WINDOW_PER_RESOLUTION = 2.4, BEYOND_COMPANION = 0.8;
static const double WEAK_COUNTS = 200;         /* below: a free width scatters by more than 5 % even without background */
static const double NEARBY = 0.15;             /* a width may be taken over from a line within 15 % in energy */

/* Chemical symbol at the start of a line's name: a capital letter and the small ones behind it ("FeLa" -> "Fe"). */
static size_t symbol_length(const char *name) {
    size_t n = isupper((unsigned char)name[0]) ? 1 : 0;
    while (n > 0 && islower((unsigned char)name[n]))
        n++;
    return n;
}

static bool same_element(const struct reference_line *a, const struct reference_line *b) {
    size_t n = symbol_length(a->name);
    return n > 0 && n == symbol_length(b->name) && memcmp(a->name, b->name, n) == 0;
}

static double half_window(const struct fit_plan *plan, const struct planned_line *l) {
    return fmax(WINDOW_PER_WIDTH * l->fwhm_eV, WINDOW_PER_RESOLUTION * plan->resolution_eV);
}

static void set_width(const struct fit_plan *plan, struct planned_line *l, double measured_fwhm_eV) {
    double resolution = plan->resolution_eV;
    l->gauss_fwhm_eV = resolution;
    if (!l->shape.total_is_gauss) {
        l->fwhm_eV = line_shape_fwhm(&l->shape, resolution);
        return;
    }
    double intrinsic = l->elastic ? 0 : l->shape.intrinsic_fwhm_eV;
    l->fwhm_eV = isnan(intrinsic) ? resolution : hypot(intrinsic, resolution);
    if (isnan(intrinsic) && measured_fwhm_eV > 0)
        l->fwhm_eV = fmin(fmax(measured_fwhm_eV, 0.7 * resolution), 8 * resolution);
    l->gauss_fwhm_eV = l->fwhm_eV;
}

static bool is_companion(const struct fit_plan *plan, const struct planned_line *l, const struct planned_line *other) {
    double offset = other->line.energy_eV - l->line.energy_eV;
    if (l == other || (!other->elastic && !same_element(&l->line, &other->line)))
        return false;
    if (l->shape.n > 1 || fabs(offset) < 0.5 * plan->resolution_eV)
        return false;  /* a measured profile has its neighbours inside; and two lines this close cannot be told apart */
    return fabs(offset) < half_window(plan, l) + half_window(plan, other);
}

/* Beside a line of free width another has the same; beside one with a width of its own the elastic line has none, and a line of which
 * nothing is known has that of its neighbour (Fe Lb that of Fe La). */
static struct line_shape companion_shape(const struct fit_plan *plan, const struct planned_line *l, const struct planned_line *other) {
    struct line_shape shape = other->elastic ? l->shape : other->shape;
    if (!plan->shared)
        return shape;
    if (l->shape.total_is_gauss || other->shape.total_is_gauss)
        shape = l->shape;
    if (other->elastic && !l->shape.total_is_gauss)
        shape = (struct line_shape){.n = 1, .component = {{.share = 1}}, .tail = l->shape.tail};
    return shape;
}

static void set_window(struct fit_plan *plan, struct planned_line *l) {
    double half = half_window(plan, l), nearest = INFINITY;
    l->below_eV = l->above_eV = half;
    l->has_companion = false;
    for (size_t i = 0; i < plan->n; i++) {
        const struct planned_line *other = &plan->lines[i];
        double offset = other->line.energy_eV - l->line.energy_eV;
        if (!is_companion(plan, l, other) || fabs(offset) > nearest)
            continue;
        nearest = fabs(offset);
        l->has_companion = true;
        l->companion = companion_shape(plan, l, other);
        l->companion_offset_eV = offset;
    }
    if (l->has_companion && l->companion_offset_eV > 0)
        l->above_eV = l->companion_offset_eV + BEYOND_COMPANION * half;
    else if (l->has_companion)
        l->below_eV = -l->companion_offset_eV + BEYOND_COMPANION * half;
}

static void set_windows(struct fit_plan *plan) {
    for (size_t i = 0; i < plan->n; i++)
        set_window(plan, &plan->lines[i]);
    plan->bin_eV = plan->resolution_eV / 6;
}

static void add_line(struct fit_plan *plan, const struct reference_line *line, bool anchor, bool elastic) {
    struct planned_line *l = &plan->lines[plan->n++];
    *l = (struct planned_line){.line = *line, .anchor = anchor, .elastic = elastic, .width_of = -1};
    line_shape_init(&l->shape, line);
    l->search_eV = (anchor ? SEARCH : elastic ? ELASTIC_SEARCH : CHECK_SEARCH) * plan->scale;
    set_width(plan, l, NAN);
}

/* Windows of search must not reach past the middle between two anchors. */
static void limit_searches(struct fit_plan *plan) {
    for (size_t i = 1; i < plan->n_anchors; i++) {
        struct planned_line *a = &plan->lines[i - 1], *b = &plan->lines[i];
        double half = 0.45 * (b->line.energy_eV - a->line.energy_eV);
        a->search_eV = fmin(a->search_eV, half);
        b->search_eV = fmin(b->search_eV, half);
    }
}

static void set_scale(struct fit_plan *plan, double top_eV) {
    plan->top_eV = top_eV;
    plan->scale = fmax(1, top_eV / 1000);
    double root = sqrt(plan->scale);
    plan->resolution_eV = FIRST_RESOLUTION * root;
    plan->smooth_eV = SMOOTH * root;
}

enum status fit_plan_init(struct fit_plan *plan, const struct line_table *lines, double mono_eV, struct complaint *why) {
    uint16_t anchor[LINE_TABLE_MAX], check[LINE_TABLE_MAX];
    size_t n_anchors = line_table_excited(lines, LINE_ANCHOR, mono_eV, anchor, LINE_TABLE_MAX);
    size_t n_checks = line_table_excited(lines, LINE_CHECK, mono_eV, check, LINE_TABLE_MAX);
    if (n_anchors < 2) {
        complaint_set(why, 0, 0, "line table %s has %zu anchors that %.6g eV excites, at least 2 are needed", lines->name, n_anchors, mono_eV);
        return STATUS_NOT_FOUND;
    }
    if (n_anchors > PLAN_MAX) {
        complaint_set(why, 0, 0, "line table %s has %zu excited anchors, at most %d are possible", lines->name, n_anchors, PLAN_MAX);
        return STATUS_BAD_VALUE;
    }
    *plan = (struct fit_plan){.n = 0};
    double highest = lines->lines[anchor[n_anchors - 1]].energy_eV;
    set_scale(plan, mono_eV > highest && mono_eV < 1.3 * highest ? mono_eV : highest);
    for (size_t i = 0; i < n_anchors; i++)
        add_line(plan, &lines->lines[anchor[i]], true, false);
    plan->n_anchors = n_anchors;
    bool elastic = mono_eV > 0 && isfinite(mono_eV) && plan->n < PLAN_MAX;
    for (size_t i = 0; i < n_checks && plan->n + elastic < PLAN_MAX; i++)
        add_line(plan, &lines->lines[check[i]], false, false);
    if (elastic) {
        struct reference_line line = {.name = "elastic", .energy_eV = mono_eV, .use = LINE_CHECK};
        add_line(plan, &line, false, true);
    }
    limit_searches(plan);
    set_windows(plan);
    return STATUS_OK;
}

static void tie_widths(struct fit_plan *plan, const double *counts) {
    for (size_t i = 0; i < plan->n_anchors; i++) {
        struct planned_line *l = &plan->lines[i];
        double nearest = NEARBY * l->line.energy_eV;
        l->width_of = -1;
        if (!(counts[i] < WEAK_COUNTS))
            continue;
        for (size_t k = 0; k < plan->n_anchors; k++) {
            double distance = fabs(plan->lines[k].line.energy_eV - l->line.energy_eV);
            if (k == i || !(counts[k] > 1.5 * counts[i]) || distance > nearest || plan->lines[k].shape.total_is_gauss != l->shape.total_is_gauss)
                continue;
            nearest = distance;
            l->width_of = (int)k;
        }
    }
    for (size_t i = 0; i < plan->n_anchors; i++)  /* only from a line that has its own */
        if (plan->lines[i].width_of >= 0 && plan->lines[plan->lines[i].width_of].width_of >= 0)
            plan->lines[i].width_of = -1;
}

void fit_plan_refine(struct fit_plan *plan, double resolution_eV, const double *fwhm_eV, const double *counts) {
    if (resolution_eV > 0)
        plan->resolution_eV = resolution_eV;
    for (size_t i = 0; i < plan->n; i++)
        set_width(plan, &plan->lines[i], fwhm_eV[i]);
    set_windows(plan);
    tie_widths(plan, counts);
}

void fit_plan_separate(struct fit_plan *plan, const double *own_fwhm_eV) {
    plan->shared = true;
    for (size_t i = 0; i < plan->n; i++) {
        struct planned_line *l = &plan->lines[i];
        l->width_of = -1;
        if (l->elastic || isnan(own_fwhm_eV[i]))
            continue;
        line_shape_separate(&l->shape, own_fwhm_eV[i]);
        set_width(plan, l, NAN);
    }
    set_windows(plan);
}

void fit_plan_set_own(struct fit_plan *plan, size_t line, double own_fwhm_eV) {
    struct planned_line *l = &plan->lines[line];
    if (l->shape.n != 1 || l->shape.total_is_gauss || l->shape.component[0].lorentz_fwhm_eV > 0)
        return;
    l->shape.intrinsic_fwhm_eV = l->shape.component[0].gauss_fwhm_eV = own_fwhm_eV;
    set_width(plan, l, NAN);
    set_windows(plan);
}

void fit_plan_set_tail(struct fit_plan *plan, struct line_tail tail) {
    for (size_t i = 0; i < plan->n; i++)
        plan->lines[i].shape.tail = plan->lines[i].companion.tail = tail;
}
