/* Hostile texts over the page's WebSocket: refused with a reason, or wants and methods that are what they may be. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/client/web_request.h"

#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    static struct web_request r;
    web_request_read((const char *)bytes, n, &r);
    REQUIRE(r.kind == WEB_NEXT || r.kind == WEB_CONTROL || r.kind == WEB_REFUSED);
    REQUIRE(r.n_wants <= WEB_WANTS && (r.kind == WEB_NEXT || r.n_wants == 0) && (r.kind == WEB_REFUSED) == (r.why[0] != '\0'));
    for (unsigned k = 0; k < r.n_wants; k++) {
        const size_t length = strnlen(r.wants[k], WEB_WANT_TEXT);
        REQUIRE(length > 0 && length < WEB_WANT_TEXT && web_request_pixel(r.wants[k]) >= -1 && web_request_pixel(r.wants[k]) <= 999999);
        for (unsigned j = 0; j < k; j++)
            REQUIRE(strcmp(r.wants[j], r.wants[k]) != 0);
    }
    return 0;
}
