/* daemon/array_neighbours.h - an array's neighbour mode: the mains of the array, and for each channel whether and how its heights use it. */
#ifndef TESD_DAEMON_ARRAY_NEIGHBOURS_H
#define TESD_DAEMON_ARRAY_NEIGHBOURS_H

#include <stdbool.h>
#include <stddef.h>

#include "pulse/mains_track.h"
#include "pulse/neighbour_height.h"

struct array_neighbours {
    struct mains_track *mains;       /* owned; NULL: none that can be followed */
    size_t n;
    struct neighbour_height *of;     /* owned, by channel; of[i].used decides */
};

bool array_neighbours_new(size_t n, struct array_neighbours **out);   /* nothing used; false: no memory */
void array_neighbours_free(struct array_neighbours *a);

#endif
