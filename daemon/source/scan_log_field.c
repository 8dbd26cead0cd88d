#include "daemon/source/scan_log_field.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool scan_log_ns_of(double seconds, int64_t *out) {
    if (!(fabs(seconds) < 9.2e9))
        return false;
    *out = llround(seconds * 1e9);
    return true;
}

bool scan_log_number_of(const char *text, double *out) {
    /* strtod also takes blanks, hexadecimal, "nan" and "inf", none of which a log means as a number. */
    if (text[strspn(text, "0123456789+-.eE")] != '\0' || text[0] == '\0')
        return false;
    char *end;
    double value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value))
        return false;
    *out = value;
    return true;
}

int32_t scan_log_number_in_name(const char *name) {
    const char *dot = strrchr(name, '.');
    size_t end = dot != NULL ? (size_t)(dot - name) : strlen(name);
    while (end > 0 && !isdigit((unsigned char)name[end - 1]))
        end--;
    size_t start = end;
    while (start > 0 && isdigit((unsigned char)name[start - 1]))
        start--;
    int64_t number = 0;
    for (size_t i = start; i < end; i++) {
        number = 10 * number + (name[i] - '0');
        if (number > INT32_MAX)
            return -1;
    }
    return start < end ? (int32_t)number : -1;
}

void scan_log_copy(char *out, size_t size, const char *text) {
    size_t n = strlen(text);
    if (n > size - 1) {
        n = size - 1;
        while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80)
            n--;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = iscntrl((unsigned char)text[i]) ? ' ' : text[i];
    memset(out + n, 0, size - n);
}

bool scan_log_is_energy(const char *var_name, const char *var_unit) {
    return strcasecmp(var_unit, "eV") == 0 || (var_unit[0] == '\0' && (strcmp(var_name, "mono") == 0 || strcmp(var_name, "energy") == 0));
}
