/* A calibration is learnt while a scan runs: the scan is counted anew as if the calibration had been in force since its end, whatever was on
 * its way when it was accepted. No threads and no clock: rounds of ingest, book and learner are played in an order that is chosen here. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sched.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/live_learning.h"
#include "daemon/live_model.h"
#include "daemon/stage/live_analyse.h"
#include "pulse/cut.h"
#include "tests/daemon/counted_scan.h"
#include "tests/daemon/made_beamtime.h"

enum { POINTS = 12, ROWS = 64 };
static const int64_t margin_ns = 60000000;   /* the watermark behind the newest record */

struct world {
    struct made_beamtime made;
    struct made_records noise, pulses;
    const struct scan *scan;
    size_t behind, middle, end;       /* first record after the calibration; in the middle of the scan; past it */
};

/* What the three threads have in their hands. */
struct play {
    const struct world *w;
    struct options options;
    struct live_learning *learning;
    struct live_analyse *ingest;
    struct live_book *book;
    struct row_block *rows;
    float *energy_eV;                 /* of each record of the pulses, as it was settled last; 0 not yet */
    struct live_recount *follow;      /* since the recount; NULL: energies are ingest's */
    struct array_model *model;        /* in force in the book; NULL: none */
    const struct array_model *used;   /* whose pixels a scan uses */
    uint8_t mask[MADE_PIXELS];
    int64_t newest_ns;
    uint32_t told;                    /* events of the scan, so far */
    unsigned untaught;                /* one record in so many does not reach the learner; 0: all do */
    size_t given, given_with_height;
};

static const uint8_t *all_pixels(void *context, int64_t time_ns) {
    (void)time_ns;
    struct play *p = context;
    memset(p->mask, 1, sizeof p->mask);
    return p->mask;
}

static size_t record_of(const struct world *w, int64_t time_ns, uint32_t pixel) {
    size_t lo = 0, hi = w->pulses.n;
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        if (w->pulses.records[mid].time_ns < time_ns)
            lo = mid + 1;
        else
            hi = mid;
    }
    while (lo < w->pulses.n && w->pulses.records[lo].samples.pixel != pixel)
        lo++;
    return lo;
}

static void graded(void *context, const struct photon_block *rows) {
    struct play *p = context;
    for (size_t i = 0; i < rows->n; i++)
        if (rows->time_ns[i] >= p->w->pulses.records[0].time_ns)
            p->energy_eV[record_of(p->w, rows->time_ns[i], rows->pixel[i])] = rows->energy_eV[i];
}

static struct live_book *book_new(struct play *p) {
    struct book_pixel pixels[MADE_PIXELS] = { { 0 } };
    uint8_t look[MADE_PIXELS];
    const struct acquisition_status nothing = { 0 };
    if (p->used != NULL)
        live_model_pixels(p->used, &p->options, &nothing, pixels, look);
    const struct book_settings settings = { .n_pixels = MADE_PIXELS, .pixels = pixels, .late_ns = 2000000000, .history = 1 << 16, .pixels_used = all_pixels, .graded = graded, .context = p,
                                            .products = { .emission = p->options.rixs.emission, .loss = p->options.rixs.loss, .n_regions = p->options.n_roi, .regions = p->options.roi } };
    struct live_book *b;
    assert_true(live_book_new(&settings, &b));
    return b;
}

static void tell(struct live_book *b, struct live_learning *l, const struct scan_event *e) {
    const char *why;
    assert_true(live_book_event(b, e, &why));
    if (l != NULL)
        live_learning_event(l, e);
}

static void tell_scan(struct play *p, int64_t until_ns) {
    for (; p->told <= 2 * p->w->scan->n_points + 1; p->told++) {
        const struct scan_event e = event_of(p->w->scan, p->told);
        if (e.time_ns >= until_ns)
            return;
        tell(p->book, p->learning, &e);
    }
}

/* Rows that ingest has made: the book's round. */
static void book_round(struct play *p) {
    if (p->follow != NULL)
        live_recount_rows(p->follow, p->rows);
    live_book_rows(p->book, p->rows);
    live_learning_rows(p->learning, p->rows, p->newest_ns);
    live_book_settle(p->book, p->newest_ns - margin_ns, false);
    row_block_clear(p->rows);
}

