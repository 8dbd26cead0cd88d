/* daemon/live_choices.h - calibrations that a client may choose by name: *.h5 beside the one in force (calibration.file) and in the output folder.
 * Names only: no client can make the daemon read another folder. */
#ifndef TESD_DAEMON_LIVE_CHOICES_H
#define TESD_DAEMON_LIVE_CHOICES_H

#include <jansson.h>
#include <stdbool.h>

#include "daemon/control/scan_call.h"
#include "daemon/options.h"

json_t *live_choices_list(const struct options *o);   /* {"in_force": path or "", "choices": [name, ..]}, names in order; new reference */
bool live_choices_find(const struct options *o, const char *name, char path[OPTIONS_TEXT], char why[SCAN_ERROR]);   /* false: why says what is wrong */

#endif
