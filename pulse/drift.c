#include "pulse/drift.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/robust.h"

enum { PULSES_MIN = 100, GRID = 20, BLOCK = 16, BINS_MAX = 1 << 17, BOXES = 3 };
static const double relative_change_max = 0.05;

struct points {
    size_t n;
    double *height, *offset;   /* offset: pretrigger mean - reference, clipped to +-spread */
};

/* A histogram on [0, bins x width) and how it is smoothed: BOXES moving averages of 2 x radius + 1 bins are close to a Gaussian. */
struct histogram {
    size_t bins;
    double width;
    double *counts, *work;
};

static bool usable(const struct measured_pulse *p) {
    return p->cuts == 0 && isfinite(p->height) && p->height > 0 && isfinite(p->pretrigger_mean);
}

/* One moving average; what would leave the range is dropped only beyond the empty margins that `range_of` leaves. */
static void smooth_once(const double *in, size_t bins, size_t radius, double *out) {
    double sum = 0, share = 1 / (2.0 * (double)radius + 1);
    for (size_t i = 0; i < radius && i < bins; i++)
        sum += in[i];
    for (size_t i = 0; i < bins; i++) {
        if (i + radius < bins)
            sum += in[i + radius];
        out[i] = sum * share;
        if (i >= radius)
            sum -= in[i - radius];
    }
}

/* Linear sharing between the two nearest bins keeps the entropy smooth in the slope. */
static void fill(struct histogram *h, const struct points *p, double slope) {
    memset(h->counts, 0, h->bins * sizeof *h->counts);
    for (size_t i = 0; i < p->n; i++) {
        double place = p->height[i] * (1 + slope * p->offset[i]) / h->width;
        size_t bin = (size_t)place;
        if (bin + 1 >= h->bins)
            bin = h->bins - 2;
        double share = fmin(1, place - (double)bin);
        h->counts[bin] += 1 - share;
        h->counts[bin + 1] += share;
    }
}

static double entropy_of(struct histogram *h, const struct points *p, double slope, double sigma) {
    double per_box = sigma / h->width;
    size_t radius = (size_t)(0.5 * (sqrt(12 * per_box * per_box / BOXES + 1) - 1) + 0.5);
    fill(h, p, slope);
    for (int box = 0; box < BOXES; box++) {
        smooth_once(h->counts, h->bins, radius, h->work);
        double *swap = h->counts;
        h->counts = h->work;
        h->work = swap;
    }
    double sum = 0, norm = (double)p->n;
    for (size_t i = 0; i < h->bins; i++) {
        double share = h->counts[i] / norm;
        if (share > 1e-15)
            sum -= share * log(share);
    }
    return sum;
}

/* Golden section inside [low, high]; the grid has bracketed the minimum. */
static double refine(struct histogram *h, const struct points *p, double low, double high, double sigma) {
    const double golden = 0.6180339887498949;
    double a = high - golden * (high - low), b = low + golden * (high - low);
    double at_a = entropy_of(h, p, a, sigma), at_b = entropy_of(h, p, b, sigma);
    for (int i = 0; i < 12; i++) {
        if (at_a < at_b) {
            high = b;
            b = a;
            at_b = at_a;
            a = high - golden * (high - low);
            at_a = entropy_of(h, p, a, sigma);
        } else {
            low = a;
            a = b;
            at_a = at_b;
            b = low + golden * (high - low);
            at_b = entropy_of(h, p, b, sigma);
        }
    }
    return at_a < at_b ? a : b;
}

static double best_on_grid(struct histogram *h, const struct points *p, double centre, double step, int half, double limit, double sigma) {
    double best = centre, least = INFINITY;
    for (int i = -half; i <= half; i++) {
        double slope = fmax(-limit, fmin(limit, centre + i * step));
        double entropy = entropy_of(h, p, slope, sigma);
        if (entropy < least) {
            least = entropy;
            best = slope;
        }
    }
    return best;
}

/* Wide smoothing and wide steps first: the sharp entropy has many local minima. */
static double search(struct histogram *h, const struct points *p, double limit, double sigma) {
    double step = limit / GRID;
    double slope = best_on_grid(h, p, 0, step, GRID, limit, 8 * sigma);
    for (double wide = 4; wide >= 1; wide /= 2) {
        step /= 2.5;
        slope = best_on_grid(h, p, slope, step, 4, limit, wide * sigma);
    }
    return refine(h, p, fmax(-limit, slope - step), fmin(limit, slope + step), sigma);
}

