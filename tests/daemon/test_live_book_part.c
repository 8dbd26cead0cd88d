/* A run that ends while a scan goes on: the part of the scan before its end is what a book, or a whole channel graded at once, has of the rows before alone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/live_book.h"
#include "daemon/stage/grade.h"
#include "pulse/cut.h"
#include "tests/daemon/made_book.h"
#include "tests/dice.h"

enum { PIXELS = MADE_BOOK_PIXELS, POINTS = 6, ROWS = 1000, BLOCK = 64 };
#define MS INT64_C(1000000)
static const int64_t t0_ns = INT64_C(1700000000000000000);

struct stream { size_t n; int64_t time_ns[PIXELS * ROWS]; uint16_t pixel[PIXELS * ROWS]; int64_t frame[PIXELS * ROWS]; };
struct points { int64_t start_ns[POINTS], end_ns[POINTS]; };
struct graded { size_t n; uint8_t grade[PIXELS][ROWS]; };

static void take_graded(void *context, const struct photon_block *rows) {
    struct graded *g = context;
    g->n += rows->n;
    for (size_t i = 0; i < rows->n; i++)
        g->grade[rows->pixel[i]][rows->frame[i]] = rows->grade[i];
}

static struct live_book *open_book(struct graded *g) {
    struct book_pixel pixels[PIXELS];
    for (int p = 0; p < PIXELS; p++)
        pixels[p] = (struct book_pixel){ .live = true, .table = made_book_table(LIVETIME_EDGE) };
    static const struct yield_region all = { "tfy", 0, 2000 };
    const struct book_settings settings = { .n_pixels = PIXELS, .pixels = pixels, .products = { .emission = { 200, 1100, 1 }, .loss = { -20, 80, 1 }, .n_regions = 1, .regions = &all },
                                            .late_ns = 200 * MS, .history = 4096, .graded = take_graded, .pixels_used = made_book_pixels, .context = g };
    struct live_book *b;
    assert_true(live_book_new(&settings, &b));
    return b;
}

/* Of all pixels in order of time; each about 20 ms after its last. */
static void make_stream(struct dice *d, struct stream *s, int64_t until_ns) {
    int64_t next[PIXELS], frames[PIXELS] = { 0 };
    for (int p = 0; p < PIXELS; p++)
        next[p] = t0_ns + 1000 * dice_below(d, 10000);
    for (s->n = 0;; s->n++) {
        int p = 0;
        for (int k = 1; k < PIXELS; k++)
            p = next[k] < next[p] ? k : p;
        if (next[p] >= until_ns || frames[p] == ROWS)
            break;
        s->time_ns[s->n] = next[p];
        s->pixel[s->n] = (uint16_t)p;
        s->frame[s->n] = frames[p]++;
        next[p] += 5010000 + 1000 * (int64_t)(-log(1 - dice_unit(d)) * 15000);
    }
}

static int64_t make_points(struct dice *d, struct points *p) {
    int64_t at = t0_ns + 50 * MS;
    for (int k = 0; k < POINTS; k++) {
        p->start_ns[k] = at;
        p->end_ns[k] = at + (20 + dice_below(d, 200)) * MS;
        at = p->end_ns[k] + dice_below(d, 3) * 17 * MS;
    }
    return at;
}

static void tell(struct live_book *b, enum scan_event_kind kind, int64_t time_ns) {
    const char *why;
    const struct scan_event e = { .kind = kind, .time_ns = time_ns, .number = 4, .incident_eV = 530, .i0 = 1, .i0_sigma = 0 };
    assert_true(live_book_event(b, &e, &why));
}

static void tell_points_before(struct live_book *b, const struct points *p, int *told, int64_t time_ns) {
    for (; *told < 2 * POINTS && (*told % 2 ? p->end_ns : p->start_ns)[*told / 2] < time_ns; ++*told)
        tell(b, *told % 2 ? SCAN_EVENT_POINT_END : SCAN_EVENT_POINT_START, (*told % 2 ? p->end_ns : p->start_ns)[*told / 2]);
}

