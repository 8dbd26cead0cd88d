/* calib/array_spectra.h - spectra of all photons of an array on one energy axis, one for each cell of like spectra: what a pixel's own are compared with.
 *   energies, cell by cell --add--> counts --settle--> at any energy psi = f'/f and psi^2 smoothed once more, f the density of the cell
 * A pixel's own thousand photons know their density badly; those of 240 pixels know it well enough that errors of psi no longer matter, and
 * that a cell can be a single point of a scan. f is smoothed with a Gaussian and has a floor of 0.15 counts per kernel width, as in
 * pulse/sharpening.h. One owner thread while it is filled; any thread may read what is settled. */
#ifndef TESD_CALIB_ARRAY_SPECTRA_H
#define TESD_CALIB_ARRAY_SPECTRA_H

#include <stddef.h>

#include "pulse/status.h"

struct array_spectra;   /* opaque */

/* Energies in [low, high), eV; kernel_eV > 0: standard deviation of the smoothing. Takes 8 bytes x cells x (high - low) / kernel x 4. STATUS_BAD_VALUE: no cells or
 * no range; STATUS_NO_MEMORY. */
enum status array_spectra_new(double low_eV, double high_eV, double kernel_eV, size_t n_cells, struct array_spectra **out);
void array_spectra_free(struct array_spectra *s);

void array_spectra_clear(struct array_spectra *s);                                /* no counts, not settled */
void array_spectra_add(struct array_spectra *s, size_t cell, double energy_eV);   /* outside the range: not counted */
enum status array_spectra_settle(struct array_spectra *s);                        /* STATUS_NO_MEMORY. Nothing is added then, until it is cleared */

struct array_pull { double psi, weight; };   /* 1/eV, 1/eV^2 */
/* Of a photon there; both 0 outside the range. */
struct array_pull array_spectra_pull(const struct array_spectra *s, size_t cell, double energy_eV);

#endif
