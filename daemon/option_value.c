#include "daemon/option_value.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool option_value_number(const char *text, double *out) {
    size_t n = strlen(text);
    if (n == 0 || strspn(text, "0123456789.eE+-") != n)
        return false;
    char *end;
    double value = strtod(text, &end);
    if (*end != '\0' || end == text || !isfinite(value))
        return false;
    *out = value;
    return true;
}

static bool parse_integer(const char *text, int64_t *out) {
    size_t n = strlen(text);
    if (n == 0 || strspn(text, "0123456789+-") != n)
        return false;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (*end != '\0' || end == text || errno != 0)
        return false;
    *out = value;
    return true;
}

static bool parse_bool(const char *text, bool *out) {
    static const struct { const char *word; bool value; } words[] = {
        { "true", true }, { "false", false }, { "yes", true }, { "no", false }, { "on", true }, { "off", false },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(text, words[i].word) == 0) {
            *out = words[i].value;
            return true;
        }
    return false;
}

static bool is_plain_text(const char *text) {
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < ' ' || *c == 0x7f)
            return false;
    return true;
}

void option_value_allowed(const struct option_row *row, char *out, size_t size) {
    const char *space = row->unit[0] ? " " : "";
    switch (row->kind) {
    case OPT_TEXT:
        snprintf(out, size, "%.0f to %.0f characters", row->lo, row->hi);
        break;
    case OPT_BOOL:
        snprintf(out, size, "true or false");
        break;
    case OPT_INTEGER:
        snprintf(out, size, "whole numbers from %.0f to %.0f%s%s", row->lo, row->hi, space, row->unit);
        break;
    case OPT_NUMBER:
        snprintf(out, size, "%.10g to %.10g%s%s", row->lo, row->hi, space, row->unit);
        break;
    }
}

static bool in_range(const struct option_row *row, double value) {
    return value >= row->lo && value <= row->hi;
}

bool option_value_set(const struct option_row *row, const char *text, struct options *o, char why[OPTION_WHY]) {
    union { double number; int64_t integer; bool truth; } value;
    void *field = (char *)o + row->offset;
    size_t length = strlen(text);
    switch (row->kind) {
    case OPT_TEXT:
        if (is_plain_text(text) && in_range(row, (double)length)) {
            memcpy(field, text, length + 1);
            return true;
        }
        break;
    case OPT_NUMBER:
        if (option_value_number(text, &value.number) && in_range(row, value.number)) {
            memcpy(field, &value.number, sizeof value.number);
            return true;
        }
        break;
    case OPT_INTEGER:
        if (parse_integer(text, &value.integer) && in_range(row, (double)value.integer)) {
            memcpy(field, &value.integer, sizeof value.integer);
            return true;
        }
        break;
    case OPT_BOOL:
        if (parse_bool(text, &value.truth)) {
            memcpy(field, &value.truth, sizeof value.truth);
            return true;
        }
        break;
    }
    char allowed[64];
    option_value_allowed(row, allowed, sizeof allowed);
    snprintf(why, OPTION_WHY, "'%.40s' is not allowed; give %s (default %.40s)", text, allowed, row->default_text);
    return false;
}
