/* pulse/record_store.h - raw records kept for learning, in bounded memory that grows only as records come.
 * Two ways to stay bounded: FIRST keeps the first records (noise: neighbours matter), EVEN keeps every m-th of all, m doubling
 * whenever the store is full (pulses: the whole run matters). Both depend on the order of records only, never on chance. */
#ifndef TESD_PULSE_RECORD_STORE_H
#define TESD_PULSE_RECORD_STORE_H

#include <stdint.h>

#include "pulse/pulse_record.h"
#include "pulse/status.h"

enum store_policy { STORE_FIRST, STORE_EVEN };

struct record_store {
    enum store_policy policy;
    uint32_t n_samples, n_presamples;
    uint32_t n_records, max_records, allocated;   /* max_records: even */
    uint64_t seen;          /* records offered so far */
    uint64_t odd;           /* for the owner to count records of another length, which it must not offer */
    uint64_t stride;        /* EVEN: one in so many is kept */
    uint16_t *samples;      /* n_records x n_samples, owned */
    int64_t *frames;        /* n_records, owned */
};

void record_store_init(struct record_store *s, enum store_policy policy, uint32_t n_samples, uint32_t n_presamples, uint32_t max_records);
void record_store_done(struct record_store *s);

/* record->n_samples must be the store's. STATUS_NO_MEMORY: counted as seen, not kept; what is kept stays good. */
enum status record_store_add(struct record_store *s, const struct pulse_record *record);

/* Record i < n_records; its time is not kept. */
struct pulse_record record_store_at(const struct record_store *s, uint32_t i);

#endif
