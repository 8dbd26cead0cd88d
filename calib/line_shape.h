/* calib/line_shape.h - the profile of one line as it is fitted: fixed components, convolved with the pixel's Gaussian,
 * integrated over bins. Positions are relative to the line's energy_eV, which is where the table says its maximum lies.
 * A line with no component, or with one Gaussian, is a single Gaussian of free total width (doc/methods.md, Lines and curves): its table
 * energy is an effective maximum and its width is not trusted to the last bit. Lines with one Lorentz or Voigt component,
 * or with several, keep their components as measured and only the pixel's Gaussian is free. */
#ifndef TESD_CALIB_LINE_SHAPE_H
#define TESD_CALIB_LINE_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "calib/line_table.h"

struct shape_component {
    double offset_eV;        /* centre - energy_eV of the line */
    double lorentz_fwhm_eV;
    double gauss_fwhm_eV;
    double share;            /* of the area; all add up to 1 */
};

/* What the detector does to every line alike: a share of the photons loses an exponentially distributed part of its energy. */
struct line_tail {
    double fraction;           /* 0..1; 0: none */
    double length_eV;          /* mean loss, > 0 where fraction is */
};

struct line_shape {
    size_t n;
    struct shape_component component[LINE_MAX_COMPONENTS];
    double intrinsic_fwhm_eV;  /* what is left at perfect resolution; NaN when the table does not say */
    bool total_is_gauss;       /* the free Gaussian is the total width, not the pixel's share */
    struct line_tail tail;     /* on top of the components and the Gaussian; the position stays that of the line without it */
};

void line_shape_init(struct line_shape *s, const struct reference_line *line);

/* From here on the free Gaussian is the pixel's share: a single Gaussian has this width of its own, >= 0. Other lines stay as they are. */
void line_shape_separate(struct line_shape *s, double intrinsic_fwhm_eV);

/* Full width at half maximum around the highest point of the profile with this Gaussian on top of what the components have. */
double line_shape_fwhm(const struct line_shape *s, double gauss_fwhm_eV);

/* Fractions of the area in bins with edges first + i width (i = 0..n), relative to the centre, and their derivatives by the
 * centre and by the Gaussian's fwhm. Gauss by erf, exact; Voigt through w(z) at the edges with the end-corrected trapezoid
 * h/2 (a + b) + h^2/12 (a' - b') on pieces of a third of the width, and the width by the heat equation d/d(sigma^2) = 1/2 d2/dx2. gauss_fwhm_eV > 0.
 * The tail g of a profile s obeys g' = (g - s) / length, so a bin's share of it is S + length (g_right - g_left), with g followed
 * downwards from six lengths above the last bin (s even within a bin). With a tail n is at most SHAPE_TAIL_BINS.
 * Added onto the arrays, times `weight`. */
enum { SHAPE_TAIL_BINS = 1024 };
struct shape_bins {
    double *area, *per_centre, *per_fwhm;  /* n each */
};
void line_shape_add_bins(const struct line_shape *s, double gauss_fwhm_eV, double weight, double first, double width, size_t n,
                         const struct shape_bins *out);

#endif
