#include "pulse/flux_jump.h"

#include <math.h>

enum { QUANTUM_MOST = 1 << 15 };
static const double TOLERANCE_SIGMAS = 4, SHARE_MOST = 1. / 8;

static int32_t difference(const sample_u16 *x, uint32_t n, uint32_t k) {
    return k > 0 && k < n ? (int16_t)(x[k] - x[k - 1]) : 0;
}

/* The step less what the samples around it do anyway; the multiple of the largest power of two that it is, 0: of none. Small powers have
 * multiples everywhere, so the noise must tell them apart. */
static int32_t whole_quanta(double step, double tolerance) {
    for (int32_t quantum = QUANTUM_MOST; quantum >= FLUX_QUANTUM_LEAST && tolerance < SHARE_MOST * quantum; quantum /= 2) {
        int32_t counts = quantum * (int32_t)lrint(step / quantum);
        if (counts != 0 && fabs(step - counts) <= tolerance)
            return counts;
    }
    return 0;
}

uint32_t flux_jumps_find(const struct dot_kernel *kernel, const sample_u16 *x, uint32_t n, float noise_sd, struct flux_jump jumps[FLUX_JUMPS_MAX]) {
    double tolerance = TOLERANCE_SIGMAS * fmax(1, (double)noise_sd);
    uint32_t found = 0;
    for (uint32_t k = (uint32_t)kernel->step(x, n, 1); k < n; k = (uint32_t)kernel->step(x, n, k + 1)) {
        double around = 0.5 * (difference(x, n, k - 1) + difference(x, n, k + 1));
        int32_t counts = whole_quanta(difference(x, n, k) - around, tolerance);
        if (counts == 0)
            continue;
        if (found < FLUX_JUMPS_MAX)
            jumps[found] = (struct flux_jump){ k, counts };
        found++;
    }
    return found;
}

void flux_jumps_remove(uint16_t *x, uint32_t n, const struct flux_jump *jumps, uint32_t n_jumps) {
    int32_t off = 0;
    for (uint32_t k = 0, j = 0; k < n; k++) {
        while (j < n_jumps && jumps[j].sample == k)
            off += jumps[j++].counts;
        x[k] = (uint16_t)(x[k] - off);
    }
}
