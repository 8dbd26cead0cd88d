#include "daemon/source/follow_block.h"

/* Asked once for a file. */
static uint32_t basis_of(const struct follow_block *b, const struct followed_record *r) {
    if (b->bases != NULL && *r->mark == 0)
        *r->mark = off_bases_put(b->bases, r->channel, r->shape);
    return *r->mark;
}

static bool take(void *context, const struct followed_record *r) {
    struct follow_block *b = context;
    uint32_t index = live_array_find(b->array, r->channel);
    if (index == UINT32_MAX) {
        b->unknown_channel++;
        return true;
    }
    const struct pulse_record *s = &r->record.samples;
    const bool off = r->record.coefficients;
    const struct block_record row = {
        .time_ns = r->record.time_ns, .frame = r->record.frame, .n_samples = off ? r->record.off.n_samples : s->n_samples,
        .n_presamples = off ? r->record.off.n_presamples : s->n_presamples, .sample_period_s = off ? (float)r->shape->sample_period_s : s->sample_period_s, .basis = off ? basis_of(b, r) : 0,
        .channel_index = (uint16_t)index, .pixel = b->array->channels[index].pixel,
        .flags = (uint16_t)(BLOCK_FROM_FILE | (r->record.gap_before ? BLOCK_GAP_BEFORE : 0)),
    };
    return off ? record_block_add_off(b->into, &row, &r->record.off) : record_block_add(b->into, &row, s->samples);
}

enum follow_state follow_block_step(struct follow_block *b, struct follow *f, int64_t now_ns, const struct live_array *array, struct record_block *into) {
    b->array = array;
    b->into = into;
    return follow_step(f, now_ns, take, b);
}
