#include "calib/line_fit.h"

#include <math.h>
#include <string.h>

enum parameter { CENTRE, LOG_FWHM, LOG_COUNTS, LOG_BACKGROUND, LOG_COMPANION, N_PARAMETERS };
enum { MAX_ITERATIONS = 100, MIN_COUNTS = 8 };

/* Counts below this are nothing: the logarithm must not run away where the best value is 0. */
static const double NOTHING = 1e-3;
static const double CONVERGED = 1e-5;  /* of the deviance: 0.002 sigma */
static const double NO_INFORMATION = 1e-4;
static const double STEP_LIMIT = 1.5;  /* largest change of a logarithm in one step */

struct model {
    const struct line_fit_request *request;
    const double *counts;
    double low, width;
    size_t n;
    double mean[LINE_FIT_MAX_BINS];
    double jacobian[N_PARAMETERS][LINE_FIT_MAX_BINS];
    double lower[N_PARAMETERS], upper[N_PARAMETERS];
    bool free[N_PARAMETERS];
};

static double deviance_of(double n, double m) {
    return 2 * (m - n + (n > 0 ? n * log(n / m) : 0));
}

static void evaluate(struct model *m, const double *theta) {
    double fwhm = exp(theta[LOG_FWHM]), counts = exp(theta[LOG_COUNTS]), background = exp(theta[LOG_BACKGROUND]);
    double companion = m->request->companion ? exp(theta[LOG_COMPANION]) : 0;
    memset(m->jacobian, 0, sizeof m->jacobian);
    /* the line's area lands in the row of its own parameter, its derivatives in theirs */
    struct shape_bins line = {m->jacobian[LOG_COUNTS], m->jacobian[CENTRE], m->jacobian[LOG_FWHM]};
    line_shape_add_bins(m->request->shape, fwhm, counts, m->low - theta[CENTRE], m->width, m->n, &line);
    if (m->request->companion) {
        struct shape_bins second = {m->jacobian[LOG_COMPANION], m->jacobian[CENTRE], m->jacobian[LOG_FWHM]};
        line_shape_add_bins(m->request->companion, fwhm, companion, m->low - theta[CENTRE] - m->request->companion_offset_eV, m->width, m->n,
                            &second);
    }
    for (size_t i = 0; i < m->n; i++) {
        m->jacobian[LOG_FWHM][i] *= fwhm;
        m->jacobian[LOG_BACKGROUND][i] = background * m->width;
        m->mean[i] = m->jacobian[LOG_COUNTS][i] + m->jacobian[LOG_COMPANION][i] + background * m->width;
    }
}

static double total_deviance(const struct model *m) {
    double sum = 0;
    for (size_t i = 0; i < m->n; i++)
        sum += deviance_of(m->counts[i], m->mean[i]);
    return sum;
}

/* Gradient of half the deviance (to go down: add the solution of H step = gradient) and Fisher's information. */
static void normal_equations(const struct model *m, double h[N_PARAMETERS][N_PARAMETERS], double gradient[N_PARAMETERS]) {
    for (int a = 0; a < N_PARAMETERS; a++) {
        gradient[a] = 0;
        for (size_t i = 0; i < m->n; i++)
            gradient[a] += m->jacobian[a][i] * (m->counts[i] / m->mean[i] - 1);
        for (int b = 0; b <= a; b++) {
            double sum = 0;
            for (size_t i = 0; i < m->n; i++)
                sum += m->jacobian[a][i] * m->jacobian[b][i] / m->mean[i];
            h[a][b] = h[b][a] = sum;
        }
    }
}

/* Cholesky in place on the used rows; false when the matrix is not positive definite. */
static bool factorise(double h[N_PARAMETERS][N_PARAMETERS], const bool *used) {
    for (int a = 0; a < N_PARAMETERS; a++) {
        if (!used[a])
            continue;
        for (int b = 0; b <= a; b++) {
            if (!used[b])
                continue;
            double sum = h[a][b];
            for (int k = 0; k < b; k++)
                if (used[k])
                    sum -= h[a][k] * h[b][k];
            if (a == b && !(sum > 0))
                return false;
            h[a][b] = a == b ? sqrt(sum) : sum / h[b][b];
        }
    }
    return true;
}

