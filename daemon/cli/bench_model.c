#include "daemon/cli/bench_model.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/model_store.h"
#include "pulse/optimal_filter.h"

/* Tables as long as the array; what was in the old rows goes with the new ones. */
static bool join_tables(struct array_model *m, struct array_model *part, size_t from) {
    for (size_t t = 0; t < m->n_tables; t++) {
        if (m->tables[t] == NULL) {
            struct pixel_calibration *rows = realloc(part->tables[t]->pixels, m->n_channels * sizeof *rows);
            if (rows == NULL)
                return false;
            m->tables[t] = part->tables[t];
            m->tables[t]->pixels = rows;
            memset(rows + part->n_channels, 0, (m->n_channels - part->n_channels) * sizeof *rows);
            m->tables[t]->n_pixels = (uint32_t)m->n_channels;
            part->tables[t] = NULL;
        } else {
            memcpy(m->tables[t]->pixels + from, part->tables[t]->pixels, part->n_channels * sizeof *part->tables[t]->pixels);
            memset(part->tables[t]->pixels, 0, part->n_channels * sizeof *part->tables[t]->pixels);
        }
    }
    return true;
}

bool bench_model_make(const char *calibration, size_t n_learnt, size_t n, const struct dot_kernel *kernel, struct array_model **out) {
    struct array_model *m = NULL, *part;
    bool good = true;
    for (size_t from = 0; good && from < n; from += n_learnt) {
        if (!model_store_load(calibration, &part))
            break;
        good = (m != NULL || array_model_new(n, part->n_tables, &m)) && join_tables(m, part, from);
        for (size_t i = 0; good && i < part->n_channels; i++) {
            m->channels[from + i] = part->channels[i];
            m->channels[from + i].channel = (int32_t)(from + i + 1);
            part->channels[i].model = NULL;
        }
        array_model_free(part);
    }
    for (size_t i = 0; m != NULL && i < n; i++) {
        good = good && m->channels[i].model != NULL;
        if (m->channels[i].model != NULL)
            optimal_filter_use_kernel(m->channels[i].model->filter, kernel);
    }
    *out = m;
    if (m == NULL || !good)
        log_error("no model of every pixel could be learnt");
    return m != NULL && good;
}
