#include "daemon/sink/colour_map.h"

#include <math.h>

static const uint32_t viridis[] = {
    0x440154, 0x470d60, 0x48186a, 0x482374, 0x472d7b, 0x453781, 0x424086, 0x3e4989, 0x3b528b, 0x375b8d, 0x33638d,
    0x2f6b8e, 0x2c728e, 0x297a8e, 0x26828e, 0x23898e, 0x21918c, 0x1f988b, 0x1fa088, 0x22a785, 0x28ae80, 0x32b67a,
    0x3fbc73, 0x4ec36b, 0x5ec962, 0x70cf57, 0x84d44b, 0x98d83e, 0xaddc30, 0xc2df23, 0xd8e219, 0xece51b, 0xfde725,
};
enum { STEPS = sizeof viridis / sizeof *viridis - 1 };

uint32_t colour_map_rgb(double value) {
    double at = value > 0 ? (value < 1 ? value : 1) * STEPS : 0;
    unsigned k = at < STEPS ? (unsigned)at : STEPS - 1;
    double f = at - k;
    uint32_t rgb = 0;
    for (unsigned shift = 0; shift < 24; shift += 8) {
        double low = viridis[k] >> shift & 255, high = viridis[k + 1] >> shift & 255;
        rgb |= (uint32_t)lround(low + f * (high - low)) << shift;
    }
    return rgb;
}

/* Between the ends and white, straight in each colour: Okabe and Ito's blue and vermillion, told apart by the colour-blind. */
uint32_t colour_map_signed(double value) {
    static const double ends[2][3] = { { 0, 114, 178 }, { 213, 94, 0 } };
    const double size = fmin(fabs(value), 1);
    uint32_t rgb = 0;
    for (int k = 0; k < 3; k++) {
        const double v = isnan(value) ? 255 : 255 + size * (ends[value > 0][k] - 255);
        rgb = rgb << 8 | (uint32_t)lround(v);
    }
    return rgb;
}

const char *const colour_scale_names[] = { [COLOUR_LINEAR] = "linear", [COLOUR_SQRT] = "square root", [COLOUR_LOG] = "logarithm" };

/* The logarithm is of 1 + counts / unit with 300 units up to the top, so that an empty bin has a place. */
static const double log_units = 300;

double colour_scale_apply(enum colour_scale s, double value, double top) {
    double f = top > 0 && value > 0 ? value / top : 0;
    if (s == COLOUR_SQRT)
        return sqrt(f);
    return s == COLOUR_LOG ? log1p(f * log_units) / log1p(log_units) : f;
}

double colour_scale_invert(enum colour_scale s, double fraction, double top) {
    if (s == COLOUR_SQRT)
        return top * fraction * fraction;
    return s == COLOUR_LOG ? top * expm1(fraction * log1p(log_units)) / log_units : top * fraction;
}

enum colour_scale colour_scale_for(double typical, double top) {
    if (!(typical > 0) || top < 8 * typical)
        return COLOUR_LINEAR;
    return top < 120 * typical ? COLOUR_SQRT : COLOUR_LOG;
}
