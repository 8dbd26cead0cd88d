/* daemon/options_roi.h - the config's list of emission windows -> roi[] of struct options. */
#ifndef TESD_DAEMON_OPTIONS_ROI_H
#define TESD_DAEMON_OPTIONS_ROI_H

#include "daemon/config_outline.h"
#include "daemon/config_values.h"
#include "daemon/options.h"

/* Replaces the default windows; "tfy" keeps its place at the front unless the list has its own. Adds a fault for each entry that
 * is wrong: name not [A-Za-z0-9_]{1,31} or used twice, bounds no numbers or out of range, lo >= hi, too many entries. */
void options_roi_set(const struct config_values *values, const struct config_outline *outline, struct options *o, struct options_faults *faults);

#endif
