#include "pulse/dot_kernel.h"

#include <stdbool.h>
#include <string.h>

static void dot_lags_scalar(const float *rows, size_t stride, const sample_u16 *x, size_t n, float base, float lags[LAGS]) {
    for (size_t i = 0; i < LAGS; i++) {
        double sum = 0;
        for (size_t k = 0; k < n; k++)
            sum += (double)rows[i * stride + k] * ((double)x[k] - base);
        lags[i] = (float)sum;
    }
}

static float dot_residual_scalar(const float *t, const sample_u16 *x, size_t n, float base, float height, float slope) {
    double sum = 0;
    for (size_t k = 1; k + 1 < n; k++) {
        double left = (double)x[k] - base - (double)height * t[k] - (double)slope * ((double)t[k + 1] - t[k - 1]);
        sum += left * left;
    }
    return (float)sum;
}

static const struct dot_kernel kernels[] = {
    { "scalar", dot_lags_scalar, dot_residual_scalar },
#ifdef __x86_64__
    { "avx2", dot_lags_avx2, dot_residual_avx2 },
#endif
};

static bool usable(const struct dot_kernel *kernel) {
#ifdef __x86_64__
    if (strcmp(kernel->name, "avx2") == 0)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    (void)kernel;
    return true;
}

const struct dot_kernel *dot_kernel_at(size_t i) {
    return i < sizeof kernels / sizeof kernels[0] && usable(&kernels[i]) ? &kernels[i] : NULL;
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
