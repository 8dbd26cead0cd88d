#include "pulse/summary_dastard.h"

#include <string.h>

#include "pulse/pulse_summary.h"

static void put(uint8_t *p, uint64_t v, size_t n) {
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static void put_f32(uint8_t *p, float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    put(p, bits, 4);
}

struct dastard_summary dastard_summary_of(const struct pulse_record *record) {
    const struct pulse_summary s = pulse_summary_of(record, record->n_presamples);
    return (struct dastard_summary){.pretrigger_mean = s.pretrigger_mean, .peak_value = s.peak_value, .pulse_rms = s.pulse_rms, .pulse_average = s.pulse_average};
}

void dastard_summary_encode(uint16_t channel_index, const struct pulse_record *record, const struct dastard_summary *s, uint8_t h[DASTARD_SUMMARY_BYTES]) {
    const float values[] = {s->pretrigger_mean, s->peak_value, s->pulse_rms, s->pulse_average, s->residual_sd};
    put(h, channel_index, 2);
    put(h + 2, 0, 2);
    put(h + 4, record->n_presamples, 4);
    put(h + 8, record->n_samples, 4);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        put_f32(h + 12 + 4 * i, values[i]);
    put(h + 32, (uint64_t)record->trigger_time_ns, 8);
    put(h + 40, (uint64_t)record->trigger_frame, 8);
}
