#include "calib/shift_watch.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BINS = 600, SHIFTS = 16, SMOOTH = 2 };
static const double low_eV = 100, bin_eV = 2, memory_s = 30, refresh_s = 0.25, least_photons = 400;
static const double floor_share = 0.1, clip = 2;   /* so that no single photon decides */
static const double margin = 0.05;                 /* a pixel that differs from the array a little says so little for any shift */
static const double rejects = -0.8;                /* on average, an array that does not move */
enum { ARRAY_PHOTONS = 128 };                      /* of that average: a photon or so of each pixel */
static const double sure = 40;                     /* of natural logarithm */
static const double shifts_eV[SHIFTS] = { -60, -46, -36, -28, -22, -16, -12, -8, 8, 12, 16, 22, 28, 36, 46, 60 };

struct watched {
    double sum[SHIFTS];
    int64_t began_ns[SHIFTS];   /* when the sum left 0 */
    int off;                    /* index of its shift; -1: none */
    double back;                /* what says that it is over */
    int64_t since_ns;
};

struct shift_watch {
    uint32_t n_pixels;
    double seen[BINS], log_density[BINS], total;
    int64_t refreshed_ns;       /* INT64_MIN: never */
    int bins_of[SHIFTS];
    double of_array[SHIFTS];    /* what its photons lately say of each shift */
    struct watched pixels[];
};

void shift_watch_forget(struct shift_watch *w) {
    memset(w->pixels, 0, w->n_pixels * sizeof w->pixels[0]);
    for (uint32_t i = 0; i < w->n_pixels; i++)
        w->pixels[i].off = -1;
    memset(w->seen, 0, sizeof w->seen);
    memset(w->log_density, 0, sizeof w->log_density);
    memset(w->of_array, 0, sizeof w->of_array);
    w->total = 0;
    w->refreshed_ns = INT64_MIN;
}

enum status shift_watch_new(uint32_t n_pixels, struct shift_watch **out) {
    struct shift_watch *w = calloc(1, sizeof *w + n_pixels * sizeof w->pixels[0]);
    if (w == NULL)
        return STATUS_NO_MEMORY;
    w->n_pixels = n_pixels;
    for (int k = 0; k < SHIFTS; k++)
        w->bins_of[k] = (int)lround(shifts_eV[k] / bin_eV);
    shift_watch_forget(w);
    *out = w;
    return STATUS_OK;
}

void shift_watch_free(struct shift_watch *w) { free(w); }

/* Some eV wide, and the floor. */
static double density(const struct shift_watch *w, int bin) {
    double sum = 0, weight = 0;
    for (int k = -SMOOTH; k <= SMOOTH; k++) {
        const double share = SMOOTH + 1 - abs(k);
        weight += share;
        sum += bin + k >= 0 && bin + k < BINS ? share * w->seen[bin + k] : 0;
    }
    return (1 - floor_share) * sum / (weight * w->total) + floor_share / BINS;
}

/* What was seen longer ago counts less. */
static void refresh(struct shift_watch *w, int64_t time_ns) {
    const double passed_s = w->refreshed_ns == INT64_MIN ? 0 : fmax((double)(time_ns - w->refreshed_ns) * 1e-9, 0), left = exp(-passed_s / memory_s);
    w->refreshed_ns = time_ns;
    w->total *= left;
    for (int i = 0; i < BINS; i++)
        w->seen[i] *= left;
    for (int i = 0; i < BINS; i++)
        w->log_density[i] = w->total < least_photons ? 0 : log(density(w, i));
}

static double log_density_at(const struct shift_watch *w, int bin) {
    return bin >= 0 && bin < BINS ? w->log_density[bin] : w->total < least_photons ? 0 : log(floor_share / BINS);
}

static double evidence(const struct shift_watch *w, int bin, int shift) {
    return fmin(fmax(log_density_at(w, bin - w->bins_of[shift]) - log_density_at(w, bin), -clip), clip);
}

static void look_for_shifts(struct watched *p, const bool *usable, const double *says, int64_t time_ns) {
    int most = 0;
    for (int k = 0; k < SHIFTS; k++) {
        if (usable[k]) {
            p->began_ns[k] = p->sum[k] > 0 ? p->began_ns[k] : time_ns;
            p->sum[k] = fmax(p->sum[k] + says[k] - margin, 0);
        }
        most = p->sum[k] > p->sum[most] ? k : most;
    }
    if (p->sum[most] > sure)
        *p = (struct watched){ .off = most, .since_ns = p->began_ns[most] };
}

static void look_for_return(struct watched *p, const bool *usable, const double *says) {
    if (usable[p->off])
        p->back = fmax(p->back - says[p->off] - margin, 0);
    if (p->back > sure)
        *p = (struct watched){ .off = -1 };
}

/* Another sample, or the first photons of a calibration: until the spectrum is known the array itself seems to be off. A shift that it does not reject
 * cannot be told of a pixel either. */
static void ask_array(struct shift_watch *w, const struct watched *p, const double *says, bool *usable) {
    for (int k = 0; k < SHIFTS; k++) {
        usable[k] = w->of_array[k] < rejects;
        if (p->off < 0)
            w->of_array[k] += (says[k] - w->of_array[k]) / ARRAY_PHOTONS;
    }
}

static void listen(struct shift_watch *w, struct watched *p, int bin, int64_t time_ns) {
    double says[SHIFTS];
    bool usable[SHIFTS];
    for (int k = 0; k < SHIFTS; k++)
        says[k] = evidence(w, bin, k);
    ask_array(w, p, says, usable);
    if (p->off < 0)
        look_for_shifts(p, usable, says, time_ns);
    else
        look_for_return(p, usable, says);
}

void shift_watch_add(struct shift_watch *w, uint32_t pixel, int64_t time_ns, float energy_eV) {
    const double place = floor(((double)energy_eV - low_eV) / bin_eV);
    if (!(place >= 0 && place < BINS))
        return;
    const double since_s = w->refreshed_ns == INT64_MIN ? refresh_s : (double)(time_ns - w->refreshed_ns) * 1e-9;
    if (since_s >= refresh_s || since_s < -memory_s)   /* the clock was set back */
        refresh(w, time_ns);
    struct watched *p = &w->pixels[pixel];
    if (w->total >= least_photons)
        listen(w, p, (int)place, time_ns);
    if (p->off < 0) {   /* those that are off are not what others should see */
        w->seen[(int)place] += 1;
        w->total += 1;
    }
}

struct pixel_shift shift_watch_pixel(const struct shift_watch *w, uint32_t pixel) {
    const struct watched *p = &w->pixels[pixel];
    return p->off < 0 ? (struct pixel_shift){ 0, 0 } : (struct pixel_shift){ shifts_eV[p->off], p->since_ns };
}
