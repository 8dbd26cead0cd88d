#include "pulse/external_trigger.h"

#include <stdlib.h>
#include <string.h>

/* The number behind the last '=' of the line. */
static uint32_t divisions_of(const uint8_t *line, size_t n) {
    const uint8_t *sign = memrchr(line, '=', n);
    char digits[16] = "";
    size_t k = 0;
    for (const uint8_t *p = sign; sign != NULL && ++p < line + n && k < sizeof digits - 1 && (*p == ' ' || (*p >= '0' && *p <= '9'));)
        digits[k++] = (char)*p;
    unsigned long value = strtoul(digits, NULL, 10);
    return value <= 1000000 ? (uint32_t)value : 0;
}

enum status external_trigger_init(struct external_trigger *t, const uint8_t *bytes, size_t n, struct complaint *why) {
    if (n > 0 && bytes[0] != '#') {
        complaint_set(why, 0, 1, "does not begin with a text line that starts with '#'");
        return STATUS_BAD_VALUE;
    }
    size_t known = n < EXTERNAL_TRIGGER_LINE_LIMIT ? n : EXTERNAL_TRIGGER_LINE_LIMIT;
    const uint8_t *end = known > 0 ? memchr(bytes, '\n', known) : NULL;
    if (end == NULL) {
        complaint_set(why, known, 1, "the text line does not end within the first %zu bytes", known);
        return n < EXTERNAL_TRIGGER_LINE_LIMIT ? STATUS_TRUNCATED : STATUS_BAD_VALUE;
    }
    size_t line_bytes = (size_t)(end - bytes);
    *t = (struct external_trigger){ .offset = line_bytes + 1, .divisions = divisions_of(bytes, line_bytes) };
    return STATUS_OK;
}

bool external_trigger_next(struct external_trigger *t, const uint8_t *bytes, size_t n, int64_t *count) {
    if (n < t->offset || n - t->offset < 8)
        return false;
    memcpy(count, bytes + t->offset, 8);
    t->offset += 8;
    t->counts++;
    t->zeros += *count == 0;
    return true;
}
