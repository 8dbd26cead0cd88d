#include "calib/line_shape.h"

#include <assert.h>
#include <cerf.h>
#include <complex.h>
#include <math.h>

static const double FWHM_PER_SIGMA = 2.3548200450309493;

static double component_fwhm(const struct line_component *c) {
    /* Olivero and Longbothum 1977, good to 0.02 % */
    double l = c->lorentz_fwhm_eV, g = c->gauss_fwhm_eV;
    return 0.5346 * l + sqrt(0.2166 * l * l + g * g);
}

void line_shape_init(struct line_shape *s, const struct reference_line *line) {
    *s = (struct line_shape){.n = 1, .intrinsic_fwhm_eV = NAN, .total_is_gauss = true};
    s->component[0].share = 1;
    if (line->n_components == 0)
        return;
    if (line->n_components == 1 && line->components[0].shape == 'G') {
        s->intrinsic_fwhm_eV = component_fwhm(&line->components[0]);
        return;
    }
    double area = 0;
    for (uint32_t i = 0; i < line->n_components; i++)
        area += line->components[i].area;
    s->n = line->n_components;
    s->total_is_gauss = false;
    for (uint32_t i = 0; i < line->n_components; i++) {
        const struct line_component *c = &line->components[i];
        s->component[i] = (struct shape_component){.offset_eV = c->centre_eV - line->energy_eV,
                                                   .lorentz_fwhm_eV = c->lorentz_fwhm_eV,
                                                   .gauss_fwhm_eV = c->gauss_fwhm_eV,
                                                   .share = c->area / area};
    }
    s->intrinsic_fwhm_eV = s->n == 1 ? component_fwhm(&line->components[0]) : line_shape_fwhm(s, 0.02);
}

void line_shape_separate(struct line_shape *s, double intrinsic_fwhm_eV) {
    if (!s->total_is_gauss)
        return;
    s->total_is_gauss = false;
    s->intrinsic_fwhm_eV = s->component[0].gauss_fwhm_eV = intrinsic_fwhm_eV;
}

static double component_sigma(const struct shape_component *c, double gauss_fwhm_eV) {
    return hypot(c->gauss_fwhm_eV, gauss_fwhm_eV) / FWHM_PER_SIGMA;
}

static double density(const struct line_shape *s, double gauss_fwhm_eV, double x) {
    double sum = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct shape_component *c = &s->component[i];
        sum += c->share * voigt(x - c->offset_eV, component_sigma(c, gauss_fwhm_eV), c->lorentz_fwhm_eV / 2);
    }
    return sum;
}

/* Walks from the top until the density falls below half, then halves the last step. */
static double half_way(const struct line_shape *s, double gauss_fwhm_eV, double top, double half, double step) {
    double inside = top, outside = top + step;
    for (int i = 0; i < 4000 && density(s, gauss_fwhm_eV, outside) > half; i++) {
        inside = outside;
        outside += step;
    }
    for (int i = 0; i < 30; i++) {
        double middle = 0.5 * (inside + outside);
        *(density(s, gauss_fwhm_eV, middle) > half ? &inside : &outside) = middle;
    }
    return fabs(inside - top);
}

double line_shape_fwhm(const struct line_shape *s, double gauss_fwhm_eV) {
    if (s->n == 1 && s->component[0].lorentz_fwhm_eV <= 0)
        return hypot(s->component[0].gauss_fwhm_eV, gauss_fwhm_eV);
    double narrowest = INFINITY, top = 0, highest = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct shape_component *c = &s->component[i];
        narrowest = fmin(narrowest, hypot(c->gauss_fwhm_eV, gauss_fwhm_eV) + c->lorentz_fwhm_eV);
    }
    double step = narrowest / 20;
    for (size_t i = 0; i < s->n; i++)
        for (int k = -20; k <= 20; k++) {
            double x = s->component[i].offset_eV + k * step, d = density(s, gauss_fwhm_eV, x);
            if (d > highest) {
                highest = d;
                top = x;
            }
        }
    return half_way(s, gauss_fwhm_eV, top, highest / 2, step) + half_way(s, gauss_fwhm_eV, top, highest / 2, -step);
}

/* Cumulative area, density and its slope of one component at one edge. For a Voigt profile the area is left at 0. */
struct edge {
    double area, density, slope;
};

