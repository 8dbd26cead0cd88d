/* daemon/learning.h - records -> array_model: learn stages for all channels side by side, then one calibration table per calibration
 * state. The wiring of `calibrate`, of `replay` without --calibration, and of what `run` learns in the background. */
#ifndef TESD_DAEMON_LEARNING_H
#define TESD_DAEMON_LEARNING_H

#include <stdbool.h>

#include "calib/line_table.h"
#include "daemon/array_model.h"
#include "daemon/beamtime.h"
#include "daemon/calibration_states.h"
#include "daemon/learning_input.h"
#include "daemon/sink/report_spectra.h"

struct learning_settings {
    unsigned workers;                /* 0: one per processor */
    const struct line_table *lines;
    double mono_eV;                  /* of calibrations whose log does not say; 0 unknown */
    enum curve_form form;            /* of the energy curves */
    bool neighbours;                 /* heights by neighbours where lines bear them out (neighbour_height.h); for two-sided use only */
    struct calibration_rules rules;
    struct calibration_states *keep; /* NULL, or where the heights of every calibration go; then one whose mono excites too few anchors is no error */
    const char *only;                /* label of the calibration to use alone; NULL: all */
    const struct calibration_table *before;   /* the calibration before the first one, of the same pixels and filters; NULL: none */
    double course_s;                 /* > 0: print to stdout what each calibration would have been after every so many seconds (calibration_course.h) */
    bool quiet;                      /* no bar on the terminal */
};

/* Whether a timeline has a calibration of this label (or number, for CALn). */
bool learning_has_state(const struct scan_timeline *t, const char *label);

/* A calibration state without photons is left out, with a warning. Delivers also when no pixel could be calibrated (the model then says why for each). spectra: NULL, or where to put what a report
 * draws of the heights, one table for each of the model's. False after logging: no memory, or a line table that cannot calibrate
 * at this mono energy. */
bool learning_run(const struct beamtime *b, const struct learning_settings *settings, struct array_model **out, struct report_spectra **spectra);
/* The same from any records. */
bool learning_from(const struct learning_input *input, const struct learning_settings *settings, struct array_model **out, struct report_spectra **spectra);

#endif
