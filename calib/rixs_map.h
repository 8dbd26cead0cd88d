/* calib/rixs_map.h - photons per scan point and energy bin: the RIXS map (emission axis) or the energy-loss map.
 * photon columns --add--> counts[point][bin]. Integers only, so maps of shards and scans add exactly.
 * Bins are uniform and left-closed; energies are (double) of the stored float32 columns; loss = incident - emission. */
#ifndef TESD_CALIB_RIXS_MAP_H
#define TESD_CALIB_RIXS_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/photon_block.h"
#include "pulse/status.h"

enum rixs_axis { RIXS_EMISSION, RIXS_LOSS };
enum rixs_outside { OUTSIDE_UNDER, OUTSIDE_OVER, OUTSIDE_FLAGGED, OUTSIDE_GRADE, OUTSIDE_DEAD, N_OUTSIDE };
extern const char *const rixs_outside_names[N_OUTSIDE];

struct energy_axis { double lo_eV, hi_eV, bin_eV; };  /* n_bins = round((hi - lo) / bin); edge k = lo + k x bin */

struct rixs_map {
    enum rixs_axis kind;
    uint32_t n_points, n_bins;
    struct energy_axis axis;   /* as asked for; the edges decide */
    double *edges_eV;          /* n_bins + 1 */
    double bins_per_eV;        /* says where to look for a bin */
    float margin_single;       /* bins; in single precision, nearer than this to a whole number of them the edges decide */
    uint32_t *counts;          /* n_points x n_bins, row = point */
    uint32_t *outside;         /* n_points x N_OUTSIDE: each photon under the last reason that applies */
    uint32_t grades_used;      /* bit g: grade g is counted */
    uint8_t *pixels_used;      /* n_pixels; 0 or 1. All 1 when new; set by the owner before the first photon */
    uint32_t n_pixels;
};

enum status rixs_map_new(enum rixs_axis kind, uint32_t n_points, struct energy_axis axis, uint32_t n_pixels, uint32_t grades_used, struct rixs_map **out);
void rixs_map_free(struct rixs_map *m);

/* Row i of the block, whose point is already known and cuts == 0; photons of pixels not used are ignored. */
void rixs_map_add(struct rixs_map *m, const struct photon_block *b, size_t i);
/* Takes back what _add did with the same row. */
void rixs_map_remove(struct rixs_map *m, const struct photon_block *b, size_t i);
enum { RIXS_MAP_PIECE = 64 };
/* Of rows first..first+n-1, n <= RIXS_MAP_PIECE, all of one pixel: the numbers to which _add of the photons in points (cuts == 0, point >= 0) among them would add 1, so that their
 * memory can be fetched before it is counted. The rows of photons come one behind the other in `out`, which has room for n; returns how many. */
size_t rixs_map_counters(const struct rixs_map *m, const struct photon_block *b, size_t first, size_t n, uint32_t **out);
/* Whether the sum of the two is defined: the same axes and grades, and every row that is wanted exists. */
bool rixs_map_addable(const struct rixs_map *into, const struct rixs_map *from, const uint32_t *row_of);
/* STATUS_BAD_VALUE unless axes and grades agree; row r of `from` is added to row row_of[r] (UINT32_MAX: left out). */
enum status rixs_map_sum(struct rixs_map *into, const struct rixs_map *from, const uint32_t *row_of);

#endif
