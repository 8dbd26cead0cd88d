/* The cut of OFF records (ssrl-measured.md 6): slices of 2,000 units of coefficient 2, limit median + 10 x 1.4826 MAD. */
#include <stdlib.h>

#include "pulse/pixel_model.h"
#include "pulse/residual_slices.h"

struct off_residuals { struct residual_slices *slices; };

enum status off_residuals_new(struct off_residuals **out) {
    struct off_residuals *r = malloc(sizeof *r);
    if (r == NULL)
        return STATUS_NO_MEMORY;
    enum status s = residual_slices_new(2000, &r->slices);
    if (s != STATUS_OK) {
        free(r);
        return s;
    }
    *out = r;
    return STATUS_OK;
}

void off_residuals_free(struct off_residuals *r) {
    if (r == NULL)
        return;
    residual_slices_free(r->slices);
    free(r);
}

void off_residuals_add(struct off_residuals *r, const struct off_record *record) {
    residual_slices_add(r->slices, record->coefficients[2], record->residual_sd);
}

void off_residuals_apply(const struct off_residuals *r, struct pixel_model *m) {
    residual_slices_apply(r->slices, m);
}
