#include "daemon/calibration_input.h"

#include <math.h>
#include <stdlib.h>

static double cut_share(const struct learnt_channel *c, uint32_t cuts) {
    uint64_t n = 0;
    for (int k = 0; k < N_CUTS; k++)
        n += cuts & CUT_BIT(k) ? c->cut_counts[k] : 0;
    return c->measured ? (double)n / (double)c->measured : 0;
}

void calibration_input_done(struct calibration_input *in, size_t n) {
    for (size_t i = 0; in->heights != NULL && i < n; i++) {
        free((void *)(uintptr_t)in->heights[i].heights);
        free((void *)(uintptr_t)in->heights[i].time_ns);
    }
    free(in->heights);
    free(in->corrections);
}

bool calibration_input_make(const struct learnt_channel *learnt, size_t n, const struct scan *state, struct calibration_input *in) {
    *in = (struct calibration_input){ calloc(n, sizeof *in->heights), calloc(n, sizeof *in->corrections), 0 };
    bool good = in->heights != NULL && in->corrections != NULL;
    for (size_t i = 0; good && i < n; i++) {
        const struct learnt_channel *c = &learnt[i];
        float *heights = NULL;
        int64_t *time_ns = NULL;
        good = learnt_channel_heights(c, state->start_ns, state->end_ns, &in->corrections[i], &heights, &time_ns, &in->heights[i].n);
        in->heights[i].heights = heights;
        in->heights[i].time_ns = time_ns;
        in->heights[i].no_pulse = cut_share(c, CUT_BIT(CUT_UNLOCKED) | CUT_BIT(CUT_PEAK_TIME));
        in->heights[i].clipped = cut_share(c, CUT_BIT(CUT_SATURATED));
        in->photons += in->heights[i].n;
    }
    return good;
}

double calibration_input_mono_eV(const struct scan *state, double otherwise_eV) {
    if (isfinite(state->mono_eV))
        return state->mono_eV;
    return otherwise_eV > 0 ? otherwise_eV : (double)NAN;
}
