#include "calib/line_tail.h"

#include <math.h>
#include <stdbool.h>

static const double MOST = 0.6, SIGNIFICANT = 16;
static const double FINEST = 0.002;            /* of the fraction; ten times that of ln length */
enum { ROUNDS = 40 };

/* Deviance of all windows with this tail; *fitted counts those that could be fitted. */
static double deviance_with(const struct line_fit_request *requests, size_t n, struct line_tail tail, size_t *fitted) {
    double sum = 0;
    *fitted = 0;
    for (size_t i = 0; i < n; i++) {
        struct line_shape shape = *requests[i].shape, companion;
        struct line_fit_request r = requests[i];
        struct line_fit f;
        shape.tail = tail;
        r.shape = &shape;
        if (r.companion) {
            companion = *r.companion;
            companion.tail = tail;
            r.companion = &companion;
        }
        if (line_fit(&r, &f) != STATUS_OK)
            continue;
        sum += f.deviance;
        ++*fitted;
    }
    return sum;
}

struct place {
    double fraction, log_length, deviance;
};

struct search {
    const struct line_fit_request *requests;
    size_t n, fitted;          /* windows that fit without a tail; a tail with which fewer do is no better */
    double log_shortest, log_longest;
};

static void evaluate(const struct search *s, struct place *p) {
    size_t fitted;
    p->fraction = fmin(fmax(p->fraction, 0), MOST);
    p->log_length = fmin(fmax(p->log_length, s->log_shortest), s->log_longest);
    p->deviance = deviance_with(s->requests, s->n, (struct line_tail){p->fraction, exp(p->log_length)}, &fitted);
    if (fitted < s->fitted)
        p->deviance = INFINITY;
}

/* The four neighbours of *best in turn; true when one is better, and now is *best. */
static bool step(const struct search *s, double width, struct place *best) {
    struct place from = *best;
    for (int d = 0; d < 4; d++) {
        struct place p = from;
        *(d < 2 ? &p.fraction : &p.log_length) += (d % 2 ? -1 : 1) * (d < 2 ? width : 10 * width);
        evaluate(s, &p);
        if (p.deviance < best->deviance)
            *best = p;
    }
    return best->deviance < from.deviance;
}

static struct place coarse_best(const struct search *s, double without) {
    struct place best = {.log_length = s->log_shortest, .deviance = without};
    for (int i = 1; i <= 3; i++)
        for (int k = 0; k < 3; k++) {
            struct place p = {.fraction = 0.08 * i * i, .log_length = s->log_shortest + (0.2 + 0.3 * k) * (s->log_longest - s->log_shortest)};
            evaluate(s, &p);
            if (p.deviance < best.deviance)
                best = p;
        }
    return best;
}

/* From the curvature of the deviance along the fraction. */
static double fraction_sigma(const struct search *s, const struct place *best) {
    double h = fmax(0.2 * best->fraction, 0.01);
    struct place low = *best, high = *best;
    low.fraction -= h;
    high.fraction += h;
    evaluate(s, &low);
    evaluate(s, &high);
    double left = best->fraction - low.fraction, right = high.fraction - best->fraction;
    double slope_left = (best->deviance - low.deviance) / left, slope_right = (high.deviance - best->deviance) / right;
    double curvature = 2 * (slope_right - slope_left) / (left + right);
    return curvature > 0 ? sqrt(2 / curvature) : (double)NAN;
}

enum status line_tail_find(const struct line_fit_request *requests, size_t n, double longest_eV, struct line_tail_found *out) {
    struct search s = {.requests = requests, .n = n};
    double without = deviance_with(requests, n, (struct line_tail){0, 0}, &s.fitted);
    if (s.fitted == 0)
        return STATUS_TOO_FEW;
    s.log_shortest = log(0.5 * requests[0].start_fwhm_eV);
    s.log_longest = fmax(log(longest_eV), s.log_shortest);
    struct place best = coarse_best(&s, without);
    double width = 0.04;
    for (int round = 0; round < ROUNDS && width > FINEST; round++)
        if (!step(&s, width, &best))
            width /= 2;
    if (!(without - best.deviance > SIGNIFICANT) || !(best.fraction > 0))
        return STATUS_NOT_FOUND;
    *out = (struct line_tail_found){.tail = {best.fraction, exp(best.log_length)}, .fraction_sigma = fraction_sigma(&s, &best), .gain = without - best.deviance};
    return STATUS_OK;
}
