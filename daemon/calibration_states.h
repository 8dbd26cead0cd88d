/* daemon/calibration_states.h - the heights that calibrations were learnt from, kept for who wants to look at them again.
 *   learning --calibration_states_add--> list by time */
#ifndef TESD_DAEMON_CALIBRATION_STATES_H
#define TESD_DAEMON_CALIBRATION_STATES_H

#include <stdbool.h>
#include <stddef.h>

#include "calib/calibration_table.h"

struct calibration_kept {
    double mono_eV;                        /* NaN unknown */
    struct calibration_heights *heights;   /* n_pixels, owned with what they point to */
    size_t table;                          /* index into the model's tables; SIZE_MAX: its mono excites too few anchors for one */
};

struct calibration_states {
    size_t n_pixels, n;
    struct calibration_kept *list;
};

/* Takes over heights and what they point to (*heights is NULL then), unless it returns false: no memory. */
bool calibration_states_add(struct calibration_states *s, double mono_eV, struct calibration_heights **heights, size_t n_pixels, size_t table);
void calibration_states_done(struct calibration_states *s);

#endif