static void solve(double l[N_PARAMETERS][N_PARAMETERS], const bool *used, const double *right, double *out) {
    for (int a = 0; a < N_PARAMETERS; a++) {
        out[a] = 0;
        if (!used[a])
            continue;
        out[a] = right[a];
        for (int k = 0; k < a; k++)
            out[a] -= used[k] ? l[a][k] * out[k] : 0;
        out[a] /= l[a][a];
    }
    for (int a = N_PARAMETERS - 1; a >= 0; a--) {
        if (!used[a])
            continue;
        for (int k = a + 1; k < N_PARAMETERS; k++)
            out[a] -= used[k] ? l[k][a] * out[k] : 0;
        out[a] /= l[a][a];
    }
}

/* A parameter at its limit whose gradient points outward is left alone, and so is one about which the counts say nothing
 * (a background on its way to 0 has no information in its logarithm). */
static void choose_used(const struct model *m, const double *theta, double h[N_PARAMETERS][N_PARAMETERS], const double *gradient, bool *used) {
    for (int a = 0; a < N_PARAMETERS; a++)
        used[a] = m->free[a] && h[a][a] > NO_INFORMATION && !(theta[a] <= m->lower[a] && gradient[a] < 0) &&
                  !(theta[a] >= m->upper[a] && gradient[a] > 0);
}

static void take_step(const struct model *m, const double *theta, const double *step, double *out) {
    for (int a = 0; a < N_PARAMETERS; a++) {
        double limit = a == CENTRE ? 0.25 * (m->upper[a] - m->lower[a]) : STEP_LIMIT;
        double to = theta[a] + fmin(fmax(step[a], -limit), limit);
        out[a] = fmin(fmax(to, m->lower[a]), m->upper[a]);
    }
}

/* No step goes down any more. Bin integrals of Voigt profiles are good to 1e-4 only, so a gradient of that size is left at the
 * lowest point; it is the minimum if an undamped step would gain nothing that matters (here: 0.1 sigma). */
static bool is_minimum(const struct model *m, const double *theta) {
    double h[N_PARAMETERS][N_PARAMETERS], gradient[N_PARAMETERS], step[N_PARAMETERS], gain = 0;
    bool used[N_PARAMETERS];
    normal_equations(m, h, gradient);
    choose_used(m, theta, h, gradient, used);
    if (!factorise(h, used))
        return false;
    solve(h, used, gradient, step);
    for (int a = 0; a < N_PARAMETERS; a++)
        gain += used[a] ? step[a] * gradient[a] : 0;
    return gain < 0.01;
}

/* One damped step from theta. Returns the decrease of the deviance that the quadratic model promises; 0 when H is singular. */
static double propose(const struct model *m, const double *theta, double damping, double *next) {
    double h[N_PARAMETERS][N_PARAMETERS], diagonal[N_PARAMETERS], gradient[N_PARAMETERS], step[N_PARAMETERS], promised = 0;
    bool used[N_PARAMETERS];
    normal_equations(m, h, gradient);
    choose_used(m, theta, h, gradient, used);
    for (int a = 0; a < N_PARAMETERS; a++) {
        diagonal[a] = h[a][a];
        h[a][a] *= 1 + damping;
    }
    if (!factorise(h, used))
        return 0;
    solve(h, used, gradient, step);
    for (int a = 0; a < N_PARAMETERS; a++)
        promised += used[a] ? step[a] * (gradient[a] + damping * diagonal[a] * step[a]) : 0;
    take_step(m, theta, step, next);
    return promised;
}

/* Damping by the gain ratio (Nielsen 1999): where Fisher's matrix is far from the curvature, as for a model that does not fit,
 * factors of ten swing from side to side of the valley. Returns whether it converged; *iterations counts evaluations. */
