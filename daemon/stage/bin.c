#include "daemon/stage/bin.h"

#include <math.h>
#include <stdlib.h>

static bool add_scan(struct bin_stage *b, size_t i, uint32_t n_pixels, const struct product_settings *settings, const uint8_t *used) {
    const struct scan *s = scan_timeline_at(b->timeline, i);
    b->of_scan[i] = -1;
    if (s->calibration || s->n_points == 0)
        return true;
    if (scan_products_new(s, n_pixels, used, settings, &b->products[b->n_products]) != STATUS_OK)
        return false;
    b->of_scan[i] = (int32_t)b->n_products++;
    return true;
}

bool bin_stage_new(const struct scan_timeline *timeline, uint32_t n_pixels, const struct product_settings *settings, bin_pixels_used *used, void *context, struct bin_stage **out) {
    size_t n = scan_timeline_count(timeline);
    struct bin_stage *b = calloc(1, sizeof *b);
    if (b == NULL)
        return false;
    b->timeline = timeline;
    b->products = calloc(n ? n : 1, sizeof(struct scan_products *));
    b->of_scan = calloc(n ? n : 1, sizeof *b->of_scan);
    bool good = b->products != NULL && b->of_scan != NULL;
    for (size_t i = 0; good && i < n; i++) {
        const uint8_t *set = used(context, i);
        good = set != NULL && add_scan(b, i, n_pixels, settings, set);
    }
    if (!good) {
        bin_stage_free(b);
        return false;
    }
    *out = b;
    return true;
}

void bin_stage_free(struct bin_stage *b) {
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->n_products; i++)
        scan_products_free(b->products[i]);
    free(b->products);
    free(b->of_scan);
    free(b);
}

enum { BATCH = 64 };

/* Where the photons of a batch are counted; NULL: nowhere. */
struct target { struct scan_products *products; int32_t after; struct product_place place; };

static struct target place_row(struct bin_stage *b, struct photon_block *block, size_t i) {
    scan_timeline_move(b->timeline, block->time_ns[i], &b->place);
    struct scan_place place = b->place;
    int32_t k = place.index < 0 ? -1 : b->of_scan[place.index];
    block->scan[i] = -1;
    block->point[i] = -1;
    block->incident_eV[i] = NAN;
    if (k < 0)
        return (struct target){ 0 };
    const struct scan *s = b->products[k]->scan;
    block->scan[i] = s->number;
    block->point[i] = place.point;
    if (place.point >= 0)
        block->incident_eV[i] = (float)s->points[place.point].incident_eV;
    bool photon = block->cuts[i] == 0 && place.point >= 0;
    return (struct target){ b->products[k], place.after, photon ? scan_products_find(b->products[k], block, i) : (struct product_place){ NULL, NULL } };
}

void bin_stage_regrade(struct bin_stage *b, struct photon_block *block, size_t i, uint8_t grade, uint8_t flags) {
    struct scan_place place = scan_timeline_place(b->timeline, block->time_ns[i]);
    int32_t k = place.index < 0 ? -1 : b->of_scan[place.index];
    if (k >= 0)
        scan_products_remove(b->products[k], block, i, place.after);
    block->grade[i] = grade;
    block->flags[i] = flags;
    if (k >= 0)
        scan_products_add(b->products[k], block, i, place.after);
}

/* Photons fall all over maps that are larger than a cache: their places are fetched for a batch before any is counted. */
void bin_stage_add(struct bin_stage *b, struct photon_block *block) {
    struct target targets[BATCH];
    for (size_t from = 0; from < block->n; from += BATCH) {
        size_t n = block->n - from < BATCH ? block->n - from : BATCH;
        for (size_t i = 0; i < n; i++)
            targets[i] = place_row(b, block, from + i);
        for (size_t i = 0; i < n; i++)
            if (targets[i].products != NULL)
                scan_products_add_at(targets[i].products, block, from + i, targets[i].after, targets[i].place);
    }
}
