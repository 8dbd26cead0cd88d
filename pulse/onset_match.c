#include "pulse/onset_match.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double ONSET_WHOLE = 0.99, ONSET_COMPARED = 0.9;

/* y[k] = sum of whitener[i] x[k - i] for k >= order, 0 before. */
static void whiten(const struct onset_match *m, const struct dot_kernel *kernel, const float *x, float *y) {
    memset(y, 0, m->order * sizeof *y);
    kernel->correlate(m->taps, m->order + 1, x, m->n - m->order, y + m->order);
}

static double dot(const float *a, const float *b, uint32_t n) {
    double sum = 0;
    for (uint32_t k = 0; k < n; k++)
        sum += (double)a[k] * (double)b[k];
    return sum;
}

/* Rows are orthonormal (or 0), so what each finds is not changed by taking out the others. */
static void project_out(const struct onset_match *m, const struct dot_kernel *kernel, uint32_t rows, float *e) {
    float found[MATCH_NUISANCES];
    for (uint32_t i = 0; i < rows; i++)
        found[i] = kernel->floats(m->nuisance + i * m->n, e, m->n);
    kernel->less(e, m->nuisance, m->n, found, rows, m->n);
}

void onset_match_clean(const struct onset_match *m, const struct dot_kernel *kernel, const float *x, float *e) {
    whiten(m, kernel, x, e);
    project_out(m, kernel, MATCH_NUISANCES, e);
    memset(e + m->n, 0, ONSET_MOST * sizeof *e);
}

/* Which sign a product has is chance, and to ask would cost half of a search. */
void onset_match_squares(const float *products, const float *left, uint32_t n, float *t2) {
    for (uint32_t i = 0; i < n; i++) {
        float positive = 0.5F * (products[i] + fabsf(products[i]));
        t2[i] = positive * positive * left[i];
    }
}

/* With their bits compared as integers compilers make vectors of it. */
float onset_match_largest(const float *x, uint32_t n) {
    uint32_t most = 0;
    float value;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        most = bits > most ? bits : most;
    }
    memcpy(&value, &most, sizeof value);
    return value;
}

void onset_match_rows(const struct pulse_shape *shape, uint32_t n, uint32_t sum, float *rows) {
    static const int terms[MATCH_NUISANCES] = { -1, 0, 1, 2, 4, 5 };
    memset(rows, 0, MATCH_NUISANCES * (size_t)(n / sum) * sizeof *rows);
    for (uint32_t i = 0; i < MATCH_NUISANCES; i++)
        for (uint32_t k = 0; k < n / sum * sum; k++)
            rows[i * (n / sum) + k / sum] += terms[i] < 0 ? 1 : k < shape->first ? 0 : shape->rows[(size_t)terms[i] * shape->stride + k - shape->first];
}

/* Gram and Schmidt, twice; a row that the others explain becomes 0. */
static void make_nuisances(struct onset_match *m, const float *rows) {
    for (uint32_t i = 0; i < MATCH_NUISANCES; i++) {
        float *row = m->nuisance + i * m->n;
        whiten(m, dot_kernel_best(), rows + i * m->n, row);
        double before = dot(row, row, m->n);
        project_out(m, dot_kernel_best(), i, row);
        project_out(m, dot_kernel_best(), i, row);
        double after = dot(row, row, m->n), scale = after > 1e-6 * before ? 1 / sqrt(after) : 0;
        for (uint32_t k = 0; k < m->n; k++)
            row[k] = (float)(scale * (double)row[k]);
    }
}

/* The pulse whitened as if the record before it were empty; y: scratch of n. */
static bool make_onset(struct onset_match *m, const float *pulse, uint32_t first, float *y) {
    whiten(m, dot_kernel_best(), pulse, y);
    uint32_t most = m->n - first < ONSET_MOST ? m->n - first : ONSET_MOST;
    double total = dot(y + first, y + first, most), sum = 0;
    for (m->n_onset = 0; m->n_onset < most && sum < ONSET_WHOLE * total; m->n_onset++) {
        m->n_compared += sum < ONSET_COMPARED * total;
        m->onset[m->n_onset] = y[first + m->n_onset];
        sum += (double)m->onset[m->n_onset] * (double)m->onset[m->n_onset];
    }
    return total > 0 && isfinite(total);
}

/* N_j = energy of the onset at j within the record, less its projections. x: scratch of n + ONSET_MOST, y: n. */
static void make_norms(struct onset_match *m, double least_left, float *x, float *y) {
    uint32_t n = m->n, lags = n - m->order;
    double energy = dot(m->onset, m->onset, m->n_onset), inside = 0;
    memset(x, 0, (n + ONSET_MOST) * sizeof *x);
    for (uint32_t j = n; j-- > m->order;) {
        uint32_t length = n - j < m->n_onset ? n - j : m->n_onset;
        if (n - j <= m->n_onset)
            inside += (double)m->onset[length - 1] * (double)m->onset[length - 1];
        m->left[j] = (float)inside;
    }
    for (uint32_t i = 0; i < MATCH_NUISANCES; i++) {
        memcpy(x, m->nuisance + i * n, n * sizeof *x);
        dot_kernel_best()->correlate(m->onset, m->n_onset, x + m->order, lags, y);
        for (uint32_t j = 0; j < lags; j++)
            m->left[m->order + j] -= y[j] * y[j];
    }
    for (uint32_t j = m->order; j < n; j++) {
        bool seen = (double)m->left[j] > least_left * energy && n - j >= m->n_onset / 4;
        m->left[j] = seen ? 1 / m->left[j] : 0;
    }
}

enum status onset_match_init(const struct onset_plan *plan, struct onset_match *m) {
    float *scratch = calloc(2 * (size_t)plan->n + ONSET_MOST, sizeof *scratch);
    *m = (struct onset_match){ .n = plan->n, .order = plan->order };
    m->nuisance = calloc(MATCH_NUISANCES * (size_t)plan->n, sizeof *m->nuisance);
    m->left = calloc(plan->n, sizeof *m->left);
    enum status status = scratch && m->nuisance && m->left ? STATUS_OK : STATUS_NO_MEMORY;
    for (uint32_t i = 0; i <= plan->order; i++)
        m->taps[i] = (float)plan->taps[plan->order - i];
    if (status == STATUS_OK && !make_onset(m, plan->rows + MATCH_PULSE * (size_t)plan->n, plan->first, scratch))
        status = STATUS_BAD_VALUE;
    if (status == STATUS_OK) {
        make_nuisances(m, plan->rows);
        make_norms(m, plan->least_left, scratch, scratch + plan->n + ONSET_MOST);
    } else {
        onset_match_done(m);
    }
    free(scratch);
    return status;
}

void onset_match_done(struct onset_match *m) {
    free(m->nuisance);
    free(m->left);
    *m = (struct onset_match){ .n = 0 };
}
