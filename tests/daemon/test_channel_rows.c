/* A channel's rows: those that live analysis makes one record after the other, whether they are read from files or were kept; with grades at once, or when the array is known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/pulse_store.h"
#include "daemon/stage/live_analyse.h"
#include "tests/daemon/made_rows_work.h"

enum { ROWS = 64 };

/* Rows of all records as a port brings them, by pixel; what is kept of them in `store` too. */
struct live_rows { struct photon_block *of[MADE_PIXELS]; };

static struct live_rows analyse_live(const struct made_work_world *w, struct pulse_store *store) {
    struct made_records all = made_records_load(&w->made.b.pulses);
    struct live_analyse *a;
    struct record_block *one;
    struct row_block *rows;
    struct live_rows out;
    for (int p = 0; p < MADE_PIXELS; p++)
        assert_int_equal(photon_block_new(all.n + 1, &out.of[p]), STATUS_OK);
    assert_true(live_analyse_new(MADE_PIXELS, &a) && record_block_new(1, MADE_SAMPLES + 32, &one) && row_block_new(ROWS, &rows));
    live_analyse_model(a, w->model, 1);
    for (size_t i = 0; i < all.n; i++) {
        row_block_clear(rows);
        assert_true(made_record_block(&all, i, one));
        assert_int_equal(live_analyse_block(a, one, 0, rows), 1);
        assert_int_equal(rows->n, 1);
        photon_block_copy_row(out.of[rows->photons->pixel[0]], rows->photons, 0);
        assert_true(store == NULL || pulse_store_add(store, rows));
    }
    row_block_free(rows);
    record_block_free(one);
    live_analyse_free(a);
    made_records_done(&all);
    return out;
}

static void live_rows_done(struct live_rows *r) {
    for (int p = 0; p < MADE_PIXELS; p++)
        photon_block_free(r->of[p]);
}

static void same_rows(const struct photon_block *a, const struct photon_block *b) {
    assert_non_null(a);
    assert_int_equal(a->n, b->n);
    assert_true(a->n > 500);
    assert_memory_equal(a->time_ns, b->time_ns, a->n * sizeof *a->time_ns);
    assert_memory_equal(a->frame, b->frame, a->n * sizeof *a->frame);
    assert_memory_equal(a->pixel, b->pixel, a->n * sizeof *a->pixel);
    assert_memory_equal(a->height, b->height, a->n * sizeof *a->height);
    assert_memory_equal(a->energy_eV, b->energy_eV, a->n * sizeof *a->energy_eV);
    assert_memory_equal(a->energy_sigma_eV, b->energy_sigma_eV, a->n * sizeof *a->energy_sigma_eV);
    assert_memory_equal(a->cuts, b->cuts, a->n * sizeof *a->cuts);
}

static size_t count_grade(const struct photon_block *b, uint8_t grade) {
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++)
        n += b->grade[i] == grade;
    return n;
}

/* Causally from the files: the same bytes; and grades, most of them high. */
static void files_give_what_comes_live(void **state) {
    const struct made_work_world *w = *state;
    struct live_rows live = analyse_live(w, NULL);
    struct made_work m;
    made_work_begin(&m, w, true, NULL, NULL);
    for (size_t p = 0; p < MADE_PIXELS; p++) {
        struct channel_rows rows = { 0 };
        channel_rows_make(&m.work, p, &rows);
        same_rows(rows.block, live.of[p]);
        assert_int_equal(rows.counts.records, rows.block->n);
        assert_int_equal(rows.counts.torn + rows.counts.duplicates + rows.counts.restarts, 0);
        assert_null(rows.gaps.data);
        assert_true(count_grade(rows.block, GRADE_HIGH) > rows.block->n / 2);
        channel_rows_free(&m.work, &rows);
        assert_null(rows.room.data);
    }
    made_work_end(&m);
    live_rows_done(&live);
}

/* What a session kept, in the true order whatever the order it came in; and with the grades of the files' rows. Store pixels may be others. */
static void kept_pulses_give_the_same(void **state) {
    const struct made_work_world *w = *state;
    static const uint16_t pixel_of[MADE_PIXELS] = { 0, 1, 2, 3 };
    struct pulse_store *store;
    assert_true(pulse_store_new(w->made.folder, MADE_PIXELS, &store));
    pulse_store_patient(store);
    struct live_rows live = analyse_live(w, store);
    assert_true(pulse_store_settle(store, &pulse_bounds_none));
    const struct reprocess_stored stored = { .pulses = store, .pixel_of = pixel_of, .n_samples = MADE_SAMPLES, .sample_period_s = w->model->channels[0].model->sample_period_s };
    struct made_work kept, files;
    made_work_begin(&kept, w, true, &stored, NULL);
    made_work_begin(&files, w, true, NULL, NULL);
    for (size_t p = 0; p < MADE_PIXELS; p++) {
        struct channel_rows a = { 0 }, b = { 0 };
        channel_rows_make(&kept.work, p, &a);
        channel_rows_make(&files.work, p, &b);
        same_rows(a.block, live.of[p]);
        same_rows(a.block, b.block);
        assert_memory_equal(a.block->grade, b.block->grade, a.block->n);
        channel_rows_free(&kept.work, &a);
        channel_rows_free(&files.work, &b);
    }
    made_work_end(&kept);
    made_work_end(&files);
    pulse_store_free(store);
    live_rows_done(&live);
}

