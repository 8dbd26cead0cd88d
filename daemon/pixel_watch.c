#include "daemon/pixel_watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/pixel_detail.h"
#include "pulse/cut.h"

struct sums { double baseline, residual; uint64_t n, n_baseline, n_residual, records, photons; int64_t since_ms, jumped_ns; };

struct pixel_watch { uint32_t n_pixels, *spectra; struct shift_watch *shifts; struct sums pixels[]; };

bool pixel_watch_new(uint32_t n_pixels, int64_t now_ms, struct pixel_watch **out) {
    struct pixel_watch *w = calloc(1, sizeof *w + n_pixels * sizeof w->pixels[0]);
    if (w != NULL)
        w->spectra = calloc((size_t)n_pixels * DETAIL_BINS + 1, sizeof *w->spectra);
    if (w == NULL || w->spectra == NULL || shift_watch_new(n_pixels, &w->shifts) != STATUS_OK) {
        pixel_watch_free(w);
        return false;
    }
    w->n_pixels = n_pixels;
    for (uint32_t i = 0; i < n_pixels; i++)
        w->pixels[i].since_ms = now_ms;
    *out = w;
    return true;
}

void pixel_watch_free(struct pixel_watch *w) {
    if (w == NULL)
        return;
    shift_watch_free(w->shifts);
    free(w->spectra);
    free(w);
}

const uint32_t *pixel_watch_spectrum(const struct pixel_watch *w, uint32_t pixel) { return w->spectra + (size_t)pixel * DETAIL_BINS; }

void pixel_watch_forget_spectra(struct pixel_watch *w) {
    memset(w->spectra, 0, (size_t)w->n_pixels * DETAIL_BINS * sizeof *w->spectra);
    shift_watch_forget(w->shifts);
}

void pixel_watch_rows(struct pixel_watch *w, const struct row_block *b) {
    for (size_t i = 0; i < b->n; i++) {
        if (b->photons->pixel[i] >= w->n_pixels)
            continue;
        struct sums *s = &w->pixels[b->photons->pixel[i]];
        const struct measured_pulse *p = &b->pulses[i];
        s->n++;
        s->records++;
        if ((b->photons->cuts[i] & CUT_BIT(CUT_JUMPED)) == 0)
            s->jumped_ns = 0;
        else if (s->jumped_ns == 0)
            s->jumped_ns = b->photons->time_ns[i];
        s->photons += b->photons->cuts[i] == 0;
        const int bin = b->photons->cuts[i] == 0 ? pixel_detail_bin(b->photons->energy_eV[i]) : -1;
        if (bin >= 0)
            w->spectra[(size_t)b->photons->pixel[i] * DETAIL_BINS + (size_t)bin]++;
        if (b->photons->cuts[i] == 0 && (b->photons->flags[i] & TRUST_MASK) < TRUST_BEYOND)
            shift_watch_add(w->shifts, b->photons->pixel[i], b->photons->time_ns[i], b->photons->energy_eV[i]);
        if (isfinite(p->pretrigger_mean)) {
            s->baseline += (double)p->pretrigger_mean;
            s->n_baseline++;
        }
        if (b->photons->cuts[i] == 0 && isfinite(p->residual)) {
            s->residual += (double)p->residual;
            s->n_residual++;
        }
    }
}

int64_t pixel_watch_jumped(const struct pixel_watch *w, uint32_t pixel) { return w->pixels[pixel].jumped_ns; }

struct pixel_shift pixel_watch_shift(const struct pixel_watch *w, uint32_t pixel) { return shift_watch_pixel(w->shifts, pixel); }

static double mean(double sum, uint64_t n) { return n > 0 ? sum / (double)n : (double)NAN; }

struct watched_window pixel_watch_take(struct pixel_watch *w, uint32_t pixel, int64_t now_ms) {
    struct sums *s = &w->pixels[pixel];
    const double window_s = (double)(now_ms - s->since_ms) * 1e-3;
    struct watched_window out = { .window_s = window_s, .rate_per_s = window_s > 0 ? (double)s->n / window_s : (double)NAN, .baseline_counts = mean(s->baseline, s->n_baseline),
                                  .residual = mean(s->residual, s->n_residual), .records = s->records, .photons = s->photons, .jumped_ns = s->jumped_ns };
    *s = (struct sums){ .records = s->records, .photons = s->photons, .since_ms = now_ms, .jumped_ns = s->jumped_ns };
    return out;
}
