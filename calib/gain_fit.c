/* Smoothing, after Reinsch: with Q' g the n - 2 second divided differences and R the tridiagonal matrix of a natural spline
 * (Q' f = R f''), the prior f'' ~ N(0, t R^-1) gives Q' g ~ N(0, M), M = Q' S Q + t R, S = diag(s^2). The fit is
 *     f = g - S Q M^-1 Q' g,
 * and t maximises -1/2 (log det M + (Q'g)' M^-1 Q'g), which does not depend on the straight line in f. Gains and x are scaled to
 * about 1 first, so that one grid of t serves all detectors. Rejected: the largest smoothing with chi-squared = n (it takes a
 * table that is better than it says for a bad one). */
#include "calib/gain_fit.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "pulse/linear.h"

const char *const curve_form_names[N_CURVE_FORMS] = {[CURVE_SPLINE] = "spline", [CURVE_SMOOTHING] = "smoothing", [CURVE_QUADRATIC] = "quadratic"};

enum { MAX = GAIN_FIT_MAX, GRID = 65 };
static const double GRID_FROM = -10, GRID_STEP = 0.25;   /* log10 of the variance of the curvature, in scaled units */
static const double LEAST_SIGMA = 1e-9;                  /* relative: keeps M regular where errors are 0 */

/* Q' (n - 2 rows) and what belongs to it, scaled. */
struct smoother {
    size_t n;
    double q[MAX][MAX];      /* q[j][i]: weight of gain i in second difference j */
    double r[MAX][MAX];      /* n - 2 square */
    double variance[MAX];    /* s^2 */
    double difference[MAX];  /* Q' g */
};

static void smoother_init(struct smoother *s, const double *x, const double *gain, const double *sigma, size_t n) {
    double length = x[n - 1] - x[0], scale = fabs(gain[0]) > 0 ? fabs(gain[0]) : 1;
    memset(s, 0, sizeof *s);
    s->n = n;
    for (size_t i = 0; i < n; i++) {
        double relative = fmax(sigma[i] / scale, LEAST_SIGMA);
        s->variance[i] = relative * relative;
    }
    for (size_t j = 0; j + 2 < n; j++) {
        double left = (x[j + 1] - x[j]) / length, right = (x[j + 2] - x[j + 1]) / length;
        s->q[j][j] = 1 / left;
        s->q[j][j + 1] = -1 / left - 1 / right;
        s->q[j][j + 2] = 1 / right;
        s->r[j][j] = (left + right) / 3;
        if (j + 3 < n)
            s->r[j][j + 1] = s->r[j + 1][j] = right / 6;
        for (size_t i = j; i < j + 3; i++)
            s->difference[j] += s->q[j][i] * gain[i] / scale;
    }
}

/* Lower triangle of M = Q' S Q + t R into l by Cholesky; false: not positive. */
static bool factor(const struct smoother *s, double t, double l[MAX][MAX]) {
    for (size_t j = 0; j + 2 < s->n; j++)
        for (size_t k = 0; k <= j; k++) {
            double sum = t * s->r[j][k];
            for (size_t i = j; i < k + 3; i++)
                sum += s->q[j][i] * s->variance[i] * s->q[k][i];
            for (size_t i = 0; i < k; i++)
                sum -= l[j][i] * l[k][i];
            if (k < j)
                l[j][k] = sum / l[k][k];
            else if (sum > 0)
                l[j][j] = sqrt(sum);
            else
                return false;
        }
    return true;
}

/* M^-1 b in place. */
static void solve(double l[MAX][MAX], size_t m, double *b) {
    for (size_t j = 0; j < m; j++) {
        for (size_t k = 0; k < j; k++)
            b[j] -= l[j][k] * b[k];
        b[j] /= l[j][j];
    }
    for (size_t j = m; j-- > 0;) {
        for (size_t k = j + 1; k < m; k++)
            b[j] -= l[k][j] * b[k];
        b[j] /= l[j][j];
    }
}

static double likelihood(const struct smoother *s, double t) {
    double l[MAX][MAX] = { { 0 } }, b[MAX], sum = 0;
    size_t m = s->n - 2;
    if (!factor(s, t, l))
        return -INFINITY;
    memcpy(b, s->difference, sizeof b);
    solve(l, m, b);
    for (size_t j = 0; j < m; j++)
        sum += 2 * log(l[j][j]) + s->difference[j] * b[j];
    return -0.5 * sum;
}