/* Rows i.. of the stream that are before until_ns; settled as they come. Returns the next one. */
static size_t give(struct live_book *b, const struct stream *s, size_t i, int64_t until_ns, const struct points *p, int *told) {
    struct row_block *rows;
    assert_true(row_block_new(BLOCK, &rows));
    while (i < s->n && s->time_ns[i] < until_ns) {
        row_block_clear(rows);
        for (; rows->n < BLOCK && i < s->n && s->time_ns[i] < until_ns; i++) {
            const size_t k = rows->n++;
            rows->photons->n++;
            rows->photons->time_ns[k] = s->time_ns[i];
            rows->photons->pixel[k] = s->pixel[i];
            rows->photons->frame[k] = s->frame[i];
            rows->photons->energy_eV[k] = 300 + (float)(s->frame[i] % 500);
            rows->photons->cuts[k] = 0;
            rows->photons->flags[k] = TRUST_INSIDE;
            rows->flags[k] = 0;
        }
        live_book_rows(b, rows);
        tell_points_before(b, p, told, s->time_ns[i - 1]);
        live_book_settle(b, s->time_ns[i - 1], false);
    }
    row_block_free(rows);
    return i;
}

/* Grades and times of one pixel's rows before over_ns, as stage/grade makes them of a run that ended there. */
static size_t grade_before(const struct stream *s, uint16_t pixel, int64_t over_ns, const struct scan *scan, uint8_t *grades, int64_t *times) {
    struct photon_block *b;
    const struct livetime_table table = made_book_table(LIVETIME_EDGE);
    static const bool gaps[ROWS];
    int64_t starts[POINTS], ends[POINTS], last_ns = 0;
    assert_int_equal(photon_block_new(ROWS, &b), STATUS_OK);
    for (size_t i = 0; i < s->n && s->time_ns[i] < over_ns; i++) {
        last_ns = s->time_ns[i];
        if (s->pixel[i] == pixel)
            b->time_ns[b->n++] = s->time_ns[i];
    }
    for (uint32_t k = 0; k < scan->n_points; k++) {
        starts[k] = scan->points[k].start_ns;
        ends[k] = scan->points[k].end_ns;
    }
    const struct time_span up = { s->time_ns[0], last_ns + 1 };
    const struct grade_input in = { .table = &table, .up = &up, .n_up = 1, .gap_before = gaps };
    const struct livetime_sheet sheet = { .table = &table, .n_points = scan->n_points, .start_ns = starts, .end_ns = ends, .grade_time_ns = times };
    assert_true(grade_rows(&in, b, &sheet, NULL));
    const size_t n = b->n;
    memcpy(grades, b->grade, n);
    photon_block_free(b);
    return n;
}

static void compare(const struct stream *s, const struct graded *g, const struct scan_copy *part, int64_t over_ns) {
    const struct scan_products *p = part->products;
    const uint32_t n = part->scan.n_points;
    size_t before = 0;
    for (uint16_t pixel = 0; pixel < PIXELS; pixel++) {
        uint8_t grades[ROWS];
        int64_t times[POINTS * N_LIVETIME_COLUMNS];
        const size_t n_rows = grade_before(s, pixel, over_ns, &part->scan, grades, times);
        assert_memory_equal(g->grade[pixel], grades, n_rows);
        assert_memory_equal(p->grade_time_ns + (size_t)pixel * n * N_LIVETIME_COLUMNS, times, n * N_LIVETIME_COLUMNS * sizeof *times);
        before += n_rows;
    }
    assert_int_equal(g->n, before);
    for (uint32_t k = 0; k < n; k++) {
        uint32_t photons = 0, moving = 0, high = 0;
        for (size_t i = 0; i < s->n && s->time_ns[i] < over_ns; i++) {
            const bool inside = s->time_ns[i] >= part->scan.points[k].start_ns && s->time_ns[i] < part->scan.points[k].end_ns;
            photons += inside;
            high += inside && g->grade[s->pixel[i]][s->frame[i]] == GRADE_HIGH;
            moving += s->time_ns[i] >= part->scan.points[k].end_ns && s->time_ns[i] < (k + 1 < n ? part->scan.points[k + 1].start_ns : part->scan.end_ns);
        }
        assert_int_equal(p->photons[k], photons);
        assert_int_equal(p->moving[k], moving);
        assert_int_equal(p->yields[0]->counts[k], high);
    }
}

