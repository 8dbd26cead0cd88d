#include "daemon/source/follow_block.h"

static bool take(void *context, const struct followed_record *r) {
    struct follow_block *b = context;
    uint32_t index = live_array_find(b->array, r->channel);
    if (index == UINT32_MAX || r->record.coefficients) {
        *(index == UINT32_MAX ? &b->unknown_channel : &b->coefficients) += 1;
        return true;
    }
    const struct pulse_record *s = &r->record.samples;
    const struct block_record row = {
        .time_ns = r->record.time_ns, .frame = r->record.frame, .n_samples = s->n_samples, .n_presamples = s->n_presamples, .sample_period_s = s->sample_period_s,
        .channel_index = (uint16_t)index, .pixel = b->array->channels[index].pixel,
        .flags = (uint16_t)(BLOCK_FROM_FILE | (r->record.gap_before ? BLOCK_GAP_BEFORE : 0)),
    };
    return record_block_add(b->into, &row, s->samples);
}

enum follow_state follow_block_step(struct follow_block *b, struct follow *f, int64_t now_ns, const struct live_array *array, struct record_block *into) {
    b->array = array;
    b->into = into;
    return follow_step(f, now_ns, take, b);
}
