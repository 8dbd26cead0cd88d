/* daemon/calibration_course.h - how a recorded calibration came along: what it would have been after every so many seconds of it.
 *   heights of all pixels in the order of time --calibration_course_tell--> lines of text
 * The same watch and the same words as `run` has while counts come in (calibration_progress.h). For who wonders how long to calibrate. */
#ifndef TESD_DAEMON_CALIBRATION_COURSE_H
#define TESD_DAEMON_CALIBRATION_COURSE_H

#include <stdint.h>
#include <stdio.h>

#include "calib/calibration_watch.h"

struct calibration_course {
    const char *name;                          /* of the calibration */
    int64_t start_ns, end_ns;
    double every_s;                            /* > 0 */
    struct calibration_rules rules;
    const struct line_table *lines;
    double mono_eV;                            /* NaN unknown */
    const struct calibration_table *before;    /* or NULL */
};

/* heights: with their times. At most 100 lines. STATUS_NO_MEMORY, or why the line table cannot calibrate at this energy. */
enum status calibration_course_tell(const struct calibration_course *c, const struct calibration_heights *heights, uint32_t n_pixels, FILE *to);

#endif
