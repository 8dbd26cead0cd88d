#include "daemon/cli/merge_arguments.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* n numbers with ':' between them and nothing else. */
static bool numbers(const char *text, double *out, int n) {
    for (int k = 0; k < n; k++) {
        char *end;
        out[k] = strtod(text, &end);
        if (end == text || !isfinite(out[k]) || *end != (k + 1 < n ? ':' : '\0'))
            return false;
        text = end + 1;
    }
    return true;
}

bool merge_axis_parse(const char *text, struct energy_axis *out, char *why, size_t n) {
    double v[3];
    if (!numbers(text, v, 3) || !(v[2] >= 0.01) || !(v[0] < v[1])) {
        snprintf(why, n, "%.80s: LO:HI:BIN in eV is wanted, LO below HI and BIN 0.01 or more", text);
        return false;
    }
    const double bins = (v[1] - v[0]) / v[2];
    if (fabs(bins - round(bins)) > 1e-6 || bins > 1e6) {
        snprintf(why, n, "%.80s: from LO to HI there must be a whole number of bins, a million at most; there are %.10g", text, bins);
        return false;
    }
    *out = (struct energy_axis){ .lo_eV = v[0], .hi_eV = v[1], .bin_eV = v[2] };
    return true;
}
