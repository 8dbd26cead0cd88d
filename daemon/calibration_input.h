/* daemon/calibration_input.h - what was learnt of all channels, in one calibration state -> heights as calibration_table_learn wants them. */
#ifndef TESD_DAEMON_CALIBRATION_INPUT_H
#define TESD_DAEMON_CALIBRATION_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "calib/calibration_table.h"
#include "daemon/stage/learnt_channel.h"

struct calibration_input {
    struct calibration_heights *heights;     /* of each channel; owned, with what they point to */
    struct height_correction *corrections;   /* that they are corrected by, with this state's references; owned */
    size_t photons;                          /* all heights together */
};

/* False: no memory. _done is needed after failure too. */
bool calibration_input_make(const struct learnt_channel *learnt, size_t n, const struct scan *state, struct calibration_input *out);
void calibration_input_done(struct calibration_input *in, size_t n);

/* Of the state's log, else the one given (> 0), else NaN. */
double calibration_input_mono_eV(const struct scan *state, double otherwise_eV);

#endif