static void ingest(struct play *p, const struct made_records *a, size_t i) {
    struct ring *ring = live_learning_ring(p->learning);
    struct record_block *b = ring_take_empty(ring);
    if (b == NULL)
        abort();   /* the learner has fallen back too far */
    assert_true(made_record_block(a, i, b));
    assert_int_equal(live_analyse_block(p->ingest, b, 0, p->rows), 1);
    p->newest_ns = a->records[i].time_ns;
    bool wanted = atomic_load(live_learning_wanted(p->learning)) && !(p->untaught > 0 && i % p->untaught == 0);
    if (wanted)
        ring_mark_full(ring);
}

/* Records [from, to), the book right behind; the learner too, or it falls back, and the last records wait in its ring. */
static void play(struct play *p, const struct made_records *a, size_t from, size_t to, bool learner) {
    for (size_t i = from; i < to; i++) {
        ingest(p, a, i);
        if (a == &p->w->pulses)
            tell_scan(p, p->newest_ns - 5000000);
        if (p->rows->n == ROWS || i + 1 == to)
            book_round(p);
        if (learner || i % 5 != 0)
            live_learning_thread(p->learning);
    }
}

static void learn_all(struct play *p) {
    while (live_learning_thread(p->learning) || live_learning_busy(p->learning))
        sched_yield();
}

static void keep_anew(void *context, const struct row_block *rows) {
    struct play *p = context;
    p->given += rows->n;
    for (size_t i = 0; i < rows->n; i++)
        p->given_with_height += isnan(rows->photons->height[i]) ? 0 : 1;
}

static void play_new(struct play *p, const struct world *w, const char *folder) {
    *p = (struct play){ .w = w };
    options_defaults(&p->options);
    p->options.learn.live = true;
    snprintf(p->options.output.folder, sizeof p->options.output.folder, "%s", folder);
    p->energy_eV = calloc(w->pulses.n + 1, sizeof *p->energy_eV);
    assert_non_null(p->energy_eV);
    assert_true(live_learning_new(&p->options, NULL, &p->learning));
    assert_non_null(p->learning);
    live_learning_array(p->learning, w->made.array, NULL);
    assert_true(live_analyse_new(MADE_PIXELS, &p->ingest));
    live_analyse_model(p->ingest, NULL, 1);
    p->book = book_new(p);
    assert_true(row_block_new(ROWS, &p->rows));
}

static void play_done(struct play *p) {
    live_recount_free(p->follow);
    live_book_free(p->book);
    live_analyse_free(p->ingest);
    live_learning_free(p->learning);
    row_block_free(p->rows);
    free(p->energy_eV);
    array_model_free(p->model);
    options_done(&p->options);
}

/* Noise, the calibration, and the scan up to its middle; the calibration's end is known, but nothing has been learnt yet. */
static void until_middle(struct play *p) {
    const struct world *w = p->w;
    struct array_model *m;
    live_learning_label(p->learning, "NOISE", w->noise.records[0].time_ns);
    play(p, &w->noise, 0, w->noise.n, true);
    live_learning_label(p->learning, "PAUSE", p->newest_ns + 1);
    assert_false(live_learning_step(p->learning, p->newest_ns + 2, &m));
    learn_all(p);
    size_t first = 0;
    while (w->pulses.records[first].time_ns < w->made.cal->start_ns)
        first++;
    assert_false(live_learning_step(p->learning, p->newest_ns, &m));
    live_learning_label(p->learning, "CAL0", w->made.cal->start_ns);
    play(p, &w->pulses, first, w->behind, true);
    live_learning_label(p->learning, "PAUSE", w->made.cal->end_ns);
    play(p, &w->pulses, w->behind, w->middle, true);
    assert_false(live_learning_step(p->learning, p->newest_ns - margin_ns, &m));
}

