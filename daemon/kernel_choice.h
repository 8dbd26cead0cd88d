/* daemon/kernel_choice.h - the setting analysis.kernel: which variant of the hot loops (pulse/dot_kernel.h) analyses records. */
#ifndef TESD_DAEMON_KERNEL_CHOICE_H
#define TESD_DAEMON_KERNEL_CHOICE_H

#include <stdbool.h>

#include "daemon/array_model.h"
#include "pulse/dot_kernel.h"

/* "auto": the fastest here. NULL after logging which ones this machine has. */
const struct dot_kernel *kernel_choice(const char *name);
void kernel_choice_apply(const struct dot_kernel *kernel, struct array_model *m);

#endif
