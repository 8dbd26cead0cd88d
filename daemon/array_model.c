#include "daemon/array_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "calib/photon_block.h"
#include "pulse/pixel_tail.h"

const char array_model_not_stored[] = "not in the calibration file";

bool array_model_new(size_t n_channels, size_t n_tables, struct array_model **out) {
    struct array_model *m = calloc(1, sizeof *m);
    if (m == NULL)
        return false;
    m->n_channels = n_channels;
    m->n_tables = n_tables;
    m->channels = calloc(n_channels + 1, sizeof *m->channels);
    m->tables = calloc(n_tables + 1, sizeof(struct calibration_table *));
    if (m->channels == NULL || m->tables == NULL) {
        array_model_free(m);
        return false;
    }
    *out = m;
    return true;
}

void array_model_free(struct array_model *m) {
    if (m == NULL)
        return;
    for (size_t i = 0; m->channels != NULL && i < m->n_channels; i++)
        pixel_model_free(m->channels[i].model);
    for (size_t k = 0; m->tables != NULL && k < m->n_tables; k++)
        calibration_table_free(m->tables[k]);
    array_neighbours_free(m->neighbours);
    free(m->channels);
    free(m->tables);
    free(m);
}

struct array_verdict array_model_verdict(const struct array_model *m, size_t pixel) {
    const struct array_channel *c = &m->channels[pixel];
    struct array_verdict v = { .verdict = verdict_names[VERDICT_BAD], .reason = c->reason, .resolution_eV = NAN };
    if (c->model == NULL)
        return v;
    v.reason = m->n_tables ? "" : "no calibration";
    for (size_t k = m->n_tables; k-- > 0;) {
        const struct pixel_calibration *p = &m->tables[k]->pixels[pixel];
        bool older = k + 1 < m->n_tables;
        if (p->curve == NULL) {
            if (!older)
                v.verdict = verdict_names[p->verdict];
            v.reason = v.reason[0] ? v.reason : p->reason;
            continue;
        }
        v.verdict = verdict_names[older ? VERDICT_STALE : p->verdict];
        v.reason = older ? v.reason : p->reason;
        v.resolution_eV = p->resolution_eV;
        return v;
    }
    return v;
}

size_t array_model_find(const struct array_model *m, int32_t channel) {
    for (size_t i = 0; i < m->n_channels; i++)
        if (m->channels[i].channel == channel)
            return i;
    return SIZE_MAX;
}

/* Rows of a table in the new order; rows that no channel asks for are freed with what stays in `from`. */
static bool select_rows(struct calibration_table *t, const struct array_model *from, const int32_t *channels, size_t n) {
    struct pixel_calibration *rows = calloc(n + 1, sizeof *rows);
    if (rows == NULL)
        return false;
    uint32_t reference = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        size_t k = array_model_find(from, channels[i]);
        if (k < from->n_channels && k < t->n_pixels) {
            rows[i] = t->pixels[k];
            t->pixels[k].curve = NULL;
            if (k == t->reference_pixel)
                reference = (uint32_t)i;
        } else {
            rows[i].verdict = VERDICT_BAD;
            rows[i].resolution_eV = NAN;
            snprintf(rows[i].reason, sizeof rows[i].reason, "%s", array_model_not_stored);
        }
    }
    for (uint32_t k = 0; k < t->n_pixels; k++)
        calibration_curve_free(t->pixels[k].curve);
    free(t->pixels);
    t->pixels = rows;
    t->n_pixels = (uint32_t)n;
    t->reference_pixel = reference;
    return true;
}

bool array_model_select(struct array_model *from, const int32_t *channels, size_t n, struct array_model **out) {
    struct array_model *m;
    if (!array_model_new(n, from->n_tables, &m))
        return false;
    for (unsigned causal = 0; causal < 2; causal++)
        m->wide_grades[causal] = array_model_wide_grades(from, causal != 0);
    m->selected = true;
    for (size_t i = 0; i < n; i++) {
        size_t k = array_model_find(from, channels[i]);
        m->channels[i].channel = channels[i];
        snprintf(m->channels[i].reason, sizeof m->channels[i].reason, "%s", array_model_not_stored);
        if (k < from->n_channels) {
            m->channels[i] = from->channels[k];
            from->channels[k].model = NULL;
        }
    }
    bool good = true;
    for (size_t k = 0; good && k < from->n_tables; k++)
        good = select_rows(from->tables[k], from, channels, n);
    for (size_t k = 0; k < from->n_tables; k++) {
        m->tables[k] = from->tables[k];
        from->tables[k] = NULL;
    }
    array_model_free(from);
    if (!good) {
        array_model_free(m);
        return false;
    }
    *out = m;
    return true;
}

static struct calibration_table *table_view(const struct calibration_table *from, const uint16_t *keep, size_t n) {
    struct calibration_table *t = malloc(sizeof *t);
    struct pixel_calibration *rows = calloc(n + 1, sizeof *rows);
    if (t == NULL || rows == NULL) {
        free(t);
        free(rows);
        return NULL;
    }
    *t = *from;
    t->pixels = rows;
    t->n_pixels = (uint32_t)n;
    t->reference_pixel = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        rows[i] = from->pixels[keep[i]];
        if (keep[i] == from->reference_pixel)
            t->reference_pixel = (uint32_t)i;
    }
    return t;
}

bool array_model_view(const struct array_model *from, const uint16_t *keep, size_t n, struct array_model **out) {
    struct array_model *m;
    if (!array_model_new(n, from->n_tables, &m))
        return false;
    bool good = true;
    for (size_t i = 0; i < n; i++)
        m->channels[i] = from->channels[keep[i]];
    for (size_t k = 0; good && k < from->n_tables; k++)
        good = (m->tables[k] = table_view(from->tables[k], keep, n)) != NULL;
    if (!good) {
        array_model_view_free(m);
        return false;
    }
    *out = m;
    return true;
}

void array_model_view_free(struct array_model *m) {
    if (m == NULL)
        return;
    for (size_t k = 0; k < m->n_tables; k++)
        if (m->tables[k] != NULL) {
            free(m->tables[k]->pixels);
            free(m->tables[k]);
        }
    free(m->channels);
    free(m->tables);
    free(m);
}

uint32_t array_model_wide_grades(const struct array_model *m, bool causal) {
    bool mid = true, tail = true;
    if (m->selected)
        return m->wide_grades[causal];
    for (size_t i = 0; i < m->n_channels; i++) {
        const struct pixel_model *of = m->channels[i].model;
        mid = mid && (of == NULL || (of->gaps != NULL && (!causal || of->rise_level > 0)));
        tail = tail && (of == NULL || pixel_tail_known(of));
    }
    return (mid ? 1u << GRADE_MID : 0) | (mid && tail ? 1u << GRADE_TAIL : 0);
}
