#include "daemon/calibration_course.h"

#include <stdlib.h>

#include "daemon/calibration_progress.h"

enum { KEPT = 4000, LINES = 100 };

/* Adds what came before `until`; next[i] is the first pulse of pixel i that did not. */
static void add_until(struct calibration_watch *w, const struct calibration_heights *heights, uint32_t n_pixels, int64_t until_ns, size_t *next) {
    for (uint32_t i = 0; i < n_pixels; i++)
        for (; next[i] < heights[i].n && heights[i].time_ns[next[i]] < until_ns; next[i]++)
            calibration_watch_add(w, i, heights[i].heights[next[i]]);
}

static enum status look(const struct calibration_course *c, const struct calibration_watch *w, double seconds, FILE *to) {
    struct calibration_outlook o;
    char text[400];
    enum status status = calibration_watch_look(w, &c->rules, c->lines, c->mono_eV, c->before, &o, NULL);
    if (status != STATUS_OK)
        return status;
    calibration_progress_text(&o, text, sizeof text);
    fprintf(to, "%s after %.0f s, %s\n", c->name, seconds, text);
    calibration_outlook_done(&o);
    return STATUS_OK;
}

enum status calibration_course_tell(const struct calibration_course *c, const struct calibration_heights *heights, uint32_t n_pixels, FILE *to) {
    struct calibration_watch *w = NULL;
    size_t *next = calloc(n_pixels + (size_t)1, sizeof *next);
    enum status status = next ? calibration_watch_new(n_pixels, KEPT, &w) : STATUS_NO_MEMORY;
    double whole = (double)(c->end_ns - c->start_ns) * 1e-9;
    for (int k = 1; status == STATUS_OK && k <= LINES && k * c->every_s < whole; k++) {
        add_until(w, heights, n_pixels, c->start_ns + (int64_t)(k * c->every_s * 1e9), next);
        status = look(c, w, k * c->every_s, to);
    }
    calibration_watch_free(w);
    free(next);
    return status;
}
