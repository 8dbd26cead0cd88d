/* daemon/cli/bench_model.h - the model of an array for `tesd bench`: that of few learnt pixels over and over, each time loaded anew, so that every pixel
 * has a filter in memory of its own. */
#ifndef TESD_DAEMON_CLI_BENCH_MODEL_H
#define TESD_DAEMON_CLI_BENCH_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/array_model.h"
#include "pulse/dot_kernel.h"

/* calibration: the file of n_learnt pixels. n: a multiple of that. False after logging. */
bool bench_model_make(const char *calibration, size_t n_learnt, size_t n, const struct dot_kernel *kernel, struct array_model **out);

#endif
