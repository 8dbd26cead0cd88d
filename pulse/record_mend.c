#include "pulse/record_mend.h"

#include "pulse/cut.h"
#include "pulse/flux_jump.h"
#include "pulse/sample_turn.h"

enum { FLAT_TOP_SAMPLES = 5, FLAT_TOP_COUNTS = 64 };

static bool stays(const struct dot_kernel *kernel, const sample_u16 *x, uint32_t n, uint16_t value) {
    uint32_t k = (uint32_t)kernel->find(x, n, value), from = k;
    while (k < n && x[k] == value)
        k++;
    return k - from >= FLAT_TOP_SAMPLES;
}

/* Noise does not give the same extreme value time and again, a limit does. Far from where the record begins: so not its baseline. */
static bool has_flat_top(const struct dot_kernel *kernel, const sample_u16 *x, uint32_t n, struct dot_extremes e) {
    return (e.high - x[0] > FLAT_TOP_COUNTS && stays(kernel, x, n, e.high)) || (x[0] - e.low > FLAT_TOP_COUNTS && stays(kernel, x, n, e.low));
}

/* Into the other frame. False: it wraps in that one too. */
static bool turn_over(const struct dot_kernel *kernel, struct mended_record *m, const sample_u16 *x, struct dot_extremes *e) {
    uint32_t n = m->record.n_samples;
    sample_turn_copy(x, n, SAMPLE_TURN_HALF, m->samples);
    m->turn = (m->turn + SAMPLE_TURN_HALF) % 65536;
    *e = kernel->extremes(m->samples, n);
    m->turned = !sample_turn_wraps(e->low, e->high);
    return m->turned;
}

/* x: the record's samples, or those of `m` already. */
static void take_jumps_out(const struct dot_kernel *kernel, const sample_u16 *x, float noise_sd, struct mended_record *m) {
    struct flux_jump jumps[FLUX_JUMPS_MAX];
    uint32_t n = flux_jumps_find(kernel, x, m->record.n_samples, noise_sd, jumps);
    if (n > JUMPS_OF_LOCKED) {
        m->cuts |= CUT_BIT(CUT_UNLOCKED);
    } else if (n > 0) {
        if (x != m->samples)
            sample_turn_copy(x, m->record.n_samples, SAMPLE_TURN_NONE, m->samples);
        flux_jumps_remove(m->samples, m->record.n_samples, jumps, n);
        m->n_jumps = n;
    }
}

void record_mend(const struct dot_kernel *kernel, const struct pulse_record *record, uint32_t turn, float noise_sd, struct mended_record *out) {
    uint32_t n = record->n_samples;
    const sample_u16 *x = record->samples;
    out->record = *record;
    out->record.samples = out->samples;
    out->turn = turn;
    out->turned = false;
    out->n_jumps = out->cuts = 0;
    if (n == 0 || n > RECORD_SAMPLES_MAX)
        return;
    struct dot_extremes e = kernel->extremes(x, n);
    bool locked = e.low != e.high;
    if (locked && sample_turn_wraps(e.low, e.high)) {
        locked = turn_over(kernel, out, x, &e);
        x = out->samples;
    }
    if (!locked)
        out->cuts |= CUT_BIT(CUT_UNLOCKED);
    else if (has_flat_top(kernel, x, n, e))
        out->cuts |= CUT_BIT(CUT_SATURATED);
    else
        take_jumps_out(kernel, x, noise_sd, out);
}
