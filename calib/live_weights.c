#include "calib/live_weights.h"

#include "pulse/livetime.h"

struct live_points live_points_from(uint32_t first, uint32_t end) {
    const uint32_t n = first < end ? end - first : 0;
    return (struct live_points){ first, n < LIVE_POINTS ? n : LIVE_POINTS };
}

void live_weights_of_pixel(const struct scan_products *p, uint32_t pixel, struct live_points of, uint32_t grades, double live_ns[LIVE_POINTS]) {
    const int64_t *row = scan_products_times(p) + ((size_t)pixel * p->n_points + of.first) * N_LIVETIME_COLUMNS;
    for (uint32_t i = 0; i < of.n; i++, row += N_LIVETIME_COLUMNS) {
        int64_t ns = 0;
        for (unsigned g = 0; g < N_GRADES; g++)
            ns += row[g] & -(int64_t)(grades >> g & 1);
        live_ns[i] = (double)ns;
    }
}

void live_weights_ns(const struct scan_products *p, const uint8_t *pixels_used, struct live_points of, uint32_t grades, double sum_ns[LIVE_POINTS]) {
    double live_ns[LIVE_POINTS];
    for (uint32_t i = 0; i < of.n; i++)
        sum_ns[i] = 0;
    for (uint32_t pixel = 0; pixel < p->n_pixels; pixel++) {
        if (!pixels_used[pixel])
            continue;
        live_weights_of_pixel(p, pixel, of, grades, live_ns);
        for (uint32_t i = 0; i < of.n; i++)
            sum_ns[i] += p->sensitivity[pixel] * live_ns[i];
    }
}
