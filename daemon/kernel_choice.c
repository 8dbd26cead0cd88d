#include "daemon/kernel_choice.h"

#include <stdio.h>
#include <string.h>

#include "daemon/log.h"
#include "pulse/gap_filter.h"
#include "pulse/open_filter.h"
#include "pulse/optimal_filter.h"

const struct dot_kernel *kernel_choice(const char *name) {
    const struct dot_kernel *kernel = strcmp(name, "auto") == 0 ? dot_kernel_best() : dot_kernel_find(name);
    char names[200] = "auto";
    size_t used = 4;
    for (size_t i = 0; kernel == NULL && dot_kernel_at(i) != NULL && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, ", %s", dot_kernel_at(i)->name);
    if (kernel == NULL)
        log_error("analysis.kernel: %s: this machine has no such variant; it has %s", name, names);
    return kernel;
}

static void use_kernel(struct pixel_model *m, const struct dot_kernel *kernel) {
    optimal_filter_use_kernel(m->filter, kernel);
    if (m->open != NULL)
        optimal_filter_use_kernel(m->open->height, kernel);
    for (uint32_t k = 0; m->gaps != NULL && k < m->gaps->n; k++)
        optimal_filter_use_kernel(m->gaps->list[k].filter, kernel);
    if (m->tail != NULL)
        optimal_filter_use_kernel(m->tail->filter, kernel);
}

void kernel_choice_apply(const struct dot_kernel *kernel, struct array_model *m) {
    for (size_t i = 0; i < m->n_channels; i++)
        if (m->channels[i].model != NULL && m->channels[i].model->filter != NULL)
            use_kernel(m->channels[i].model, kernel);
}
