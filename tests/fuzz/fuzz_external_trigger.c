/* external_trigger.bin bytes: every count is handed out once, whole or in two pieces. */
#include <stdlib.h>

#include "pulse/external_trigger.h"

#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

static void read_all(struct external_trigger *t, const uint8_t *bytes, size_t n, uint64_t *sum) {
    int64_t count;
    while (external_trigger_next(t, bytes, n, &count))
        *sum = *sum * 31 + (uint64_t)count;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    struct external_trigger whole, pieces;
    struct complaint why = { 0 };
    if (external_trigger_init(&whole, bytes, n, &why) != STATUS_OK) {
        REQUIRE(why.text[0] != '\0');
        return 0;
    }
    uint64_t a = 0, b = 0;
    pieces = whole;
    read_all(&whole, bytes, n, &a);
    read_all(&pieces, bytes, (pieces.offset + n) / 2, &b);
    read_all(&pieces, bytes, n, &b);
    REQUIRE(a == b && whole.counts == pieces.counts && whole.zeros == pieces.zeros);
    REQUIRE(whole.zeros <= whole.counts && n - whole.offset < 8);
    return 0;
}