/* From both sides, with the neighbours that the model has good, energies are others than by the records before alone. */
static void from_both_sides_neighbours_serve(void **state) {
    const struct made_work_world *w = *state;
    struct made_work before, both;
    made_work_begin(&before, w, true, NULL, NULL);
    made_work_begin(&both, w, false, NULL, NULL);
    for (size_t p = 0; p < MADE_PIXELS; p++) {
        const struct analyse_settings causal = channel_rows_settings(&before.work, p), open = channel_rows_settings(&both.work, p);
        assert_true(causal.causal && causal.neighbours == NULL && causal.pixel == p && causal.model == w->model->channels[p].model);
        assert_true(!open.causal && (open.neighbours != NULL) == (w->model->neighbours != NULL && w->model->neighbours->of[p].used != 0));
        struct channel_rows a = { 0 }, b = { 0 };
        channel_rows_make(&before.work, p, &a);
        channel_rows_make(&both.work, p, &b);
        assert_non_null(a.block);
        assert_non_null(b.block);
        assert_int_equal(a.block->n, b.block->n);
        size_t known = 0, other = 0;
        for (size_t i = 0; i < a.block->n; i++) {
            const bool energy = isfinite(a.block->energy_eV[i]) && isfinite(b.block->energy_eV[i]);
            known += energy;
            other += energy && a.block->energy_eV[i] != b.block->energy_eV[i];
        }
        assert_true(known > a.block->n / 2 && other > known / 2);
        channel_rows_free(&before.work, &a);
        channel_rows_free(&both.work, &b);
    }
    made_work_end(&before);
    made_work_end(&both);
}

/* Where channels wait for each other rows have no grades at first; without an event that vetoes they get those they would have had at once. */
static void grades_wait_for_the_array(void **state) {
    const struct made_work_world *w = *state;
    const struct array_event_settings nobody = { .array_pixels = MADE_PIXELS + 1, .array_window_s = 1e-6, .array_hold_s = 1e-6 };
    struct made_work at_once, waits;
    struct channel_rows rows[MADE_PIXELS] = { { 0 } };
    const struct photon_block *blocks[MADE_PIXELS];
    made_work_begin(&at_once, w, true, NULL, NULL);
    made_work_begin(&waits, w, true, NULL, &nobody);
    for (size_t p = 0; p < MADE_PIXELS; p++) {
        channel_rows_make(&waits.work, p, &rows[p]);
        assert_non_null(rows[p].block);
        assert_non_null(rows[p].gaps.data);
        blocks[p] = rows[p].block;
    }
    assert_true(array_events_collect(waits.work.array, blocks));
    for (size_t p = 0; p < MADE_PIXELS; p++) {
        struct channel_rows want = { 0 };
        channel_rows_make(&at_once.work, p, &want);
        assert_non_null(want.block);
        channel_rows_grade(&waits.work, p, &rows[p]);
        same_rows(rows[p].block, want.block);
        assert_memory_equal(rows[p].block->grade, want.block->grade, want.block->n);
        assert_null(rows[p].gaps.data);
        channel_rows_free(&at_once.work, &want);
        channel_rows_free(&waits.work, &rows[p]);
    }
    made_work_end(&at_once);
    made_work_end(&waits);
}

/* Without room for its rows a channel has no block, and gives back what it took. */
static void no_room_is_no_block(void **state) {
    const struct made_work_world *w = *state;
    struct made_work m;
    made_work_begin(&m, w, true, NULL, NULL);
    struct channel_rows rows = { 0 };
    m.scratch.budget = 1;
    m.scratch.folder = "/nonexistent";
    channel_rows_make(&m.work, 0, &rows);
    assert_null(rows.block);
    channel_rows_grade(&m.work, 0, &rows);   /* nothing to grade: it stays so */
    assert_null(rows.block);
    channel_rows_free(&m.work, &rows);
    assert_int_equal(m.scratch.in_memory, 0);
    made_work_end(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(files_give_what_comes_live), cmocka_unit_test(kept_pulses_give_the_same), cmocka_unit_test(from_both_sides_neighbours_serve),
                                        cmocka_unit_test(grades_wait_for_the_array), cmocka_unit_test(no_room_is_no_block) };
    return cmocka_run_group_tests(tests, made_work_open, made_work_close);
}
