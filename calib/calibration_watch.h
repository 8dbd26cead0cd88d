/* calib/calibration_watch.h - a calibration that is still being taken: which pixels it would calibrate by now, and why not the others.
 *   heights, as they come --_add--> kept, bounded --_look--> outlook: per pixel waiting, good, ambiguous, bad
 * Looking costs what learning a table of so many pulses costs (a few ms of CPU per pixel), so it is done now and then and, in a live session,
 * on another thread than adding: on a copy. Adding neither allocates nor computes. Nothing here is a calibration: that is learnt from all
 * records once it has ended. */
#ifndef TESD_CALIB_CALIBRATION_WATCH_H
#define TESD_CALIB_CALIBRATION_WATCH_H

#include "calib/calibration_table.h"

struct calibration_watch;   /* opaque */

/* most: heights kept of a pixel, at least 256; when it has more, every second goes, and from then on every second is kept. */
enum status calibration_watch_new(uint32_t n_pixels, uint32_t most, struct calibration_watch **out);
void calibration_watch_free(struct calibration_watch *w);
void calibration_watch_clear(struct calibration_watch *w);   /* another calibration begins */
/* Makes *to, of the same size, equal to *from. */
void calibration_watch_copy(struct calibration_watch *to, const struct calibration_watch *from);

/* A good pulse of a pixel; heights that are not positive are no pulses. In the order of time. */
void calibration_watch_add(struct calibration_watch *w, uint32_t pixel, float height);
uint64_t calibration_watch_pulses(const struct calibration_watch *w);   /* added so far, all pixels */

struct watched_pixel {
    uint64_t pulses;          /* added so far */
    bool waiting;             /* fewer than are needed for anything (CALIBRATION_MIN_PULSES) */
    enum verdict verdict;     /* of what there is now; VERDICT_BAD while waiting */
    uint32_t anchors;         /* that would carry the curve */
    double margin, resolution_eV;   /* as in pixel_calibration; NaN unknown */
    char reason[240];
};

struct calibration_outlook {
    uint32_t n_pixels, n_waiting, n_verdict[N_VERDICTS];   /* those that do not wait, by verdict */
    double typical_pulses;    /* median over the pixels */
    char remark[240];         /* what the array says of the table or the mix, or why nothing can be calibrated; "" nothing */
    struct watched_pixel *pixels;   /* owned */
};

/* STATUS_BAD_VALUE and the like as calibration_table_learn, with *why set: a table that cannot calibrate at this energy is the table's fault. */
enum status calibration_watch_look(const struct calibration_watch *w, const struct calibration_rules *rules, const struct line_table *lines, double mono_eV,
                                   const struct calibration_table *before, struct calibration_outlook *out, struct complaint *why);
void calibration_outlook_done(struct calibration_outlook *o);

#endif
