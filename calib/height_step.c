/* The pulses are cut in two at each eighth, and the medians of either part are compared in a window around each line. The best cut
 * only tells where the lines are before and after; the moment itself is the one that puts most pulses on the right side. */
#include "calib/height_step.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "pulse/robust.h"

enum { PARTS = 8, FEWEST = 200, FEWEST_IN_WINDOW = 12, LINES_NEEDED = 2 };

static const double SIGMAS = 4, NEIGHBOUR_SHARE = 0.45;

static double window_of(const double *line_height, size_t n_lines, size_t i, double reach) {
    if (i > 0)
        reach = fmin(reach, NEIGHBOUR_SHARE * (line_height[i] - line_height[i - 1]));
    if (i + 1 < n_lines)
        reach = fmin(reach, NEIGHBOUR_SHARE * (line_height[i + 1] - line_height[i]));
    return reach;
}

struct place { double median, error; };

static struct place place_of(const float *heights, size_t from, size_t to, double centre, double reach, double *scratch) {
    size_t n = 0;
    for (size_t i = from; i < to; i++)
        if (fabs((double)heights[i] - centre) < reach)
            scratch[n++] = (double)heights[i];
    if (n < FEWEST_IN_WINDOW)
        return (struct place){NAN, NAN};
    struct robust_centre c = robust_centre(scratch, n);
    return (struct place){c.median, 1.253 * c.sigma / sqrt((double)n)};
}

/* Largest move of a line between the parts before and after `cut`, 0 unless enough lines moved; *total: of all moves, in sigmas squared. */
static double move_at(const float *heights, size_t n, size_t cut, const double *line_height, size_t n_lines, double reach, double least, double *scratch,
                      double *total) {
    double largest = 0;
    size_t moved = 0;
    *total = 0;
    for (size_t k = 0; k < n_lines; k++) {
        double window = window_of(line_height, n_lines, k, reach);
        struct place before = place_of(heights, 0, cut, line_height[k], window, scratch), after = place_of(heights, cut, n, line_height[k], window, scratch);
        double move = after.median - before.median, sigma = hypot(before.error, after.error);
        if (!(fabs(move) > least) || !(fabs(move) > SIGMAS * sigma))
            continue;
        moved++;
        *total += move * move / fmax(sigma * sigma, 1e-12);
        if (fabs(move) > fabs(largest))
            largest = move;
    }
    return moved >= LINES_NEEDED ? largest : 0;
}

/* Each pulse near a line that moved votes for "before" or "after"; the moment is where the votes change. */
static size_t moment_of(const float *heights, size_t n, size_t cut, const double *line_height, size_t n_lines, double reach, double least, double *scratch) {
    struct place before[HEIGHT_STEP_MAX_LINES], after[HEIGHT_STEP_MAX_LINES];
    for (size_t k = 0; k < n_lines; k++) {
        double window = window_of(line_height, n_lines, k, reach);
        before[k] = place_of(heights, 0, cut, line_height[k], window, scratch);
        after[k] = place_of(heights, cut, n, line_height[k], window, scratch);
    }
    long votes = 0, best = 0;
    size_t moment = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n_lines; k++) {
            double middle = 0.5 * (before[k].median + after[k].median), move = after[k].median - before[k].median;
            if (fabs((double)heights[i] - middle) < fabs(move) && fabs(move) > least)
                votes += ((double)heights[i] < middle) == (move > 0) ? 1 : -1;
        }
        if (votes > best) {
            best = votes;
            moment = i + 1;
        }
    }
    return moment;
}

enum status height_step_find(const float *heights, size_t n, const double *line_height, size_t n_lines, double reach, double least, struct height_step *out) {
    if (n < FEWEST || n_lines < LINES_NEEDED || n_lines > HEIGHT_STEP_MAX_LINES)
        return STATUS_TOO_FEW;
    double *scratch = malloc(n * sizeof *scratch), best = 0;
    if (!scratch)
        return STATUS_NO_MEMORY;
    struct height_step found = {.units = 0};
    for (size_t k = 1; k < PARTS; k++) {
        double total, units = move_at(heights, n, n * k / PARTS, line_height, n_lines, reach, least, scratch, &total);
        if (fabs(units) > 0 && total > best) {
            found = (struct height_step){.units = units, .index = n * k / PARTS};
            best = total;
        }
    }
    if (found.index > 0) {
        size_t moment = moment_of(heights, n, found.index, line_height, n_lines, reach, least, scratch);
        found.index = moment > 0 && moment < n ? moment : found.index;
    }
    free(scratch);
    *out = found;
    return STATUS_OK;
}
