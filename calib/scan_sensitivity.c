#include "calib/scan_sensitivity.h"

#include <stdlib.h>

#include "calib/sensitivity.h"
#include "pulse/livetime.h"

/* Below this the scans' own counts are too few to tell sensitivities; then calibrations help (doc/methods.md, Live time). */
static const double SCAN_TIME_S = 300;

enum status calibration_counts_new(uint32_t n_pixels, uint32_t n, struct calibration_counts *out) {
    const size_t cells = (size_t)n_pixels * n + 1;
    *out = (struct calibration_counts){ .n_pixels = n_pixels, .n = n, .photons = calloc(cells, sizeof *out->photons), .high_ns = calloc(cells, sizeof *out->high_ns),
                                        .used = calloc(n_pixels + (size_t)1, 1) };
    if (out->photons != NULL && out->high_ns != NULL && out->used != NULL)
        return STATUS_OK;
    calibration_counts_done(out);
    return STATUS_NO_MEMORY;
}

void calibration_counts_done(struct calibration_counts *c) {
    free(c->photons);
    free(c->high_ns);
    free(c->used);
    *c = (struct calibration_counts){ 0 };
}

static double scan_time_s(struct scan_products *const *products, size_t n) {
    double ns = 0;
    for (size_t k = 0; k < n; k++)
        for (uint32_t i = 0; i < products[k]->n_points; i++)
            ns += (double)(products[k]->scan->points[i].end_ns - products[k]->scan->points[i].start_ns);
    return 1e-9 * ns;
}

/* Of the calibrations the pixels that a scan uses: the others' time would lower the rate that is asked of these. */
static void mark_used(struct scan_products *const *products, size_t n_products, const struct calibration_counts *c, uint8_t *used) {
    for (uint32_t p = 0; p < c->n_pixels; p++)
        for (size_t k = 0; k < n_products && c->used[p]; k++)
            used[p] |= products[k]->pixels_used[p];
}

enum status scan_sensitivity_fit(struct scan_products *const *products, size_t n_products, uint32_t n_pixels, const struct calibration_counts *calibrations, double *eps) {
    struct sensitivity_part *parts = calloc(n_products + 2, sizeof *parts);
    uint8_t *used = calloc(n_pixels + (size_t)1, 1);
    size_t n = n_products;
    if (parts == NULL || used == NULL) {
        free(parts);
        free(used);
        return STATUS_NO_MEMORY;
    }
    for (size_t k = 0; k < n_products; k++) {
        const struct scan_products *p = products[k];
        parts[k] = (struct sensitivity_part){ .n_points = p->n_points, .counts = p->high_photons, .live_ns = scan_products_times(p) + LIVETIME_HIGH,
                                              .stride = N_LIVETIME_COLUMNS, .pixels_used = p->pixels_used };
    }
    if (calibrations != NULL && calibrations->n > 0 && scan_time_s(products, n_products) < SCAN_TIME_S) {
        mark_used(products, n_products, calibrations, used);
        parts[n++] = (struct sensitivity_part){ .n_points = calibrations->n, .counts = calibrations->photons, .live_ns = calibrations->high_ns, .stride = 1,
                                                .pixels_used = used };
    }
    const enum status s = sensitivity_fit(parts, n, n_pixels, eps);
    free(parts);
    free(used);
    return s;
}
