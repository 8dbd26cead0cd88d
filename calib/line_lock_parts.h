/* calib/line_lock_parts.h - what line_lock.c and line_lock_stretch.c share. Private to them. */
#ifndef TESD_CALIB_LINE_LOCK_PARTS_H
#define TESD_CALIB_LINE_LOCK_PARTS_H

#include "calib/line_lock.h"

struct lock_photon {
    int64_t time_ns;
    float energy_eV, incident_eV;
    uint32_t pixel, stretch;
};

struct lock_store { struct lock_photon *photons; size_t n, room; };

struct lock_room {
    uint32_t n_pixels;
    size_t row;              /* knots a pixel has room for */
    double *scratch;         /* as many as there are photons */
    double *matrix;          /* LOCK_MAX_KNOTS squared */
    double weights[LOCK_MAX_KNOTS];
    double *offset_eV;       /* n_pixels: where a pixel's line lies against the array's, over the stretch */
};

/* One stretch: its photons by time. Appends its knots to the lock when it is locked, else sets the reason. */
void line_lock_stretch(struct line_lock *l, size_t index, const struct lock_photon *photons, size_t n, struct lock_room *room);

#endif
