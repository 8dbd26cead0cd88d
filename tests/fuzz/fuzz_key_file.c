/* Hostile key files: refused with a reason, or a key whose texts are what they may be. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/key_file.h"

#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    struct key_file k;
    char why[KEY_WHY] = "";
    if (key_file_parse((const char *)bytes, n, &k, why)) {
        REQUIRE(strlen(k.public_key) == KEY_TEXT - 1 && (k.secret_key[0] == '\0' || strlen(k.secret_key) == KEY_TEXT - 1));
        REQUIRE(k.name[0] != '\0' && strchr(k.name, '/') == NULL && k.expires_s > 0);
    } else {
        REQUIRE(why[0] != '\0');
    }
    return 0;
}