static bool descend(struct model *m, double *theta, int *iterations) {
    double damping = 1e-3, growth = 2;
    evaluate(m, theta);
    double now = total_deviance(m);
    for (*iterations = 1; *iterations < MAX_ITERATIONS && damping < 1e8; ++*iterations) {
        double next[N_PARAMETERS], promised = propose(m, theta, damping, next);
        if (!(promised > 0)) {
            damping *= 10;
            continue;
        }
        evaluate(m, next);
        double then = total_deviance(m), ratio = (now - then) / promised;
        if (then <= now) {
            bool settled = now - then < CONVERGED && damping < 1;
            memcpy(theta, next, sizeof next);
            now = then;
            damping = fmax(damping * fmax(1.0 / 3, 1 - pow(2 * ratio - 1, 3)), 1e-9);
            growth = 2;
            if (settled)
                return true;
        } else {
            evaluate(m, theta);
            damping *= growth;
            growth *= 2;
        }
    }
    return is_minimum(m, theta);
}

static void set_start(struct model *m, double total, double *theta) {
    const struct line_fit_request *r = m->request;
    double span = (double)m->n * m->width, ends = 0;
    size_t k = m->n / 8 ? m->n / 8 : 1;
    for (size_t i = 0; i < k; i++)
        ends += m->counts[i] + m->counts[m->n - 1 - i];
    double background = fmax(0.5 * ends / (2 * (double)k * m->width), 0.01 * total / span);
    double line = fmax(total - background * span, 0.2 * total);
    theta[CENTRE] = r->start_centre_eV;
    theta[LOG_FWHM] = log(r->start_fwhm_eV);
    theta[LOG_COUNTS] = log(r->companion ? 0.7 * line : line);
    theta[LOG_BACKGROUND] = log(background);
    theta[LOG_COMPANION] = log(r->companion ? 0.3 * line : NOTHING);
    m->lower[CENTRE] = m->low;
    m->upper[CENTRE] = m->low + span;
    m->lower[LOG_FWHM] = theta[LOG_FWHM] - log(4);
    m->upper[LOG_FWHM] = theta[LOG_FWHM] + log(4);
    m->lower[LOG_COUNTS] = m->lower[LOG_COMPANION] = log(NOTHING);
    m->lower[LOG_BACKGROUND] = log(NOTHING / span);
    m->upper[LOG_COUNTS] = m->upper[LOG_COMPANION] = m->upper[LOG_BACKGROUND] = log(100 * total);
    for (int a = 0; a < N_PARAMETERS; a++)
        m->free[a] = !(a == LOG_FWHM && r->fixed_fwhm) && !(a == LOG_COMPANION && !r->companion);
}

/* Mean of the deviance of one bin under a true model of mean m: sum over the Poisson probabilities; 1 + 1/(6m) for large m. */
static double expected_of(double m) {
    if (m > 20)
        return 1 + 1 / (6 * m);
    double probability = exp(-m), sum = 0, log_m = log(m);
    for (int n = 0; n < 80; n++) {
        sum += probability * 2 * (m - n + (n > 0 ? n * (log((double)n) - log_m) : 0));
        probability *= m / (n + 1);
        if (n > m && probability < 1e-12)
            break;
    }
    return sum;
}

/* Covariance of centre, Gaussian and counts from the factorised information; eV, eV, counts. */
static void set_covariance(double l[N_PARAMETERS][N_PARAMETERS], const bool *used, struct line_fit *out) {
    static const enum parameter of[3] = {CENTRE, LOG_FWHM, LOG_COUNTS};
    const double scale[3] = {1, out->gauss_fwhm_eV, out->counts};
    for (int i = 0; i < 3; i++) {
        double unit[N_PARAMETERS] = {0}, column[N_PARAMETERS];
        unit[of[i]] = 1;
        solve(l, used, unit, column);
        for (int k = 0; k < 3; k++)
            out->covariance[i][k] = used[of[i]] ? column[of[k]] * scale[i] * scale[k] : 0;
    }
    out->centre_sigma_eV = sqrt(out->covariance[0][0]);
    out->gauss_fwhm_sigma_eV = sqrt(out->covariance[1][1]);
    out->counts_sigma = sqrt(out->covariance[2][2]);
}