/* The scan counted by a book that has had the model since the run's start, as a replay has it: what the recount must come to. */
static struct live_book *counted_at_once(struct play *p, size_t to) {
    struct live_analyse *a = NULL;
    struct record_block *b = NULL;
    struct live_book *book = book_new(p);
    struct row_block *rows = NULL;
    if (!live_analyse_new(MADE_PIXELS, &a) || !record_block_new(1, MADE_SAMPLES, &b) || !row_block_new(ROWS, &rows))
        abort();
    live_analyse_model(a, p->model, 2);
    for (uint32_t k = 0; k < p->told; k++) {
        const struct scan_event e = event_of(p->w->scan, k);
        tell(book, NULL, &e);
    }
    for (size_t i = 0; i < to; i++) {
        row_block_clear(rows);
        assert_true(made_record_block(&p->w->pulses, i, b));
        assert_int_equal(live_analyse_block(a, b, 0, rows), 1);
        if (i >= p->w->behind)
            live_book_rows(book, rows);
    }
    live_book_settle(book, INT64_MAX, true);
    record_block_free(b);
    row_block_free(rows);
    live_analyse_free(a);
    return book;
}

static uint64_t photons_of(const struct live_book *b) {
    uint64_t n = 0;
    const struct live_scan *s = live_book_scan(b);
    for (uint32_t k = 0; s->products != NULL && k < s->scan.n_points; k++)
        n += s->products->photons[k];
    return n;
}

/* Accepted, put in force in the book; ingest goes on with the old model for `old` records, then with the new one for `late` more before the
 * book hears that nothing old is under way. */
static struct recounted hand_over(struct play *p, size_t old, size_t late) {
    const struct world *w = p->w;
    learn_all(p);
    assert_true(live_learning_step(p->learning, p->newest_ns - margin_ns, &p->model));
    p->used = p->model;
    struct book_pixel pixels[MADE_PIXELS];
    uint8_t look[MADE_PIXELS];
    const struct acquisition_status nothing = { 0 };
    live_model_pixels(p->model, &p->options, &nothing, pixels, look);
    live_book_pixels(p->book, pixels);
    live_learning_in_force(p->learning, 2);
    play(p, &w->pulses, w->middle, w->middle + old, false);
    live_analyse_model(p->ingest, p->model, 2);
    play(p, &w->pulses, w->middle + old, w->middle + old + late, false);
    assert_false(live_learning_recount_due(p->learning));
    live_learning_old_rows_over(p->learning);
    learn_all(p);
    struct array_model *none;
    assert_false(live_learning_step(p->learning, p->newest_ns - margin_ns, &none));
    assert_true(live_learning_recount_due(p->learning));
    struct recounted r = live_learning_recount(p->learning, p->model, 2, p->newest_ns - margin_ns, p->book, keep_anew, p);
    assert_false(live_learning_recount_due(p->learning));
    p->follow = r.follow;
    return r;
}

static void a_running_scan_is_counted_anew(void **state) {
    struct world *w = *state;
    struct play p;
    play_new(&p, w, w->made.folder);
    until_middle(&p);
    assert_int_equal(photons_of(p.book), 0);   /* no energies, no photons */
    struct recounted r = hand_over(&p, 60, 70);
    assert_non_null(r.book);
    assert_int_equal(r.without, 0);
    assert_int_equal(r.rows, w->middle + 130 - w->behind);
    assert_int_equal(r.filters_from_ns, w->made.cal->end_ns);
    assert_int_equal(p.given, w->middle + 60 - w->behind);   /* those of the new model are kept already */
    assert_int_equal(p.given_with_height, p.given);
    live_book_free(p.book);
    p.book = r.book;
    live_book_settle(p.book, INT64_MAX, true);
    struct live_book *want = counted_at_once(&p, w->middle + 130);
    assert_true(photons_of(want) > 200);
    check_same_scan(p.book, want);
    live_book_free(want);
    play_done(&p);
}

/* And it goes on: when the scan is over it is that of a replay, bit for bit; the baselines of ingest began when the model came into force. */
static void the_scan_goes_on(void **state) {
    struct world *w = *state;
    struct play p;
    play_new(&p, w, w->made.folder);
    assert_int_equal(access(live_learning_kept(p.learning), R_OK), 0);   /* of the test before; it is in force only where nobody learns anew */
    until_middle(&p);
    struct recounted r = hand_over(&p, 0, 0);
    assert_non_null(r.book);
    live_book_free(p.book);
    p.book = r.book;
    play(&p, &w->pulses, w->middle, w->end, true);
    tell_scan(&p, INT64_MAX);
    live_book_settle(p.book, INT64_MAX, true);
    float *energy_eV = p.energy_eV;
    p.energy_eV = calloc(w->pulses.n + 1, sizeof *p.energy_eV);
    struct live_book *want = counted_at_once(&p, w->end);
    assert_int_equal(live_book_scan(p.book)->n_final, POINTS);
    assert_true(photons_of(want) > 400);
    check_same_scan(p.book, want);
    assert_memory_equal(p.energy_eV + w->behind, energy_eV + w->behind, (w->end - w->behind) * sizeof *energy_eV);
    free(energy_eV);
    live_book_free(want);
    play_done(&p);
}

