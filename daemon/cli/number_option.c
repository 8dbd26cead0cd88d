#include "daemon/cli/number_option.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct argp_option number_option_flag(const struct number_option *row, int key, char help[NUMBER_HELP]) {
    const int n = snprintf(help, NUMBER_HELP, "%s [%.10g", row->help, row->usual);
    if (isnan(row->quick))
        snprintf(help + n, NUMBER_HELP - (size_t)n, "]");
    else
        snprintf(help + n, NUMBER_HELP - (size_t)n, "; quick %.10g]", row->quick);
    return (struct argp_option){.name = row->name, .key = key, .arg = row->unit, .doc = help};
}

double number_option_value(const struct number_option *row, const char *text, struct argp_state *state) {
    char *end;
    errno = 0;
    const double x = strtod(text, &end);
    if (end == text || *end != '\0' || errno != 0 || !(x >= row->lo && x <= row->hi) || (row->whole && floor(x) != x))
        argp_error(state, "--%s %s: a %s from %.15g to %.15g is needed", row->name, text, row->whole ? "whole number" : "number", row->lo, row->hi);
    return x;
}

double *number_option_place(const struct number_option *row, void *settings) {
    return (double *)(void *)((char *)settings + row->offset);
}
