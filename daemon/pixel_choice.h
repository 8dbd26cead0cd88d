/* daemon/pixel_choice.h - which pixels somebody means: all, the best so many, those of a resolution, or a list of channels.
 *   "all", "best:64", "resolution:1.6" (FWHM in eV at most), "3, 17, 100-120" --> struct pixel_choice --> mask */
#ifndef TESD_DAEMON_PIXEL_CHOICE_H
#define TESD_DAEMON_PIXEL_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pixel_choice {
    enum pixel_choice_kind { PIXELS_ALL, PIXELS_BEST, PIXELS_RESOLUTION, PIXELS_LISTED } kind;
    uint32_t best;
    double at_most_eV;
    const char *channels;         /* borrowed text */
};

/* Borrows text. False: it is none of the four. */
bool pixel_choice_parse(const char *text, struct pixel_choice *out);
/* Clears used[i] of those that are not meant; a pixel of unknown resolution (NaN) is the last of the best, and in none by resolution.
 * False: no memory. */
bool pixel_choice_apply(const struct pixel_choice *c, const uint32_t *channels, const double *resolution_eV, uint32_t n, uint8_t *used);

#endif
