#include "pulse/record_store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void record_store_init(struct record_store *s, enum store_policy policy, uint32_t n_samples, uint32_t n_presamples, uint32_t max_records) {
    assert(n_samples > 0 && max_records > 0 && max_records % 2 == 0);
    *s = (struct record_store){ .policy = policy, .n_samples = n_samples, .n_presamples = n_presamples,
                                .max_records = max_records, .stride = 1 };
}

void record_store_done(struct record_store *s) {
    free(s->samples);
    free(s->frames);
    *s = (struct record_store){ .n_samples = s->n_samples };
}

static enum status grow(struct record_store *s) {
    assert(s->n_samples > 0 && s->max_records > 0);
    uint32_t more = s->allocated ? 2 * s->allocated : 64;
    if (more > s->max_records)
        more = s->max_records;
    int64_t *frames = realloc(s->frames, more * sizeof *frames);
    if (frames == NULL)
        return STATUS_NO_MEMORY;
    s->frames = frames;
    uint16_t *samples = realloc(s->samples, (size_t)more * s->n_samples * sizeof *samples);
    if (samples == NULL)
        return STATUS_NO_MEMORY;
    s->samples = samples;
    s->allocated = more;
    return STATUS_OK;
}

/* Keeps every second record, so that those kept are the multiples of the doubled stride. */
static void thin(struct record_store *s) {
    for (uint32_t i = 0; 2 * i < s->n_records; i++) {
        memmove(s->samples + (size_t)i * s->n_samples, s->samples + (size_t)2 * i * s->n_samples, s->n_samples * sizeof *s->samples);
        s->frames[i] = s->frames[2 * i];
    }
    s->n_records = (s->n_records + 1) / 2;
    s->stride *= 2;
}

enum status record_store_add(struct record_store *s, const struct pulse_record *record) {
    assert(record->n_samples == s->n_samples);
    uint64_t number = s->seen++;
    if (number % s->stride != 0)
        return STATUS_OK;
    if (s->n_records == s->max_records) {
        if (s->policy == STORE_FIRST)
            return STATUS_OK;
        thin(s);
        if (number % s->stride != 0)
            return STATUS_OK;
    }
    if (s->n_records == s->allocated && grow(s) != STATUS_OK)
        return STATUS_NO_MEMORY;
    memcpy(s->samples + (size_t)s->n_records * s->n_samples, record->samples, s->n_samples * sizeof *s->samples);
    s->frames[s->n_records++] = record->trigger_frame;
    return STATUS_OK;
}

struct pulse_record record_store_at(const struct record_store *s, uint32_t i) {
    return (struct pulse_record){ .samples = s->samples + (size_t)i * s->n_samples, .n_samples = s->n_samples,
                                  .n_presamples = s->n_presamples, .trigger_frame = s->frames[i] };
}
