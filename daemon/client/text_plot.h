/* daemon/client/text_plot.h - a curve in character cells: one line (sparkline) or a block of lines. UTF-8 eighths of a block, or ASCII
 * where the terminal has no UTF-8. Values that are not finite are gaps. */
#ifndef TESD_DAEMON_CLIENT_TEXT_PLOT_H
#define TESD_DAEMON_CLIENT_TEXT_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Value of each of n_cells columns: the mean of the finite values whose x falls into it, columns dividing [lo, hi] evenly; a column between
 * two values takes the nearer one's, so that coarse steps draw no holes. NaN: none. x need not be in order. */
void text_plot_columns(const double *x, const double *y, size_t n, double lo, double hi, double *cells, size_t n_cells);

/* Line `row` of n_rows (0 at the top) of bars from 0 to `top`: n_cells characters. */
void text_plot_row(FILE *to, const double *cells, size_t n_cells, double top, unsigned row, unsigned n_rows, bool utf8);

#endif
