#include "pulse/record_off.h"

#include <math.h>
#include <string.h>

/* Little-endian, packed, unaligned (doc/methods.md, Records):
 *   i32 n, i32 npre, i64 frame, i64 unix ns, f32 pretrigger mean, [0.3: f32 pretrigger delta,] f32 residual sd, f32 x B */
static const uint8_t *take(void *to, const uint8_t *from, size_t n) {
    memcpy(to, from, n);
    return from + n;
}

void off_record_decode(const struct off_header *h, const uint8_t *bytes, uint64_t i, struct off_record *out) {
    off_record_decode_at(h, bytes + h->header_bytes + i * h->record_bytes, out);
}

void off_record_decode_at(const struct off_header *h, const uint8_t *record, struct off_record *out) {
    const uint8_t *p = record;
    p = take(&out->n_samples, p, 4);
    p = take(&out->n_presamples, p, 4);
    p = take(&out->frame, p, 8);
    p = take(&out->time_ns, p, 8);
    p = take(&out->pretrigger_mean, p, 4);
    out->pretrigger_delta = NAN;
    if (h->version >= 30)
        p = take(&out->pretrigger_delta, p, 4);
    p = take(&out->residual_sd, p, 4);
    memset(out->coefficients, 0, sizeof out->coefficients);
    memcpy(out->coefficients, p, 4 * (size_t)h->n_bases);
}

static uint8_t *put(uint8_t *to, const void *from, size_t n) {
    memcpy(to, from, n);
    return to + n;
}

void off_record_encode(const struct off_header *h, const struct off_record *r, uint8_t *to) {
    to = put(to, &r->n_samples, 4);
    to = put(to, &r->n_presamples, 4);
    to = put(to, &r->frame, 8);
    to = put(to, &r->time_ns, 8);
    to = put(to, &r->pretrigger_mean, 4);
    to = put(to, &r->pretrigger_delta, 4);
    to = put(to, &r->residual_sd, 4);
    put(to, r->coefficients, 4 * (size_t)h->n_bases);
}

uint64_t off_record_count(const struct off_header *h, size_t n) {
    return n < h->header_bytes ? 0 : (n - h->header_bytes) / h->record_bytes;
}

size_t off_tail_bytes(const struct off_header *h, size_t n) {
    return n < h->header_bytes ? 0 : (n - h->header_bytes) % h->record_bytes;
}