/* h: the whole information; l: its factor without the width. */
static void set_width_wish(double h[N_PARAMETERS][N_PARAMETERS], double l[N_PARAMETERS][N_PARAMETERS], const bool *used, const double *gradient, struct line_fit *out) {
    double along[N_PARAMETERS];
    solve(l, used, h[LOG_FWHM], along);
    out->width_slope = gradient[LOG_FWHM];
    out->width_information = h[LOG_FWHM][LOG_FWHM];
    for (int a = 0; a < N_PARAMETERS; a++)
        out->width_information -= used[a] ? along[a] * h[LOG_FWHM][a] : 0;
    out->centre_per_width = -along[CENTRE];
    out->counts_per_width = -along[LOG_COUNTS] * out->counts;
}

static bool set_errors(const struct model *m, const double *theta, struct line_fit *out) {
    double h[N_PARAMETERS][N_PARAMETERS], l[N_PARAMETERS][N_PARAMETERS], gradient[N_PARAMETERS];
    bool used[N_PARAMETERS];
    normal_equations(m, h, gradient);
    for (int a = 0; a < N_PARAMETERS; a++) {
        used[a] = m->free[a] && h[a][a] > NO_INFORMATION && theta[a] > m->lower[a] && theta[a] < m->upper[a];
        out->dof -= used[a];
    }
    memcpy(l, h, sizeof l);
    if (!used[CENTRE] || !used[LOG_COUNTS] || !factorise(l, used))
        return false;
    set_covariance(l, used, out);
    if (!m->free[LOG_FWHM])
        set_width_wish(h, l, used, gradient, out);
    return true;
}

static enum status set_result(const struct model *m, const double *theta, int iterations, struct line_fit *out) {
    struct line_fit f = {
        .centre_eV = theta[CENTRE],
        .gauss_fwhm_eV = exp(theta[LOG_FWHM]),
        .counts = exp(theta[LOG_COUNTS]),
        .companion_counts = m->request->companion ? exp(theta[LOG_COMPANION]) : 0,
        .background_per_eV = exp(theta[LOG_BACKGROUND]),
        .deviance = total_deviance(m),
        .dof = (double)m->n,
        .iterations = iterations,
    };
    for (size_t i = 0; i < m->n; i++)
        f.expected_deviance += expected_of(m->mean[i]);
    if (!set_errors(m, theta, &f))
        return STATUS_NOT_CONVERGED;
    f.expected_deviance = fmax(f.expected_deviance - ((double)m->n - f.dof), 1);
    *out = f;
    return STATUS_OK;
}

enum status line_fit(const struct line_fit_request *request, struct line_fit *out) {
    const struct spectrum *s = request->histogram;
    if (s->n > LINE_FIT_MAX_BINS || !(request->start_fwhm_eV > 0) || !isfinite(request->start_fwhm_eV))
        return STATUS_BAD_VALUE;
    if (s->total < MIN_COUNTS || s->n <= N_PARAMETERS)
        return STATUS_TOO_FEW;
    struct model m = {.request = request, .counts = s->counts, .low = s->low, .width = s->width, .n = s->n};
    double theta[N_PARAMETERS];
    set_start(&m, s->total, theta);
    if (!(theta[CENTRE] > m.lower[CENTRE] && theta[CENTRE] < m.upper[CENTRE]))
        return STATUS_BAD_VALUE;
    int iterations;
    if (!descend(&m, theta, &iterations))
        return STATUS_NOT_CONVERGED;
    return set_result(&m, theta, iterations, out);
}
