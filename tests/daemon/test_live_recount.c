/* A calibration is chosen in the middle of a scan: the scan, and what comes after, is counted as if it had been in force since the run's start. No threads and no
 * clock. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/live_model.h"
#include "daemon/live_recount.h"
#include "daemon/model_store.h"
#include "daemon/stage/live_analyse.h"
#include "tests/daemon/counted_scan.h"
#include "tests/daemon/made_beamtime.h"

enum { ROWS = 64 };

struct world {
    struct made_beamtime made;
    struct made_records pulses;
    const struct scan *scan;
    size_t middle, end;
    struct array_model *one, *other;   /* the same filters, another curve */
    struct options options;
};

static const uint8_t *all_pixels(void *context, int64_t time_ns) {
    static const uint8_t all[MADE_PIXELS] = { 1, 1, 1, 1 };
    (void)context, (void)time_ns;
    return all;
}

static struct live_book *book_new(const struct world *w) {
    struct book_pixel pixels[MADE_PIXELS];
    uint8_t look[MADE_PIXELS];
    const struct acquisition_status nothing = { 0 };
    live_model_pixels(w->one, &w->options, &nothing, pixels, look);
    static const struct yield_region windows[] = { { "tfy", 200, 1600 }, { "narrow", 520, 526 } };
    const struct book_settings settings = { .n_pixels = MADE_PIXELS, .pixels = pixels, .late_ns = 2000000000, .history = 1 << 16, .pixels_used = all_pixels,
                                            .products = { .emission = { 200, 1100, 0.25 }, .loss = { -20, 80, 0.25 }, .n_regions = 2, .regions = windows } };
    struct live_book *b;
    assert_true(live_book_new(&settings, &b));
    return b;
}

/* Where records go, block by block. */
struct play {
    const struct world *w;
    struct live_analyse *ingest;
    struct live_book *book;
    struct pulse_store *pulses;        /* NULL: not kept */
    struct live_recount *recounted;    /* NULL: energies are ingest's */
    struct row_block *rows;
    uint32_t told;
};

static void play_new(struct play *p, const struct world *w, const struct array_model *m) {
    *p = (struct play){ .w = w, .book = book_new(w) };
    assert_true(live_analyse_new(MADE_PIXELS, &p->ingest) && row_block_new(ROWS, &p->rows));
    live_analyse_model(p->ingest, m, 1);
}

static void play_done(struct play *p) {
    live_recount_free(p->recounted);
    pulse_store_free(p->pulses);
    live_book_free(p->book);
    live_analyse_free(p->ingest);
    row_block_free(p->rows);
}

static void book_round(struct play *p, int64_t newest_ns) {
    const char *why;
    if (p->pulses != NULL)
        assert_true(pulse_store_add(p->pulses, p->rows));
    if (p->recounted != NULL)
        live_recount_rows(p->recounted, p->rows);
    live_book_rows(p->book, p->rows);
    for (; p->told <= 2 * p->w->scan->n_points + 1; p->told++) {
        const struct scan_event e = event_of(p->w->scan, p->told);
        if (e.time_ns >= newest_ns)
            break;
        assert_true(live_book_event(p->book, &e, &why));
    }
    live_book_settle(p->book, newest_ns - 60000000, false);
    row_block_clear(p->rows);
}

static void play(struct play *p, size_t from, size_t to) {
    struct record_block *b;
    assert_true(record_block_new(1, MADE_SAMPLES, &b));
    for (size_t i = from; i < to; i++) {
        assert_true(made_record_block(&p->w->pulses, i, b));
        assert_int_equal(live_analyse_block(p->ingest, b, 0, p->rows), 1);
        if (p->rows->n == ROWS || i + 1 == to)
            book_round(p, p->w->pulses.records[i].time_ns);
    }
    record_block_free(b);
}

static uint32_t in_narrow(const struct live_book *b) {
    const struct scan_products *s = live_book_scan(b)->products;
    uint32_t n = 0;
    for (uint32_t k = 0; k < s->n_points; k++)
        n += s->yields[1]->counts[k];
    return n;
}

static void a_scan_is_counted_as_from_the_start(void **state) {
    const struct world *w = *state;
    struct play p, from_start;
    struct live_book *again;
    const char *why;
    play_new(&p, w, w->one);
    assert_true(pulse_store_new(w->made.folder, MADE_PIXELS, &p.pulses));
    play(&p, 0, w->middle);
    const uint32_t before = in_narrow(p.book);
    const struct recount_from from = { .pulses = p.pulses, .bounds = pulse_bounds_none, .sample_period_s = w->pulses.records[0].samples.sample_period_s, .book = p.book,
                                       .watermark_ns = w->pulses.records[w->middle - 1].time_ns - 60000000 };
    assert_true(live_recount_begin(&from, w->other, &again, &p.recounted, &why));
    assert_true(before > 20 && in_narrow(again) != before);
    live_book_free(p.book);
    p.book = again;
    play(&p, w->middle, w->end);
    live_book_settle(p.book, INT64_MAX, true);
    play_new(&from_start, w, w->other);
    play(&from_start, 0, w->end);
    live_book_settle(from_start.book, INT64_MAX, true);
    check_same_scan(p.book, from_start.book);
    assert_int_equal(live_book_scan(p.book)->scan.n_points, w->scan->n_points);
    play_done(&p);
    play_done(&from_start);
}