/* Usable pulses inside the quantiles, with the mean's offset clipped. Returns their number; *spread: largest offset kept. */
static size_t collect(const struct measured_pulse *pulses, size_t n, struct points *p, double *scratch, double *reference, double *spread) {
    size_t all = 0;
    for (size_t i = 0; i < n; i++)
        if (usable(&pulses[i])) {
            p->height[all] = pulses[i].height;
            p->offset[all++] = pulses[i].pretrigger_mean;
        }
    memcpy(scratch, p->offset, all * sizeof *scratch);
    *reference = robust_median(scratch, all);
    double low = robust_quantile(scratch, all, 0.005), high = robust_quantile(scratch, all, 0.995);
    memcpy(scratch, p->height, all * sizeof *scratch);
    double top = robust_quantile(scratch, all, 0.995);
    *spread = fmax(high - *reference, *reference - low);
    p->n = 0;
    for (size_t i = 0; i < all; i++)
        if (p->offset[i] >= low && p->offset[i] <= high && p->height[i] <= top) {
            p->height[p->n] = p->height[i];
            p->offset[p->n++] = p->offset[i] - *reference;
        }
    return p->n;
}

/* Pulses of the blocks with that parity. */
static struct points half_of(const struct points *p, size_t parity, struct points half) {
    half.n = 0;
    for (size_t i = 0; i < p->n; i++)
        if (i / BLOCK % 2 == parity) {
            half.height[half.n] = p->height[i];
            half.offset[half.n++] = p->offset[i];
        }
    return half;
}

/* Does each half get sharper with the slope learnt on the other? */
static bool holds_elsewhere(struct histogram *h, const struct points *p, struct points room, double limit, double sigma, struct drift_learning *l) {
    double slope[2];
    bool better = true;
    for (size_t parity = 0; parity < 2; parity++) {
        struct points half = half_of(p, parity, room);
        slope[parity] = search(h, &half, limit, sigma);
    }
    for (size_t parity = 0; parity < 2; parity++) {
        struct points half = half_of(p, parity, room);
        double before = entropy_of(h, &half, 0, sigma), after = entropy_of(h, &half, slope[1 - parity], sigma);
        better = better && after < before;
        l->held_out_before += 0.5 * before;
        l->held_out_after += 0.5 * after;
    }
    return better;
}

/* Four bins per sigma, and a margin of the largest change and of the widest smoothing above the highest pulse. */
static enum status histogram_init(struct histogram *h, double highest, double sigma) {
    double top = highest * (1 + relative_change_max) + 40 * sigma;
    h->width = fmax(sigma / 4, top / BINS_MAX);
    h->bins = (size_t)(top / h->width) + 2;
    h->counts = calloc(h->bins, sizeof *h->counts);
    h->work = calloc(h->bins, sizeof *h->work);
    return h->counts && h->work ? STATUS_OK : STATUS_NO_MEMORY;
}

static struct drift learn(struct histogram *h, const struct points *p, struct points room, double reference, double spread, double sigma,
                          struct drift_learning *l) {
    struct drift d = { .slope = 0, .reference = reference };
    *l = (struct drift_learning){ .pulses = p->n };
    l->entropy_before = l->entropy_after = entropy_of(h, p, 0, sigma);
    if (!(spread > 0))
        return d;
    double limit = relative_change_max / spread;
    l->accepted = holds_elsewhere(h, p, room, limit, sigma, l);
    double slope = search(h, p, limit, sigma), after = entropy_of(h, p, slope, sigma);
    l->accepted = l->accepted && after < l->entropy_before;
    if (l->accepted) {
        d.slope = slope;
        l->entropy_after = after;
    }
    return d;
}

static double highest_of(const struct points *p) {
    double highest = 0;
    for (size_t i = 0; i < p->n; i++)
        highest = fmax(highest, p->height[i]);
    return highest;
}

enum status drift_learn(const struct measured_pulse *pulses, size_t n, double expected_fwhm, struct drift *out, struct drift_learning *report) {
    double *room = malloc(5 * (n + 1) * sizeof *room);
    if (room == NULL)
        return STATUS_NO_MEMORY;
    struct points p = { 0, room, room + n }, spare = { 0, room + 2 * n, room + 3 * n };
    double *scratch = room + 4 * n, reference = 0, spread = 0;
    struct histogram h = { 0 };
    enum status s = collect(pulses, n, &p, scratch, &reference, &spread) < PULSES_MIN ? STATUS_TOO_FEW : STATUS_OK;
    if (s == STATUS_OK) {
        memcpy(scratch, p.height, p.n * sizeof *scratch);
        double sigma = 0.25 * (expected_fwhm > 0 ? expected_fwhm : 0.003 * robust_median(scratch, p.n));
        s = histogram_init(&h, highest_of(&p), sigma);
        if (s == STATUS_OK) {
            struct drift_learning l;
            *out = learn(&h, &p, spare, reference, spread, sigma, &l);
            if (report)
                *report = l;
        }
    }
    free(h.counts);
    free(h.work);
    free(room);
    return s;
}
