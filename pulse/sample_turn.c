#include "pulse/sample_turn.h"

#include <stddef.h>

enum { RECORDS_MIN = 3, SHARE_LEAST = 200 };   /* one in so many may wrap by chance, such as in a jump */

static uint32_t count_wraps(const struct record_store *records, uint32_t turn) {
    uint32_t wraps = 0;
    for (uint32_t i = 0; i < records->n_records; i++) {
        const uint16_t *x = records->samples + (size_t)i * records->n_samples;
        uint16_t low = UINT16_MAX, high = 0;
        for (uint32_t k = 0; k < records->n_samples; k++) {
            uint16_t turned = (uint16_t)(x[k] + turn);
            low = turned < low ? turned : low;
            high = turned > high ? turned : high;
        }
        wraps += sample_turn_wraps(low, high);
    }
    return wraps;
}

uint32_t sample_turn_learn(const struct record_store *records) {
    uint32_t plain = count_wraps(records, SAMPLE_TURN_NONE);
    if (plain < RECORDS_MIN || plain < records->n_records / SHARE_LEAST)
        return SAMPLE_TURN_NONE;
    return count_wraps(records, SAMPLE_TURN_HALF) < plain ? SAMPLE_TURN_HALF : SAMPLE_TURN_NONE;
}

void sample_turn_store(struct record_store *records, uint32_t turn) {
    for (size_t k = 0; k < (size_t)records->n_records * records->n_samples; k++)
        records->samples[k] = (uint16_t)(records->samples[k] + turn);
}

void sample_turn_copy(const sample_u16 *from, uint32_t n, uint32_t turn, uint16_t *to) {
    for (uint32_t k = 0; k < n; k++)
        to[k] = (uint16_t)(from[k] + turn);
}

struct pulse_record sample_turn_record(const struct pulse_record *record, uint32_t turn, uint16_t *samples) {
    struct pulse_record turned = *record;
    turned.samples = samples;
    sample_turn_copy(record->samples, record->n_samples, turn, samples);
    return turned;
}

float sample_turn_level(float level, uint32_t turn, uint32_t pixel_turn) {
    double plain = (double)level - turn, least = -(double)pixel_turn;
    if (plain < least)
        plain += 65536;
    else if (plain >= least + 65536)
        plain -= 65536;
    return (float)plain;
}
