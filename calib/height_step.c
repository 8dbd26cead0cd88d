/* The pulses are cut in two at each eighth; in either part the old line heights are moved onto that part's own maxima
 * (height_jump). A step is believed when the moved lines hold clearly more pulses than the unmoved ones did, in the part that moved. */
#include "calib/height_step.h"

#include <math.h>

#include "calib/height_jump.h"
#include "calib/spectrum.h"

enum { PARTS = 8, FEWEST = 300, FEWEST_IN_PART = 80 };

static const double CLEAR = 1.25;    /* score moved / score unmoved: chance gains 1.1 with 80 pulses */

struct part {
    struct height_move move;
    double gain;                     /* score moved / unmoved */
};

static enum status move_of(const float *heights, size_t n, const double *line_height, size_t n_lines, double fwhm, double reach, struct part *out) {
    double width = fwhm / 8, from = fmax(line_height[0] - 2 * reach, 0), to = line_height[n_lines - 1] + 2 * reach, bins = ceil((to - from) / width);
    struct spectrum *raw, *smooth;
    if (!(bins > 16) || !(bins < 1e5))
        return STATUS_TOO_FEW;
    enum status status = spectrum_new(from, width, (size_t)bins, &raw);
    if (status != STATUS_OK)
        return status;
    spectrum_fill(raw, heights, n);
    status = spectrum_smooth(raw, fwhm, &smooth);
    spectrum_free(raw);
    if (status != STATUS_OK)
        return status;
    double still = 0;
    for (size_t i = 0; i < n_lines; i++)
        still += sqrt(spectrum_value(smooth, line_height[i]));
    out->move = height_jump_search(smooth, line_height, n_lines, reach);
    out->gain = still > 0 ? out->move.score / still : INFINITY;
    spectrum_free(smooth);
    return STATUS_OK;
}

enum status height_step_find(const float *heights, size_t n, const double *line_height, size_t n_lines, double smooth_fwhm, double reach, double least,
                             struct height_step *out) {
    struct height_step best = {.at = NAN};
    double best_score = 0;
    if (n < FEWEST || n_lines < 3)
        return STATUS_TOO_FEW;
    for (size_t k = 1; k < PARTS; k++) {
        size_t cut = n * k / PARTS;
        struct part before, after;
        if (cut < FEWEST_IN_PART || n - cut < FEWEST_IN_PART)
            continue;
        enum status status = move_of(heights, cut, line_height, n_lines, smooth_fwhm, reach, &before);
        if (status == STATUS_OK)
            status = move_of(heights + cut, n - cut, line_height, n_lines, smooth_fwhm, reach, &after);
        if (status != STATUS_OK)
            return status;
        double middle = 0.5 * (line_height[0] + line_height[n_lines - 1]);
        double units = after.move.offset + (after.move.scale - 1) * middle - before.move.offset - (before.move.scale - 1) * middle;
        double score = before.move.score + after.move.score;
        if (fmax(before.gain, after.gain) > CLEAR && fabs(units) > least && score > best_score) {
            best = (struct height_step){.units = units, .at = (double)k / PARTS};
            best_score = score;
        }
    }
    *out = best;
    return STATUS_OK;
}
