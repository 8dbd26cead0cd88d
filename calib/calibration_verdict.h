/* calib/calibration_verdict.h - every pixel judged against the array (doc/methods.md, Lines and curves), in words a beamline scientist understands.
 *   table whose pixels have curves of their own merit + spectra --> verdicts, reasons, ranks, the array's lines, a remark on the table
 * The typical pixel is the lower median, so that two pixels are judged by the better one. What all pixels have in common is never
 * held against a pixel: a line that lies off in all of them is the table's fault.
 *
 * Bad: resolution more than twice the typical one; two lines or more missing that the
 * others have; a line off the curve through the others by more than in the typical pixel; a spectrum unlike the others'; a readout
 * that jumps in most records; saturation without a curve. Good, with a reason: resolution 1.3 to 2 times the typical one, odd gain or
 * rate, an uncertain anchor, records lost to jumps or saturation. */
#ifndef TESD_CALIB_CALIBRATION_VERDICT_H
#define TESD_CALIB_CALIBRATION_VERDICT_H

#include "calib/calibration_table.h"
#include "calib/fit_plan.h"

/* pixels: as the table was learnt from. Curves stay where they are, also of pixels that are now bad. */
enum status calibration_verdict_judge(struct calibration_table *t, const struct fit_plan *plan, const struct calibration_heights *pixels);

/* Ranks by resolution among the pixels that have a curve and are good; ties by pixel. */
enum status calibration_verdict_rank(struct calibration_table *t);

/* Of the pixels with used[i] != 0 only the `best` of finest resolution stay used (0: all); NaN comes last, ties by pixel. Returns
 * STATUS_NO_MEMORY with nothing changed. */
enum status calibration_verdict_keep_best(const double *resolution_eV, uint8_t *used, uint32_t n, uint32_t best);

/* Bad from now on, for this reason, before those it had if it was bad already. */
__attribute__((format(printf, 2, 3)))
void calibration_verdict_condemn(struct pixel_calibration *p, const char *format, ...);

/* Something to know that is no reason to be bad. */
__attribute__((format(printf, 2, 3)))
void calibration_verdict_note(struct pixel_calibration *p, const char *format, ...);

#endif
