/* A DASTARD message from hostile bytes: first byte says where frame 0 ends. What is accepted is encoded back to the same header. */
#include <stdlib.h>
#include <string.h>

#include "pulse/record_dastard.h"

#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    if (n < 1)
        return 0;
    size_t header = bytes[0] < n - 1 ? bytes[0] : n - 1;
    struct dastard_message m;
    if (dastard_message_decode(bytes + 1, header, bytes + 1 + header, n - 1 - header, &m) != DASTARD_GOOD)
        return 0;
    const struct pulse_record *r = &m.record;
    REQUIRE(2 * (size_t)r->n_samples == n - 1 - header && r->n_presamples < r->n_samples && r->sample_period_s > 0);
    REQUIRE(r->trigger_time_ns % 1000 == 0 || r->trigger_time_ns == INT64_MIN);
    uint8_t again[DASTARD_HEADER_BYTES];
    dastard_message_encode(m.channel_index, m.is_signed, r, again);
    REQUIRE(memcmp(again, bytes + 1, 16) == 0 && memcmp(again + 28, bytes + 29, 8) == 0);
    return 0;
}
