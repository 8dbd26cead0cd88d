/* V = variance K + diag(sigma^2) = L L'. With u = L^-1 1 and y = L^-1 value: constant = u.y / u.u, and the restricted likelihood is
 *   -1/2 (ln det V + ln u.u + |y - constant u|^2).
 * B = variance K V^-1 (value - constant). Its error: the diagonal of variance K - A'A + (what the constant's error adds), A = L^-1 variance K. */
#include "calib/drift_walk.h"

#include <math.h>
#include <stdbool.h>

size_t drift_room_doubles(void) {
    return (size_t)DRIFT_WALK_MAX * (DRIFT_WALK_MAX + 3);
}

/* Covariance of B at two times for unit variance per hour, hours. */
static double bridge(struct drift_ends ends, double first_s, double a_s, double b_s) {
    double early = fmin(a_s, b_s), late = fmax(a_s, b_s);
    bool before = isfinite(ends.before_s), after = isfinite(ends.after_s);
    if (before && after)
        return fmax(0, early - ends.before_s) * fmax(0, ends.after_s - late) / (ends.after_s - ends.before_s) / 3600;
    if (after)
        return fmax(0, ends.after_s - late) / 3600;
    return fmax(0, early - (before ? ends.before_s : first_s)) / 3600;
}

static bool factor(const struct drift_point *p, size_t n, struct drift_ends ends, double variance, double *l) {
    for (size_t j = 0; j < n; j++)
        for (size_t k = 0; k <= j; k++) {
            double sum = variance * bridge(ends, p[0].time_s, p[j].time_s, p[k].time_s) + (j == k ? p[j].sigma * p[j].sigma : 0);
            for (size_t i = 0; i < k; i++)
                sum -= l[j * n + i] * l[k * n + i];
            if (j == k && !(sum > 0))
                return false;
            l[j * n + k] = j == k ? sqrt(sum) : sum / l[k * n + k];
        }
    return true;
}

static void forward(const double *l, size_t n, double *b) {
    for (size_t j = 0; j < n; j++) {
        for (size_t k = 0; k < j; k++)
            b[j] -= l[j * n + k] * b[k];
        b[j] /= l[j * n + j];
    }
}

/* u, y and the constant, into the two vectors behind the matrix. */
static double solve(const struct drift_point *p, size_t n, const double *l, double *u, double *y, double *uu) {
    double uy = 0;
    for (size_t i = 0; i < n; i++) {
        u[i] = 1;
        y[i] = p[i].value;
    }
    forward(l, n, u);
    forward(l, n, y);
    *uu = 0;
    for (size_t i = 0; i < n; i++) {
        *uu += u[i] * u[i];
        uy += u[i] * y[i];
    }
    return uy / *uu;
}

double drift_walk_likelihood(const struct drift_point *p, size_t n, struct drift_ends ends, double variance, struct drift_room room) {
    double *l = room.matrix, *u = l + n * n, *y = u + n, uu, sum = 0;
    if (n < 2 || n > DRIFT_WALK_MAX || !factor(p, n, ends, variance, l))
        return -INFINITY;
    double constant = solve(p, n, l, u, y, &uu);
    for (size_t i = 0; i < n; i++)
        sum += 2 * log(l[i * n + i]) + (y[i] - constant * u[i]) * (y[i] - constant * u[i]);
    return -0.5 * (sum + log(uu));
}

enum status drift_walk_smooth(struct drift_point *p, size_t n, struct drift_ends ends, double variance, struct drift_room room) {
    double *l = room.matrix, *u = l + n * n, *y = u + n, *a = y + n, uu, value[DRIFT_WALK_MAX], sigma[DRIFT_WALK_MAX];
    if (n < 2 || n > DRIFT_WALK_MAX || !factor(p, n, ends, variance, l))
        return STATUS_NOT_POSITIVE;
    double constant = solve(p, n, l, u, y, &uu);
    for (size_t k = 0; k < n; k++) {
        double mean = 0, square = 0, along = 0;
        for (size_t i = 0; i < n; i++)
            a[i] = variance * bridge(ends, p[0].time_s, p[i].time_s, p[k].time_s);
        double own = a[k];
        forward(l, n, a);
        for (size_t i = 0; i < n; i++) {
            mean += a[i] * (y[i] - constant * u[i]);
            square += a[i] * a[i];
            along += a[i] * u[i];
        }
        value[k] = mean;
        sigma[k] = sqrt(fmax(0, own - square + along * along / uu));
    }
    for (size_t k = 0; k < n; k++) {
        p[k].value = value[k];
        p[k].sigma = sigma[k];
    }
    return STATUS_OK;
}
