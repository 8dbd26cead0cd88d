#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "pulse/base64.h"

static const struct {
    const char *text, *bytes;
} vectors[] = {  /* RFC 4648 section 10 */
    { "", "" }, { "Zg==", "f" }, { "Zm8=", "fo" }, { "Zm9v", "foo" }, { "Zm9vYg==", "foob" }, { "Zm9vYmE=", "fooba" }, { "Zm9vYmFy", "foobar" },
};

static void decodes_the_standard_vectors(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        char out[8] = "";
        size_t n = strlen(vectors[i].bytes);
        assert_int_equal(base64_decode(vectors[i].text, strlen(vectors[i].text), out, n), STATUS_OK);
        assert_memory_equal(out, vectors[i].bytes, n);
    }
}

static void decodes_every_byte(void **state) {
    (void)state;
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (unsigned byte = 0; byte < 256; byte++) {
        const char text[] = { alphabet[byte >> 2], alphabet[byte << 4 & 63], '=', '=' };
        unsigned char out;
        assert_int_equal(base64_decode(text, 4, &out, 1), STATUS_OK);
        assert_int_equal(out, byte);
    }
}

static void refuses_what_is_not_base64(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t bytes;
    } bad[] = { { "Zm9", 2 }, { "Zm9v", 2 }, { "Zm9v", 4 }, { "Zm8=", 3 }, { "Zm=v", 3 }, { "Zm9-", 3 }, { "=m9v", 3 }, { "Zm 9", 3 }, { "Zg=v", 1 }, { "Z===", 1 } };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char out[8];
        assert_int_equal(base64_decode(bad[i].text, strlen(bad[i].text), out, bad[i].bytes), STATUS_BAD_VALUE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_the_standard_vectors),
        cmocka_unit_test(decodes_every_byte),
        cmocka_unit_test(refuses_what_is_not_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
