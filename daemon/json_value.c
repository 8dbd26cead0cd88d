#include "daemon/json_value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *json_value_text(const char *s) {
    if (!s)
        return json_string("");
    json_t *j = json_string(s);
    char *plain = j ? NULL : strdup(s);
    if (!plain)
        return j;
    for (char *c = plain; *c; c++)
        *c = (unsigned char)*c < 128 ? *c : '?';
    j = json_string(plain);
    free(plain);
    return j;
}

json_t *json_value_number(double x) { return isfinite(x) ? json_real(x) : json_null(); }