static void part_is_what_a_run_had(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct stream *s = calloc(1, sizeof *s);
    struct graded *g = calloc(1, sizeof *g);
    assert_non_null(s);
    assert_non_null(g);
    int cut_points = 0;
    for (int turn = 0; turn < 60; turn++) {
        struct points p;
        struct scan_copy *part;
        int told = 0;
        const int64_t at = make_points(&d, &p), late_ns = dice_below(&d, 400) * MS;
        memset(g, 0, sizeof *g);
        make_stream(&d, s, at + 400 * MS);
        size_t last = s->n / 4 + (size_t)dice_below(&d, (unsigned)s->n / 2);
        while (s->time_ns[last] < p.start_ns[0])
            last++;
        const int64_t over_ns = s->time_ns[last] + 1 + 1000 * dice_below(&d, 3000);   /* an array is never silent for long */
        struct live_book *b = open_book(g);
        tell(b, SCAN_EVENT_SCAN_START, t0_ns);
        size_t i = give(b, s, 0, over_ns - dice_below(&d, 20) * MS, &p, &told);
        live_book_hold(b, over_ns);
        i = give(b, s, i, over_ns + late_ns, &p, &told);   /* what comes before the run's file is begun */
        tell_points_before(b, &p, &told, over_ns);
        live_book_settle_held(b);
        assert_true(live_book_part(b, 0, over_ns, &part));
        compare(s, g, part, over_ns);
        cut_points += part->scan.points[part->scan.n_points - 1].end_ns == over_ns;
        scan_copy_free(part);
        give(b, s, i, INT64_MAX, &p, &told);
        tell_points_before(b, &p, &told, INT64_MAX);
        tell(b, SCAN_EVENT_SCAN_END, at);
        live_book_settle(b, INT64_MAX, true);
        const struct live_scan *whole = live_book_scan(b);   /* what is published goes on */
        uint32_t photons = 0, want = 0;
        for (int k = 0; k < POINTS; k++)
            photons += whole->products->photons[k];
        for (size_t r = 0; r < s->n; r++)
            for (int k = 0; k < POINTS; k++)
                want += s->time_ns[r] >= p.start_ns[k] && s->time_ns[r] < p.end_ns[k];
        assert_int_equal(photons, want);
        assert_int_equal(g->n, s->n);
        live_book_free(b);
    }
    assert_in_range(cut_points, 1, 60);
    free(s);
    free(g);
}

static void nothing_is_no_part(void **state) {
    (void)state;
    struct graded g = { 0 };
    struct live_book *b = open_book(&g);
    struct scan_copy *part;
    live_book_hold(b, t0_ns);
    live_book_settle_held(b);
    assert_false(live_book_part(b, 0, t0_ns, &part));
    tell(b, SCAN_EVENT_SCAN_START, t0_ns);
    assert_false(live_book_part(b, 0, t0_ns, &part));
    tell(b, SCAN_EVENT_POINT_START, t0_ns + 20 * MS);
    assert_false(live_book_part(b, 0, t0_ns + 10 * MS, &part));   /* it begins behind the end */
    assert_true(live_book_part(b, 0, t0_ns + 30 * MS, &part));
    assert_int_equal(part->scan.points[0].end_ns, t0_ns + 30 * MS);
    scan_copy_free(part);
    live_book_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(part_is_what_a_run_had), cmocka_unit_test(nothing_is_no_part) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