/* A calibration that is over at once and refused (the acquisition's label, then the beamline's) takes nothing from the one behind it: rows that came between that one's end and
 * the word of it are counted anew, too. */
static void a_refused_one_before_takes_no_rows(void **state) {
    struct world *w = *state;
    struct play p;
    struct array_model *m;
    size_t first = 0;
    while (w->pulses.records[first].time_ns < w->made.cal->start_ns)
        first++;
    play_new(&p, w, w->made.folder);
    live_learning_label(p.learning, "NOISE", w->noise.records[0].time_ns);
    play(&p, &w->noise, 0, w->noise.n, true);
    live_learning_label(p.learning, "CAL9", w->made.cal->start_ns);
    assert_false(live_learning_step(p.learning, p.newest_ns, &m));
    learn_all(&p);
    play(&p, &w->pulses, first, first + 50, true);
    live_learning_label(p.learning, "START", w->pulses.records[first + 50].time_ns - 1000000);
    live_learning_label(p.learning, "CAL0", w->pulses.records[first + 50].time_ns);
    learn_all(&p);
    play(&p, &w->pulses, first + 50, first + 200, true);
    for (int k = 0; k < 3; k++)
        assert_false(live_learning_step(p.learning, p.newest_ns - margin_ns, &m));   /* the noise, the refusal */
    assert_true(strncmp(live_learning_stage(p.learning), "calibration", 11) == 0);
    play(&p, &w->pulses, first + 200, w->behind + 40, true);
    live_learning_label(p.learning, "PAUSE", w->made.cal->end_ns);
    play(&p, &w->pulses, w->behind + 40, w->middle, true);
    assert_false(live_learning_step(p.learning, p.newest_ns - margin_ns, &m));
    struct recounted r = hand_over(&p, 60, 70);
    assert_int_equal(r.rows, w->middle + 130 - w->behind);
    assert_int_equal(r.without, 0);
    assert_non_null(r.book);
    live_book_free(r.book);
    play_done(&p);
}

/* What the learner did not get has no energy afterwards, and is counted. */
static void what_was_not_taught_is_counted(void **state) {
    struct world *w = *state;
    struct play p;
    play_new(&p, w, w->made.folder);
    p.untaught = 40;
    until_middle(&p);
    struct recounted r = hand_over(&p, 60, 70);
    size_t untaught = 0;
    for (size_t i = w->behind; i < w->middle + 60; i++)
        untaught += i % 40 == 0;
    assert_true(untaught > 3);
    assert_int_equal(r.without, untaught);
    assert_int_equal(p.given_with_height, p.given - untaught);
    live_book_free(r.book);
    play_done(&p);
}

static int open_world(void **state) {
    static struct world w;
    if (made_beamtime_open(&w.made, "--rate 50 --calibration-s 40 --points 12 --noise-records 300") != 0)
        return 1;
    w.noise = made_records_load(&w.made.b.noise);
    w.pulses = made_records_load(&w.made.b.pulses);
    for (size_t i = 0; w.scan == NULL; i++)
        w.scan = scan_timeline_at(w.made.b.timeline, i)->calibration ? NULL : scan_timeline_at(w.made.b.timeline, i);
    for (size_t i = 0; i < w.pulses.n; i++) {
        w.behind += w.pulses.records[i].time_ns < w.made.cal->end_ns;
        w.middle += w.pulses.records[i].time_ns < w.scan->points[POINTS / 2].start_ns + 300000000;
        w.end += w.pulses.records[i].time_ns < w.scan->end_ns + 300000000;
    }
    *state = &w;
    return 0;
}

static int close_world(void **state) {
    struct world *w = *state;
    made_records_done(&w->noise);
    made_records_done(&w->pulses);
    return made_beamtime_close(&w->made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_running_scan_is_counted_anew), cmocka_unit_test(the_scan_goes_on), cmocka_unit_test(a_refused_one_before_takes_no_rows), cmocka_unit_test(what_was_not_taught_is_counted),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
