#include "calib/peak_find.h"

#include <math.h>

static const double RIPPLE_COUNTS = 4, RIPPLE_SIGMAS = 2, RIPPLE_SHARE = 0.3;

static struct peak top_at(const struct spectrum *s, size_t i) {
    double left = s->counts[i - 1], middle = s->counts[i], right = s->counts[i + 1];
    double bend = left - 2 * middle + right;
    double shift = bend < 0 ? 0.5 * (left - right) / bend : 0;
    shift = fmin(fmax(shift, -0.5), 0.5);
    return (struct peak){.at = spectrum_centre(s, i) + shift * s->width, .value = middle - 0.25 * (left - right) * shift};
}

/* Keeps the list sorted by prominence, most prominent first. */
static size_t insert(struct peak *list, size_t n, size_t max, struct peak p) {
    if (n == max && (max == 0 || p.prominence <= list[max - 1].prominence))
        return n;
    size_t i = n < max ? n++ : max - 1;
    for (; i > 0 && list[i - 1].prominence < p.prominence; i--)
        list[i] = list[i - 1];
    list[i] = p;
    return n;
}

static size_t next_top(const struct spectrum *s, size_t i) {
    while (i + 1 < s->n && s->counts[i + 1] >= s->counts[i])
        i++;
    return i;
}

static size_t next_valley(const struct spectrum *s, size_t i) {
    while (i + 1 < s->n && s->counts[i + 1] <= s->counts[i])
        i++;
    return i;
}

size_t peak_find(const struct spectrum *smooth, struct peak *out, size_t max) {
    if (smooth->n < 3)
        return 0;
    size_t n = 0, i = next_valley(smooth, 0);
    double left_valley = smooth->counts[i];
    while (i + 1 < smooth->n) {
        size_t top = next_top(smooth, i), valley = next_valley(smooth, top);
        if (top == i || top + 1 >= smooth->n)
            break;
        struct peak p = top_at(smooth, top);
        p.prominence = p.value - 0.5 * (left_valley + smooth->counts[valley]);
        n = insert(out, n, max, p);
        left_valley = smooth->counts[valley];
        i = valley;
    }
    return n;
}

size_t peak_find_drop_ripples(struct peak *peaks, size_t n, double kernel_bins) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        double counts = peaks[i].prominence * kernel_bins;
        if (counts >= RIPPLE_COUNTS && counts > RIPPLE_SIGMAS * sqrt(peaks[i].value * kernel_bins) && peaks[i].prominence > RIPPLE_SHARE * peaks[i].value)
            peaks[kept++] = peaks[i];
    }
    return kept;
}

bool peak_find_highest(const struct spectrum *smooth, double from, double to, struct peak *out) {
    bool found = false;
    if (smooth->n < 3)
        return false;
    double first = fmax(ceil((from - smooth->low) / smooth->width - 0.5), 1);
    double last = fmin(floor((to - smooth->low) / smooth->width - 0.5), (double)smooth->n - 2);
    for (double at = first; at <= last; at++) {
        size_t i = (size_t)at;
        if (smooth->counts[i] < smooth->counts[i - 1] || !(smooth->counts[i] > smooth->counts[i + 1]))
            continue;
        struct peak p = top_at(smooth, i);
        if (!found || p.value > out->value)
            *out = p;
        found = true;
    }
    return found;
}