/* More is kept after a recount, and counted at the next one. */
static void it_can_be_done_twice(void **state) {
    const struct world *w = *state;
    struct play p;
    struct live_book *again;
    const char *why;
    play_new(&p, w, w->one);
    assert_true(pulse_store_new(w->made.folder, MADE_PIXELS, &p.pulses));
    struct recount_from from = { .pulses = p.pulses, .bounds = pulse_bounds_none, .sample_period_s = w->pulses.records[0].samples.sample_period_s, .watermark_ns = INT64_MIN };
    for (int turn = 0; turn < 2; turn++) {
        play(&p, turn == 0 ? 0 : w->middle, turn == 0 ? w->middle : w->end);
        from.book = p.book;
        live_recount_free(p.recounted);
        p.recounted = NULL;
        assert_true(live_recount_begin(&from, turn == 0 ? w->other : w->one, &again, &p.recounted, &why));
        live_book_free(p.book);
        p.book = again;
    }
    live_book_settle(p.book, INT64_MAX, true);
    struct play whole;
    play_new(&whole, w, w->one);
    play(&whole, 0, w->end);
    live_book_settle(whole.book, INT64_MAX, true);
    check_same_scan(p.book, whole.book);
    play_done(&p);
    play_done(&whole);
}

static void filters_are_compared(void **state) {
    const struct world *w = *state;
    assert_true(live_recount_same_filters(w->one, w->other));
    struct pixel_model *m = w->other->channels[2].model;
    m->noise_sigma *= 1.001;
    assert_false(live_recount_same_filters(w->one, w->other));
    m->noise_sigma = w->one->channels[2].model->noise_sigma;
    m->template_pulse[100] += 1e-6f;
    assert_false(live_recount_same_filters(w->one, w->other));
    m->template_pulse[100] = w->one->channels[2].model->template_pulse[100];
    assert_true(live_recount_same_filters(w->one, w->other));
    w->other->channels[2].model = NULL;
    assert_false(live_recount_same_filters(w->one, w->other));
    w->other->channels[2].model = m;
}

/* All energies 0.2 % higher. */
static bool raise_curve(struct pixel_calibration *p) {
    const struct curve_anchor *anchors;
    const size_t n = calibration_curve_anchors(p->curve, &anchors);
    struct curve_anchor *higher = calloc(n + 1, sizeof *higher);
    struct calibration_curve *curve = NULL;
    for (size_t k = 0; higher != NULL && k < n; k++) {
        higher[k] = anchors[k];
        higher[k].energy_eV *= 1.002;
    }
    const bool good = higher != NULL && calibration_curve_new(calibration_curve_form(p->curve), higher, n, &curve) == STATUS_OK;
    free(higher);
    if (good) {
        calibration_curve_free(p->curve);
        p->curve = curve;
    }
    return good;
}

static int open_world(void **state) {
    static struct world w;
    char path[100], command[400];
    if (made_beamtime_open(&w.made, "--rate 50 --calibration-s 20 --points 8 --noise-records 200") != 0)
        return 1;
    snprintf(path, sizeof path, "%s/cal.h5", w.made.folder);
    snprintf(command, sizeof command, "%s calibrate %s/b/20260302/0001 --noise %s/b/20260302/0000 -o %s -q >/dev/null 2>&1", getenv("TESD"), w.made.folder, w.made.folder, path);
    if (system(command) != 0 || !model_store_load(path, &w.one) || !model_store_load(path, &w.other))
        return 1;
    for (uint32_t i = 0; i < w.other->tables[0]->n_pixels; i++)
        if (w.other->tables[0]->pixels[i].curve != NULL && !raise_curve(&w.other->tables[0]->pixels[i]))
            return 1;
    w.pulses = made_records_load(&w.made.b.pulses);
    for (size_t i = 0; w.scan == NULL; i++)
        w.scan = scan_timeline_at(w.made.b.timeline, i)->calibration ? NULL : scan_timeline_at(w.made.b.timeline, i);
    for (size_t i = 0; i < w.pulses.n; i++) {
        w.middle += w.pulses.records[i].time_ns < w.scan->points[w.scan->n_points / 2].start_ns + 300000000;
        w.end += w.pulses.records[i].time_ns < w.scan->end_ns + 300000000;
    }
    options_defaults(&w.options);
    *state = &w;
    return 0;
}

static int close_world(void **state) {
    struct world *w = *state;
    made_records_done(&w->pulses);
    array_model_free(w->one);
    array_model_free(w->other);
    options_done(&w->options);
    return made_beamtime_close(&w->made);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_scan_is_counted_as_from_the_start), cmocka_unit_test(it_can_be_done_twice), cmocka_unit_test(filters_are_compared) };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
