#include "pulse/record_dastard.h"

#include <math.h>
#include <string.h>

enum { TYPE_I16 = 2, TYPE_U16 = 3 };

const char *const dastard_refusal_names[N_DASTARD_REFUSALS] = {
    [DASTARD_GOOD] = "good",           [DASTARD_HEADER_LENGTH] = "header_length", [DASTARD_VERSION] = "version", [DASTARD_SAMPLE_TYPE] = "sample_type",
    [DASTARD_LENGTHS] = "lengths",     [DASTARD_PAYLOAD] = "payload",             [DASTARD_PERIOD] = "period",
};

static uint32_t get_u32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int64_t get_i64(const uint8_t *p) {
    return (int64_t)((uint64_t)get_u32(p) | (uint64_t)get_u32(p + 4) << 32);
}

static float get_f32(const uint8_t *p) {
    uint32_t bits = get_u32(p);
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void put(uint8_t *p, uint64_t v, size_t n) {
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static int64_t floor_to_us(int64_t ns) {
    int64_t rest = ns % 1000;
    if (rest < 0)
        rest += 1000;
    return ns >= INT64_MIN + rest ? ns - rest : INT64_MIN;
}

static enum dastard_refusal check(const uint8_t *h, size_t header_bytes, size_t sample_bytes) {
    if (header_bytes != DASTARD_HEADER_BYTES)
        return DASTARD_HEADER_LENGTH;
    if (h[2] != 0)
        return DASTARD_VERSION;
    if (h[3] != TYPE_I16 && h[3] != TYPE_U16)
        return DASTARD_SAMPLE_TYPE;
    uint32_t n_presamples = get_u32(h + 4), n_samples = get_u32(h + 8);
    if (n_samples == 0 || n_samples > DASTARD_SAMPLES_MAX || n_presamples >= n_samples)
        return DASTARD_LENGTHS;
    if (sample_bytes != 2 * (size_t)n_samples)
        return DASTARD_PAYLOAD;
    float period_s = get_f32(h + 12);
    return isfinite(period_s) && period_s > 0 ? DASTARD_GOOD : DASTARD_PERIOD;
}

enum dastard_refusal dastard_message_decode(const uint8_t *h, size_t header_bytes, const uint8_t *samples, size_t sample_bytes, struct dastard_message *out) {
    enum dastard_refusal refusal = check(h, header_bytes, sample_bytes);
    if (refusal != DASTARD_GOOD)
        return refusal;
    *out = (struct dastard_message){
        .channel_index = (uint16_t)(h[0] | h[1] << 8),
        .is_signed = h[3] == TYPE_I16,
        .record = {
            .samples = (const sample_u16 *)samples,
            .n_samples = get_u32(h + 8),
            .n_presamples = get_u32(h + 4),
            .sample_period_s = get_f32(h + 12),
            .trigger_time_ns = floor_to_us(get_i64(h + 20)),
            .trigger_frame = get_i64(h + 28),
        },
    };
    return DASTARD_GOOD;
}

void dastard_message_encode(uint16_t channel_index, bool is_signed, const struct pulse_record *r, uint8_t h[DASTARD_HEADER_BYTES]) {
    static const float volts_per_arb = 1.0F / 65535;
    uint32_t bits;
    put(h, channel_index, 2);
    h[2] = 0;
    h[3] = is_signed ? TYPE_I16 : TYPE_U16;
    put(h + 4, r->n_presamples, 4);
    put(h + 8, r->n_samples, 4);
    memcpy(&bits, &r->sample_period_s, sizeof bits);
    put(h + 12, bits, 4);
    memcpy(&bits, &volts_per_arb, sizeof bits);
    put(h + 16, bits, 4);
    put(h + 20, (uint64_t)r->trigger_time_ns, 8);
    put(h + 28, (uint64_t)r->trigger_frame, 8);
}
