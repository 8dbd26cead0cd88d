/* calib/line_lock_parts.h - what line_lock.c and line_lock_stretch.c share. Private to them. */
#ifndef TESD_CALIB_LINE_LOCK_PARTS_H
#define TESD_CALIB_LINE_LOCK_PARTS_H

#include "calib/drift_walk.h"
#include "calib/line_lock.h"

struct lock_photon {
    int64_t time_ns;
    float energy_eV, incident_eV;
    uint32_t pixel, stretch;
};

struct lock_store { struct lock_photon *photons; size_t n, room; };

struct lock_room {
    size_t row;                    /* knots a pixel has room for */
    double *scratch;               /* as many as there are photons */
    struct lock_photon *by_pixel;  /* as many: of the stretch, by pixel and time */
    size_t *first;                 /* n_pixels + 1: where each pixel's begin */
    double *offset_eV;             /* n_pixels: where a pixel's line lies against the array's, over the stretch */
    struct drift_room walk;
};

/* One stretch: its photons by time. Appends its knots to the lock when it is locked, else sets the reason. */
void line_lock_stretch(struct line_lock *l, size_t index, const struct lock_photon *photons, size_t n, struct lock_room *room);

#endif
