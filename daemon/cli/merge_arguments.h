/* daemon/cli/merge_arguments.h - options that say how products are counted anew from photons: axes. */
#ifndef TESD_DAEMON_CLI_MERGE_ARGUMENTS_H
#define TESD_DAEMON_CLI_MERGE_ARGUMENTS_H

#include <stdbool.h>

#include "calib/rixs_map.h"

/* "200:1100:0.25": a whole number of bins from lo to hi. False with what is wrong in why (n bytes). */
bool merge_axis_parse(const char *text, struct energy_axis *out, char *why, size_t n);

#endif