static struct edge gauss_edge(double x, double sigma) {
    double z = x / sigma, d = exp(-0.5 * z * z) / (sigma * sqrt(2 * M_PI));
    return (struct edge){.area = 0.5 * erfc(-z * M_SQRT1_2), .density = d, .slope = -z / sigma * d};
}

static struct edge voigt_edge(double x, double sigma, double gamma) {
    double complex z = (x + gamma * I) / (sigma * M_SQRT2), w = w_of_z(z);
    double complex per_z = M_2_SQRTPI * I - 2 * z * w;
    double scale = 1 / (sigma * sqrt(2 * M_PI));
    return (struct edge){.density = scale * creal(w), .slope = scale * creal(per_z) / (sigma * M_SQRT2)};
}

/* Pieces per bin, so that a piece is at most a third of the profile's width and the end correction is exact enough. */
static size_t pieces_of(double width, double sigma, double gamma) {
    double n = ceil(3 * width / (FWHM_PER_SIGMA * sigma + 2 * gamma));
    return n < 1 ? 1 : n > 50 ? 50 : (size_t)n;
}

static void add_component(const struct shape_component *c, double gauss_fwhm_eV, double weight, double first, double width, size_t n,
                          const struct shape_bins *out) {
    double sigma = component_sigma(c, gauss_fwhm_eV), gamma = c->lorentz_fwhm_eV / 2;
    double variance_per_fwhm = 2 * gauss_fwhm_eV / (FWHM_PER_SIGMA * FWHM_PER_SIGMA);
    bool gauss = !(gamma > 0);
    size_t pieces = gauss ? 1 : pieces_of(width, sigma, gamma);
    double h = width / (double)pieces;
    struct edge left = {0};
    for (size_t i = 0; i <= n * pieces; i++) {
        double x = first + (double)i * h - c->offset_eV;
        struct edge right = gauss ? gauss_edge(x, sigma) : voigt_edge(x, sigma, gamma);
        if (i > 0) {
            size_t bin = (i - 1) / pieces;
            double area = gauss ? right.area - left.area
                                : 0.5 * h * (left.density + right.density) + h * h / 12 * (left.slope - right.slope);
            out->area[bin] += weight * fmax(area, 0);
            out->per_centre[bin] += weight * (left.density - right.density);
            out->per_fwhm[bin] += weight * 0.5 * variance_per_fwhm * (right.slope - left.slope);
        }
        left = right;
    }
}

static void add_profile(const struct line_shape *s, double gauss_fwhm_eV, double weight, double first, double width, size_t n, const struct shape_bins *out) {
    for (size_t i = 0; i < s->n; i++)
        add_component(&s->component[i], gauss_fwhm_eV, weight * s->component[i].share, first, width, n, out);
}

/* (1 - f) S + f T = S + f length (g_right - g_left) for the n lowest of m bins; whatever is linear in the profile goes the same way. */
static void add_tailed(const struct line_tail *tail, const double *profile, size_t m, double width, double *out, size_t n) {
    double keep = exp(-width / tail->length_eV), g = 0;
    for (size_t i = m; i-- > 0;) {
        double right = g;
        g = keep * right + (1 - keep) * profile[i] / width;
        if (i < n)
            out[i] += profile[i] + tail->fraction * tail->length_eV * (right - g);
    }
}

void line_shape_add_bins(const struct line_shape *s, double gauss_fwhm_eV, double weight, double first, double width, size_t n,
                         const struct shape_bins *out) {
    if (!(s->tail.fraction > 0)) {
        add_profile(s, gauss_fwhm_eV, weight, first, width, n, out);
        return;
    }
    assert(n <= SHAPE_TAIL_BINS && s->tail.length_eV > 0);
    double area[2 * SHAPE_TAIL_BINS] = {0}, per_centre[2 * SHAPE_TAIL_BINS] = {0}, per_fwhm[2 * SHAPE_TAIL_BINS] = {0};
    size_t above = (size_t)fmin(ceil(6 * s->tail.length_eV / width), SHAPE_TAIL_BINS), m = n + above;
    const struct shape_bins profile = {area, per_centre, per_fwhm};
    add_profile(s, gauss_fwhm_eV, weight, first, width, m, &profile);
    add_tailed(&s->tail, area, m, width, out->area, n);
    add_tailed(&s->tail, per_centre, m, width, out->per_centre, n);
    add_tailed(&s->tail, per_fwhm, m, width, out->per_fwhm, n);
}
