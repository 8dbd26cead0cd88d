/* daemon/line_locking.h - the wiring of calib/line_lock: a pass over all channels before the one that makes the photons.
 *   beamtime + models + name of a line --line_locking_run--> line_lock, for analyse_settings.lock
 * Off unless a line is named; never with a frozen calibration, which must not look at later records. */
#ifndef TESD_DAEMON_LINE_LOCKING_H
#define TESD_DAEMON_LINE_LOCKING_H

#include <stdbool.h>

#include "calib/line_lock.h"
#include "daemon/array_model.h"
#include "daemon/beamtime.h"

/* *out NULL: the line is not in the calibrations' table, or there is none (said in a warning). Every stretch that is refused is a warning with
 * its reason. False after logging: no memory. */
bool line_locking_run(const struct beamtime *b, const struct array_model *m, const char *line, unsigned workers, struct line_lock **out);

#endif
