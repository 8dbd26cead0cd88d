#include "daemon/array_neighbours.h"

#include <stdlib.h>

bool array_neighbours_new(size_t n, struct array_neighbours **out) {
    struct array_neighbours *a = calloc(1, sizeof *a);
    if (a == NULL)
        return false;
    a->n = n;
    a->of = calloc(n + 1, sizeof *a->of);
    if (a->of == NULL) {
        free(a);
        return false;
    }
    *out = a;
    return true;
}

void array_neighbours_free(struct array_neighbours *a) {
    if (a == NULL)
        return;
    mains_track_free(a->mains);
    free(a->of);
    free(a);
}
