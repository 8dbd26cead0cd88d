/* Hostile tables of pixels' places: refused with a reason, or each channel and each place once. */
#include <stdint.h>
#include <stdlib.h>

#include "daemon/client/pixel_layout.h"

#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    char why[LAYOUT_WHY] = "";
    struct pixel_layout l;
    if (!pixel_layout_read((const char *)bytes, n, &l, why)) {
        REQUIRE(why[0] != '\0');
        return 0;
    }
    REQUIRE(l.n > 0 && l.n <= LAYOUT_MOST);
    for (size_t k = 0; k < l.n; k++)
        REQUIRE(l.places[k].row < LAYOUT_SIDE && l.places[k].column < LAYOUT_SIDE && (k == 0 || l.places[k - 1].channel < l.places[k].channel));
    pixel_layout_done(&l);
    return 0;
}