static enum status smoothing_hat(struct gain_fit *f, const double *gain, const double *sigma) {
    struct smoother s;
    double best = -INFINITY, t = 0, l[MAX][MAX] = { { 0 } };
    size_t n = f->n;
    smoother_init(&s, f->x, gain, sigma, n);
    for (int i = 0; i < GRID; i++) {
        double at = pow(10, GRID_FROM + GRID_STEP * i), now = likelihood(&s, at);
        if (now > best) {
            best = now;
            t = at;
        }
    }
    if (!(t > 0) || !factor(&s, t, l))
        return STATUS_NOT_POSITIVE;
    for (size_t i = 0; i < n; i++) {
        double b[MAX] = { 0 };
        for (size_t j = 0; j + 2 < n; j++)
            b[j] = s.q[j][i];
        solve(l, n - 2, b);
        for (size_t k = 0; k < n; k++)
            for (size_t j = 0; j + 2 < n; j++)
                f->hat[k * n + i] -= s.variance[k] * s.q[j][k] * b[j];
    }
    return STATUS_OK;
}

/* Rows of the normal equations' inverse applied to the weights: parabola = c0 + c1 u + c2 u^2, u from -1 to 1 over the points. */
static enum status quadratic_hat(struct gain_fit *f, const double *sigma) {
    size_t n = f->n, terms = n < 3 ? n : 3;
    double middle = 0.5 * (f->x[0] + f->x[n - 1]), half = 0.5 * (f->x[n - 1] - f->x[0]);
    double power[3][MAX], normal[9] = { 0 }, right[3 * MAX] = { 0 };
    bool weighted = true;
    for (size_t i = 0; i < n; i++)
        weighted = weighted && sigma[i] > 0;
    for (size_t i = 0; i < n; i++) {
        double u = (f->x[i] - middle) / half, w = weighted ? sigma[0] * sigma[0] / (sigma[i] * sigma[i]) : 1;
        for (size_t a = 0; a < terms; a++)
            power[a][i] = a == 0 ? 1 : a == 1 ? u : u * u;
        for (size_t a = 0; a < terms; a++) {
            right[a * n + i] = w * power[a][i];
            for (size_t b = 0; b < terms; b++)
                normal[a * terms + b] += w * power[a][i] * power[b][i];
        }
    }
    enum status status = linear_dense(normal, terms, right, n);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < n; i++) {
        f->bend[i] = terms == 3 ? 2 * right[2 * n + i] / (half * half) : 0;
        for (size_t k = 0; k < n; k++) {
            f->hat[k * n + i] = 0;
            for (size_t a = 0; a < terms; a++)
                f->hat[k * n + i] += power[a][k] * right[a * n + i];
        }
    }
    return STATUS_OK;
}

enum status gain_fit_init(struct gain_fit *f, enum curve_form form, const double *x, const double *gain, const double *sigma, size_t n) {
    if (n < 2 || n > MAX)
        return STATUS_BAD_VALUE;
    *f = (struct gain_fit){.form = form, .n = n};
    memcpy(f->x, x, n * sizeof *x);
    for (size_t i = 0; i < n; i++)
        f->hat[i * n + i] = 1;
    if (form == CURVE_QUADRATIC)
        return quadratic_hat(f, sigma);
    return form == CURVE_SMOOTHING && n > 2 ? smoothing_hat(f, gain, sigma) : STATUS_OK;
}

void gain_fit_curve(const struct gain_fit *f, const double *gain, struct natural_spline *out) {
    double fitted[MAX], bend = 0;
    for (size_t k = 0; k < f->n; k++) {
        fitted[k] = 0;
        for (size_t i = 0; i < f->n; i++)
            fitted[k] += f->hat[k * f->n + i] * gain[i];
        bend += f->bend[k] * gain[k];
    }
    natural_spline_init(out, f->x, fitted, f->n);
    for (size_t k = 0; k < f->n && f->form == CURVE_QUADRATIC; k++)   /* a parabola is the cubic of one second derivative everywhere */
        out->second[k] = bend;
}
