#include "pulse/base64.h"

#include <string.h>

/* 0..63, or 64 for what is no digit. */
static uint32_t digit(char c) {
    if (c >= 'A' && c <= 'Z')
        return (uint32_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint32_t)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

/* Four characters -> `bytes` (1 to 3) bytes; the rest must be padding. */
static enum status decode_group(const char *text, uint8_t *out, size_t bytes) {
    uint32_t word = 0;
    for (size_t i = 0; i < 4; i++) {
        uint32_t d = digit(text[i]);
        if (i > bytes ? text[i] != '=' : d == 64)
            return STATUS_BAD_VALUE;
        word = word << 6 | (d & 63);
    }
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(word >> (16 - 8 * i));
    return STATUS_OK;
}

enum status base64_decode(const char *text, size_t n, void *out, size_t out_bytes) {
    if (n % 4 != 0 || n / 4 != (out_bytes + 2) / 3)
        return STATUS_BAD_VALUE;
    uint8_t *to = out;
    for (size_t i = 0; i < n / 4; i++) {
        size_t left = out_bytes - 3 * i;
        if (decode_group(text + 4 * i, to + 3 * i, left < 3 ? left : 3) != STATUS_OK)
            return STATUS_BAD_VALUE;
    }
    return STATUS_OK;
}
