#include "daemon/product_facts.h"

#include <math.h>
#include <stdio.h>

static void say_calibration(const struct calibration_table *t, struct product_history *h) {
    char key[FACT_KEY];
    uint32_t curves = 0;
    for (uint32_t i = 0; i < t->n_pixels; i++)
        curves += t->pixels[i].curve != NULL;
    snprintf(key, sizeof key, "calibration %d", t->number);
    product_history_say(h, key, "%s from %lld s, table %.40s, form %s, %u of %u pixels", t->label[0] ? t->label : "(no label)", (long long)(t->start_ns / 1000000000),
                        t->line_table_name, curve_form_names[t->form], curves, t->n_pixels);
}

/* Counts of the map and their mean emission energy: any change of calibration moves it. */
static void say_map(const struct scan_products *p, const char *scan, struct product_history *h) {
    char key[FACT_KEY];
    double sum = 0, weighted = 0;
    const struct rixs_map *m = p->emission;
    for (uint32_t i = 0; i < m->n_points; i++)
        for (uint32_t k = 0; k < m->n_bins; k++) {
            double n = m->counts[(size_t)i * m->n_bins + k];
            sum += n;
            weighted += n * 0.5 * (m->edges_eV[k] + m->edges_eV[k + 1]);
        }
    snprintf(key, sizeof key, "%s map", scan);
    product_history_say(h, key, "%.0f counts", sum);
    snprintf(key, sizeof key, "%s mean emission", scan);
    if (sum > 0)
        product_history_say(h, key, "%.3f eV", weighted / sum);
    else
        product_history_say(h, key, "none");
}

static void say_yields(const struct scan_products *p, const char *scan, struct product_history *h) {
    char key[FACT_KEY];
    for (uint32_t r = 0; r < p->n_yields; r++) {
        unsigned long long sum = 0;
        for (uint32_t i = 0; i < p->n_points; i++)
            sum += p->yields[r]->counts[i];
        snprintf(key, sizeof key, "%s PFY %.40s", scan, p->yields[r]->region.name);
        product_history_say(h, key, "%llu counts", sum);
    }
}

static void say_scan(const struct scan_products *p, const struct scan_elastic *e, struct product_history *h) {
    char scan[24], key[FACT_KEY];
    uint32_t used = 0;
    for (uint32_t i = 0; i < p->n_pixels; i++)
        used += p->pixels_used[i];
    snprintf(scan, sizeof scan, "scan %d", p->scan->number);
    snprintf(key, sizeof key, "%s pixels used", scan);
    product_history_say(h, key, "%u", used);
    if (p->emission)
        say_map(p, scan, h);
    say_yields(p, scan, h);
    snprintf(key, sizeof key, "%s elastic line", scan);
    if (e && e->found)
        product_history_say(h, key, "%+.2f eV", e->offset_eV);
}

void product_facts_say(const struct product_facts *f, struct product_history *h) {
    product_history_say(h, "state", "%s", f->state);
    for (size_t k = 0; k < f->model->n_tables; k++)
        say_calibration(f->model->tables[k], h);
    for (size_t i = 0; i < f->model->n_channels; i++) {
        char key[FACT_KEY];
        snprintf(key, sizeof key, "channel %d", f->model->channels[i].channel);
        product_history_say(h, key, "%s", array_model_verdict(f->model, i).verdict);
    }
    for (size_t k = 0; k < f->n_products; k++)
        say_scan(f->products[k], f->elastic ? &f->elastic[k] : NULL, h);
}
