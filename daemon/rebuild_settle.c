/* What belongs to the pixels of all scans of a rebuilt file: sensitivities, live times. */
#include "daemon/rebuild_parts.h"

#include <stdlib.h>
#include <string.h>

#include "calib/scan_live_time.h"
#include "calib/scan_sensitivity.h"

/* Calibrations that every input of a pixel tells of, in the order of the first: shards of one array, or one file. Of more, the first. */
static bool join_calibration_counts(const struct rebuild_work *w, struct calibration_counts *out) {
    const struct rebuild_input *first = NULL;
    for (size_t k = 0; first == NULL && k < w->what->n_inputs; k++)
        first = w->inputs[k].counts.n > 0 ? &w->inputs[k] : NULL;
    const uint32_t n = first != NULL ? first->counts.n : 0;
    if (calibration_counts_new((uint32_t)w->n_pixels, n, out) != STATUS_OK)
        return false;
    for (size_t k = w->what->n_inputs; k-- > 0;)
        for (size_t p = 0; n > 0 && w->inputs[k].counts.n == n && p < w->inputs[k].n_pixels; p++) {
            const size_t mine = w->pixel_of[k][p];
            out->used[mine] = w->inputs[k].counts.used[p];
            memcpy(out->photons + mine * n, w->inputs[k].counts.photons + p * n, n * sizeof *out->photons);
            memcpy(out->high_ns + mine * n, w->inputs[k].counts.high_ns + p * n, n * sizeof *out->high_ns);
        }
    return true;
}

/* One rule for all: the sensitivities of a merged file are those that one replay of all its records would have found. */
static bool fit_sensitivities(struct rebuild_work *w, struct scan_products *const *products, const struct calibration_counts *c) {
    double *eps = calloc(w->n_pixels + 1, sizeof *eps);
    const bool good = eps != NULL && scan_sensitivity_fit(products, w->n_scans, (uint32_t)w->n_pixels, c, eps) == STATUS_OK;
    for (size_t k = 0; good && k < w->n_scans; k++)
        memcpy(products[k]->sensitivity, eps, w->n_pixels * sizeof *eps);
    for (size_t p = 0; good && p < w->n_pixels; p++)
        w->pixels[p].sensitivity = eps[p];
    free(eps);
    return good;
}

bool rebuild_settle_pixels(struct rebuild_work *w, struct scan_products *const *products, struct archive *a) {
    struct calibration_counts c;
    if (!join_calibration_counts(w, &c))
        return false;
    bool good = !w->what->merging || fit_sensitivities(w, products, &c);
    for (size_t k = 0; good && k < w->n_scans; k++) {
        scan_live_time_settle(products[k]);
        for (uint32_t p = 0; p < w->n_pixels; p++)
            w->pixels[p].live_time_s += scan_live_time_pixel(products[k], p, GRADE_HIGH);
    }
    good = good && archive_pixels(a, w->pixels, w->n_pixels) && archive_calibration_counts(a, &c);
    calibration_counts_done(&c);
    return good;
}
