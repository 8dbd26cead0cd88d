#include "daemon/client/text_plot.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

enum { LEVELS = 8 };

static const char *const eighths[LEVELS + 1] = { " ", "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588" };
static const char *const plain[LEVELS + 1] = { " ", ".", ".", ":", ":", "|", "|", "#", "#" };

static size_t cell_of(double x, double lo, double hi, size_t n_cells) {
    double at = hi > lo ? (x - lo) / (hi - lo) * (double)n_cells : 0;
    return at >= (double)n_cells ? n_cells - 1 : (size_t)at;
}

/* The mean of each column that holds values; NaN of the others. False: no memory. */
static bool means(const double *x, const double *y, size_t n, double lo, double hi, double *cells, size_t n_cells) {
    unsigned *counts = calloc(n_cells + 1, sizeof *counts);
    if (counts == NULL)
        return false;
    for (size_t c = 0; c < n_cells; c++)
        cells[c] = 0;
    for (size_t k = 0; k < n; k++)
        if (isfinite(x[k]) && isfinite(y[k]) && x[k] >= lo && x[k] <= hi) {
            size_t c = cell_of(x[k], lo, hi, n_cells);
            cells[c] += y[k];
            counts[c]++;
        }
    for (size_t c = 0; c < n_cells; c++)
        cells[c] = counts[c] > 0 ? cells[c] / counts[c] : (double)NAN;
    free(counts);
    return true;
}

void text_plot_columns(const double *x, const double *y, size_t n, double lo, double hi, double *cells, size_t n_cells) {
    if (!means(x, y, n, lo, hi, cells, n_cells)) {
        for (size_t c = 0; c < n_cells; c++)
            cells[c] = NAN;
        return;
    }
    size_t before = SIZE_MAX;   /* the last column with a value */
    for (size_t c = 0; c < n_cells; c++) {
        if (isnan(cells[c]))
            continue;
        for (size_t gap = before == SIZE_MAX ? c : before + 1; gap < c; gap++)
            cells[gap] = gap - before <= c - gap ? cells[before] : cells[c];
        before = c;
    }
}

void text_plot_row(FILE *to, const double *cells, size_t n_cells, double top, unsigned row, unsigned n_rows, bool utf8) {
    for (size_t c = 0; c < n_cells; c++) {
        double filled = top > 0 && isfinite(cells[c]) ? cells[c] / top * n_rows * LEVELS - (double)(n_rows - 1 - row) * LEVELS : 0;
        int level = filled >= LEVELS ? LEVELS : filled <= 0 ? 0 : (int)ceil(filled);
        fputs((utf8 ? eighths : plain)[level], to);
    }
}
