#include "pulse/dot_kernel.h"

#include <stdlib.h>
#include <string.h>

static float one_scalar(const float *row, const sample_u16 *x, size_t n, float base) {
    double sum = 0;
    for (size_t k = 0; k < n; k++)
        sum += (double)row[dot_place(k)] * ((double)x[k] - base);
    return (float)sum;
}

static struct dot_extremes extremes_scalar(const sample_u16 *x, size_t n) {
    struct dot_extremes e = { UINT16_MAX, 0 };
    for (size_t k = 0; k < n; k++) {
        e.low = x[k] < e.low ? x[k] : e.low;
        e.high = x[k] > e.high ? x[k] : e.high;
    }
    return e;
}

static void rows_scalar(const float *rows, size_t stride, const sample_u16 *x, size_t n, float base, size_t ahead, struct dot_looks *out) {
    (void)ahead;
    out->extremes = extremes_scalar(x, n);
    for (size_t i = 0; i < DOT_ROWS; i++)
        out->sums[i] = one_scalar(rows + i * stride, x, n, base);
}

static float residual_scalar(const float *rows, size_t stride, const sample_u16 *x, size_t n, float base, const float terms[DOT_TERMS]) {
    double sum = 0;
    for (size_t k = 0; k < n; k++) {
        double left = (double)x[k] - base;
        for (size_t j = 0; j < DOT_TERMS; j++)
            left -= (double)terms[j] * rows[j * stride + k];
        sum += left * left;
    }
    return (float)sum;
}

static float few_scalar(const float *rows, size_t stride, const sample_u16 *x, size_t n, float base, const float terms[DOT_FEW]) {
    double sum = 0;
    for (size_t k = 0; k < n; k++) {
        double left = (double)x[k] - base;
        for (size_t j = 0; j < DOT_FEW; j++)
            left -= (double)terms[j] * rows[j * stride + dot_place(k)];
        sum += left * left;
    }
    return (float)sum;
}

static struct dot_sums sums_scalar(const sample_u16 *x, size_t n, struct dot_extremes within) {
    (void)within;
    struct dot_sums s = { 0, 0, 0 };
    for (size_t k = 0; k < n; k++) {
        s.sum += x[k];
        s.squares += (uint64_t)x[k] * x[k];
        s.moment += (uint64_t)k * x[k];
    }
    return s;
}

static size_t find_scalar(const sample_u16 *x, size_t n, uint16_t value) {
    size_t k = 0;
    while (k < n && x[k] != value)
        k++;
    return k;
}

static int32_t rise_scalar(const sample_u16 *x, size_t n, struct dot_extremes within, bool down, int32_t least) {
    (void)within;
    int32_t most = n < 10 && least < 0 ? 0 : least;
    for (size_t k = 0; k + 9 < n; k++) {
        int32_t early = x[k] + x[k + 1] + x[k + 2] + x[k + 3], late = x[k + 6] + x[k + 7] + x[k + 8] + x[k + 9];
        int32_t rise = down ? early - late : late - early;
        most = rise > most ? rise : most;
    }
    return most;
}

static int32_t step_of(const sample_u16 *x, size_t n, size_t k) {
    return k > 0 && k < n ? abs((int16_t)(x[k] - x[k - 1])) : 0;
}

static size_t step_scalar(const sample_u16 *x, size_t n, size_t from) {
    for (size_t k = from; k < n; k++) {
        int32_t before = step_of(x, n, k - 1), here = step_of(x, n, k), after = step_of(x, n, k + 1);
        if (here >= DOT_STEP_LEAST && here >= 4 * before && here >= 4 * after)
            return k;
    }
    return n;
}

static void correlate_scalar(const float *w, size_t n_w, const float *x, size_t n_out, float *out) {
    for (size_t j = 0; j < n_out; j++) {
        double sum = 0;
        for (size_t i = 0; i < n_w; i++)
            sum += (double)w[i] * (double)x[j + i];
        out[j] = (float)sum;
    }
}

static float floats_scalar(const float *a, const float *b, size_t n) {
    double sum = 0;
    for (size_t k = 0; k < n; k++)
        sum += (double)a[k] * (double)b[k];
    return (float)sum;
}

static void less_scalar(float *a, const float *rows, size_t stride, const float *times, size_t n_rows, size_t n) {
    for (size_t k = 0; k < n; k++) {
        double left = (double)a[k];
        for (size_t j = 0; j < n_rows; j++)
            left -= (double)times[j] * (double)rows[j * stride + k];
        a[k] = (float)left;
    }
}

static void bent_scalar(const sample_u16 *x, struct dot_bend by, size_t n, struct dot_bent *sums) {
    for (size_t k = 0; k < n; k++) {
        double b = (double)by.s[k], a = (double)x[k] - (double)by.base - (double)by.height * b, c = (double)by.at * (double)by.fall[k], bc = b * c;
        sums->yy += a * a;
        sums->y += a;
        sums->ye += a * c;
        sums->ys += a * b;
        sums->yse += a * bc;
        sums->s += b;
        sums->se += bc;
        sums->ss += b * b;
        sums->see += bc * c;
        sums->sse += b * bc;
        sums->ssee += bc * bc;
    }
}

static const struct dot_kernel scalar = {
    "scalar", one_scalar, rows_scalar, residual_scalar, few_scalar, sums_scalar, extremes_scalar, find_scalar, rise_scalar, step_scalar, correlate_scalar, floats_scalar, less_scalar,
    bent_scalar,
};

static const struct dot_kernel *const kernels[] = {
    &scalar,
#ifdef __x86_64__
    &dot_kernel_avx2,
#endif
};

static bool usable(const struct dot_kernel *kernel) {
#ifdef __x86_64__
    if (kernel == &dot_kernel_avx2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    (void)kernel;
    return true;
}

const struct dot_kernel *dot_kernel_at(size_t i) {
    return i < sizeof kernels / sizeof kernels[0] && usable(kernels[i]) ? kernels[i] : NULL;
}

const struct dot_kernel *dot_kernel_best(void) {
    size_t i = 0;
    while (dot_kernel_at(i + 1))
        i++;
    return dot_kernel_at(i);
}

const struct dot_kernel *dot_kernel_find(const char *name) {
    for (size_t i = 0; dot_kernel_at(i); i++)
        if (strcmp(dot_kernel_at(i)->name, name) == 0)
            return dot_kernel_at(i);
    return NULL;
}
