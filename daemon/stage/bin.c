#include "daemon/stage/bin.h"

#include <math.h>
#include <stdlib.h>

#include "calib/product_counter.h"

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

struct row_place { int32_t scan, point; float incident_eV; };

static struct row_place row_place_of(const struct bin_stage *b, const struct scan_place *place) {
    const int32_t k = place->index < 0 ? -1 : b->of_scan[place->index];
    if (k < 0)
        return (struct row_place){ -1, -1, NAN };
    const struct scan *s = b->products[k]->scan;
    return (struct row_place){ s->number, place->point, place->point >= 0 ? (float)s->points[place->point].incident_eV : NAN };
}

void bin_stage_place(const struct bin_stage *b, struct photon_block *block) {
    struct scan_place place = { .index = 0 };   /* holds no time */
    struct row_place row = { -1, -1, NAN };
    for (size_t i = 0; i < block->n; i++) {
        const int64_t time_ns = block->time_ns[i];
        if (time_ns < place.from_ns || time_ns >= place.until_ns) {
            scan_timeline_move_on(b->timeline, time_ns, &place);
            row = row_place_of(b, &place);
        }
        block->scan[i] = row.scan;
        block->point[i] = row.point;
        block->incident_eV[i] = row.incident_eV;
    }
}

/* Rows from `first` on that are of one pixel and in one scan. */
static size_t span_end(const struct photon_block *block, size_t first) {
    size_t i = first + 1;
    while (i < block->n && block->scan[i] == block->scan[first] && block->pixel[i] == block->pixel[first])
        i++;
    return i;
}

/* Photons between points, by the point that the scan moved away from. */
static void count_moving(struct bin_stage *b, struct scan_products *p, const struct photon_block *block, size_t first, size_t end) {
    for (size_t i = first; i < end; i++)
        if (block->point[i] < 0 && block->cuts[i] == 0) {
            scan_timeline_move(b->timeline, block->time_ns[i], &b->place);
            p->moving[b->place.after]++;
        }
}

void bin_stage_add(struct bin_stage *b, const struct photon_block *block) {
    struct product_counter counter;
    product_counter_init(&counter);
    for (size_t first = 0, end; first < block->n; first = end) {
        end = span_end(block, first);
        if (block->scan[first] < 0)
            continue;
        scan_timeline_move(b->timeline, block->time_ns[first], &b->place);
        struct scan_products *p = b->products[b->of_scan[b->place.index]];
        product_counter_begin(&counter, p, block->pixel[first]);
        product_counter_add(&counter, block, first, end - first);
        count_moving(b, p, block, first, end);
    }
    product_counter_flush(&counter);
}
