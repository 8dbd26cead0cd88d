#include "daemon/calibration_states.h"

#include <stdint.h>
#include <stdlib.h>

bool calibration_states_add(struct calibration_states *s, double mono_eV, struct calibration_heights **heights, size_t n_pixels, size_t table) {
    struct calibration_kept *bigger = realloc(s->list, (s->n + 1) * sizeof *bigger);
    if (bigger == NULL)
        return false;
    s->list = bigger;
    s->n_pixels = n_pixels;
    s->list[s->n++] = (struct calibration_kept){ .mono_eV = mono_eV, .heights = *heights, .table = table };
    *heights = NULL;
    return true;
}

void calibration_states_done(struct calibration_states *s) {
    for (size_t k = 0; k < s->n; k++) {
        for (size_t i = 0; i < s->n_pixels; i++) {
            free((void *)(uintptr_t)s->list[k].heights[i].heights);
            free((void *)(uintptr_t)s->list[k].heights[i].time_ns);
        }
        free(s->list[k].heights);
    }
    free(s->list);
    *s = (struct calibration_states){ 0 };
}
