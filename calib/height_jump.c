#include "calib/height_jump.h"

#include <math.h>

static const double SCALE_REACH = 0.006;
enum { SCALE_STEPS = 9, OFFSET_STEPS = 161 };
static const double SCALE_HOLD = 0.003;

struct height_move height_jump_search(const struct spectrum *smooth, const double *old_height, size_t n, double reach) {
    struct height_move best = {.scale = 1, .score = -1};
    double best_size = INFINITY;
    for (int i = 0; i < SCALE_STEPS; i++) {
        double scale = 1 + SCALE_REACH * (2.0 * i / (SCALE_STEPS - 1) - 1);
        for (int k = 0; k < OFFSET_STEPS; k++) {
            double offset = reach * (2.0 * k / (OFFSET_STEPS - 1) - 1), score = 0;
            for (size_t l = 0; l < n; l++)
                score += sqrt(spectrum_value(smooth, scale * old_height[l] + offset));
            double size = fabs(offset) / reach + fabs(scale - 1) / SCALE_REACH;
            if (score > best.score || (!(score < best.score) && size < best_size)) {
                best = (struct height_move){.scale = scale, .offset = offset, .score = score};
                best_size = size;
            }
        }
    }
    return best;
}

double height_jump_offset(const double *old_height, const double *new_height, size_t n, double sigma, double *scale_out, double *error) {
    double weight = 1 / (sigma * sigma), a = 0, b = 0, c = 1 / (SCALE_HOLD * SCALE_HOLD), y = 0, z = 0;
    for (size_t i = 0; i < n; i++) {
        double d = new_height[i] - old_height[i];
        a += weight;
        b += weight * old_height[i];
        c += weight * old_height[i] * old_height[i];
        y += weight * d;
        z += weight * d * old_height[i];
    }
    double determinant = a * c - b * b;
    *scale_out = 1 + (a * z - b * y) / determinant;
    *error = sqrt(c / determinant);
    return (c * y - b * z) / determinant;
}
