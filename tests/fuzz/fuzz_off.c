/* OFF bytes: a header that is accepted has sizes that fit its bytes, and every whole record can be decoded. */
#include <stdlib.h>

#include "daemon/source/off_header.h"

#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    struct off_header h;
    double *projectors = NULL, *basis = NULL;
    struct complaint why = { 0 };
    if (off_header_parse(bytes, n, &h, &projectors, &basis, &why) != STATUS_OK) {
        REQUIRE(projectors == NULL && basis == NULL && why.text[0] != '\0');
        return 0;
    }
    REQUIRE(h.header_bytes <= n && h.n_bases >= 1 && h.n_bases <= OFF_MAX_BASES && h.n_samples >= 1 && h.frame_period_s > 0);
    volatile double sum = projectors[(size_t)h.n_bases * h.n_samples - 1] + basis[(size_t)h.n_bases * h.n_samples - 1];
    uint64_t records = off_record_count(&h, n);
    for (uint64_t i = 0; i < records; i++) {
        struct off_record r;
        off_record_decode(&h, bytes, i, &r);
        sum = sum + (double)r.coefficients[h.n_bases - 1];
    }
    REQUIRE(h.header_bytes + records * h.record_bytes + off_tail_bytes(&h, n) == n);
    free(projectors);
    free(basis);
    return 0;
}
