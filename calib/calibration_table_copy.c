/* A table of one's own: for who needs an earlier calibration after its owner has let go of it. */
#include "calib/calibration_table.h"

#include <stdlib.h>
#include <string.h>

/* The same anchors and form make the same curve. */
static enum status copy_curve(const struct calibration_curve *from, struct calibration_curve **out) {
    const struct curve_anchor *anchors;
    *out = NULL;
    if (from == NULL)
        return STATUS_OK;
    size_t n = calibration_curve_anchors(from, &anchors);
    return calibration_curve_new(calibration_curve_form(from), anchors, n, out);
}

enum status calibration_table_copy(const struct calibration_table *from, struct calibration_table **out) {
    struct calibration_table *t = malloc(sizeof *t);
    if (t == NULL)
        return STATUS_NO_MEMORY;
    *t = *from;
    t->line_table_text = from->line_table_text != NULL ? strdup(from->line_table_text) : NULL;
    t->pixels = malloc(((size_t)from->n_pixels + 1) * sizeof *t->pixels);
    t->n_pixels = t->pixels != NULL ? from->n_pixels : 0;
    enum status s = t->pixels == NULL || (from->line_table_text != NULL && t->line_table_text == NULL) ? STATUS_NO_MEMORY : STATUS_OK;
    for (uint32_t i = 0; i < t->n_pixels; i++) {
        t->pixels[i] = from->pixels[i];
        enum status made = copy_curve(from->pixels[i].curve, &t->pixels[i].curve);
        s = made != STATUS_OK ? made : s;
    }
    if (s != STATUS_OK) {
        calibration_table_free(t);
        return s;
    }
    *out = t;
    return STATUS_OK;
}
