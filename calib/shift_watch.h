/* calib/shift_watch.h - which pixels see the array's lines beside their places? For alarms while data flow: a jump of heights that no baseline shows.
 *   photons of all pixels as they come --add--> per pixel: by how many eV it is off, and since when
 * The array's spectrum of the last half minute, with a floor under it as in jump_time.h, is what a pixel should see, whatever sample is in. For each
 * of some shifts s photon i says  l_i = ln f(E_i - s) - ln f(E_i);  their sum, never let below 0 (Page's test), grows only in a pixel that is off by about s.
 * Beyond e^40 to 1 it is off; it is not any more when the same sum of -l_i says so as surely. Spectra that move in all pixels alike move f, and
 * while f lags behind (another sample, the first photons of a calibration) the array's own photons speak for shifts, which are then not told. Only shifts
 * of 8 to 60 eV: less is what curves drift and differ by. Says nothing until the array has some hundred photons in that half minute.
 * Order of photons matters a little: for alarms, not for files. Nothing allocates after _new. */
#ifndef TESD_CALIB_SHIFT_WATCH_H
#define TESD_CALIB_SHIFT_WATCH_H

#include <stdint.h>

#include "pulse/status.h"

struct shift_watch;   /* opaque */

enum status shift_watch_new(uint32_t n_pixels, struct shift_watch **out);
void shift_watch_free(struct shift_watch *w);
void shift_watch_forget(struct shift_watch *w);   /* energies have another meaning from now on */

/* A photon with a trusted energy. pixel < n_pixels. */
void shift_watch_add(struct shift_watch *w, uint32_t pixel, int64_t time_ns, float energy_eV);

struct pixel_shift {
    double shift_eV;     /* measured less true, about; 0: none */
    int64_t since_ns;    /* of the photon from which on the sum grew */
};
struct pixel_shift shift_watch_pixel(const struct shift_watch *w, uint32_t pixel);

#endif
