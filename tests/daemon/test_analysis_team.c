#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/analysis_team.h"
#include "daemon/pipeline.h"
#include "tests/daemon/made_rows.h"
#include "tests/dice.h"

static size_t below(struct dice *d, size_t n) { return (size_t)dice_below(d, (int64_t)n); }

enum { BATCH = 500, PIXELS = 40, SAMPLES = 32 };
static const uint16_t samples[SAMPLES];

/* Some pixels have most of the records, some none; a few records have no pixel. By pixel, as ingest hands them over. */
static void make_batch(struct record_block *b, struct dice *d, size_t n) {
    static uint32_t places[PIXELS + 2];
    struct block_record *scratch = calloc(b->capacity, sizeof *scratch);
    record_block_clear(b);
    for (size_t k = 0; k < n; k++) {
        const size_t pixel = below(d, 3) == 0 ? 7 : below(d, PIXELS + 1);
        const struct block_record r = { .time_ns = (int64_t)(1000 * k), .frame = (int64_t)k, .n_samples = SAMPLES, .n_presamples = 8, .sample_period_s = 1e-5F,
                                        .channel_index = (uint16_t)pixel, .pixel = pixel < PIXELS ? (uint16_t)pixel : BLOCK_NO_PIXEL };
        assert_true(record_block_lend(b, &r, samples));
    }
    record_block_sort(b, PIXELS, &scratch, places);
    free(scratch);
}

struct crew { struct analysis_team *team; struct pipeline_thread *threads[ANALYSIS_MEMBERS_MAX]; };

static void crew_start(struct crew *c) {
    for (unsigned k = 0; k < analysis_team_size(c->team); k++)
        assert_true(pipeline_thread_start("worker", analysis_team_step, analysis_team_member(c->team, k), 0, &c->threads[k]));
}

static void crew_end(struct crew *c) {
    for (unsigned k = 0; k < analysis_team_size(c->team); k++)
        pipeline_thread_stop(c->threads[k]);
    analysis_team_free(c->team);
}

/* All rows of all shares, in their order. */
static void gather(const struct analysis_share *shares, unsigned n, struct row_block *all) {
    row_block_clear(all);
    for (unsigned k = 0; k < n; k++) {
        size_t second = 0;
        assert_int_equal(row_block_append(all, shares[k].rows, 0, &second), shares[k].rows->n);
        assert_int_equal(shares[k].reached, shares[k].end);
    }
}

static void rows_are_those_of_one_thread(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct record_block *b = NULL;
    struct row_block *plain = NULL, *shared = NULL;
    struct live_analyse *a = NULL;
    if (!record_block_new(BATCH, 0, &b) || !row_block_new(BATCH, &plain) || !row_block_new(BATCH, &shared) || !live_analyse_new(PIXELS, &a))
        abort();
    for (unsigned n = 1; n <= 5; n++) {
        struct crew c = { .team = NULL };
        struct analysis_share shares[ANALYSIS_MEMBERS_MAX + 1];
        if (!analysis_team_new(n, BATCH, &c.team))
            abort();
        crew_start(&c);
        for (int turn = 0; turn < 40; turn++) {
            make_batch(b, &d, turn == 0 ? 0 : turn == 1 ? 1 : 1 + below(&d, BATCH));
            row_block_clear(plain);
            assert_int_equal(live_analyse_block(a, b, 0, plain), b->n);
            analysis_team_run(c.team, a, b, shares);
            assert_int_equal(shares[n].end, b->n);
            for (unsigned k = 0; k < n; k++)   /* a pixel is one member's */
                assert_true(shares[k].end == 0 || shares[k].end == b->n || b->rows[shares[k].end].pixel != b->rows[shares[k].end - 1].pixel);
            gather(shares, n + 1, shared);
            assert_int_equal(shared->n, plain->n);
            assert_memory_equal(shared->photons->frame, plain->photons->frame, plain->n * sizeof *plain->photons->frame);
            assert_memory_equal(shared->photons->pixel, plain->photons->pixel, plain->n * sizeof *plain->photons->pixel);
            assert_memory_equal(shared->pulses, plain->pulses, plain->n * sizeof *plain->pulses);
        }
        crew_end(&c);
    }
    live_analyse_free(a);
    row_block_free(plain);
    row_block_free(shared);
    record_block_free(b);
}

struct late { struct crew crew; struct live_analyse *analyse; struct record_block *batch; struct analysis_share shares[2]; atomic_bool begun, over; };

static void run_once(void *context) {
    struct late *l = context;
    atomic_store(&l->begun, true);
    analysis_team_run(l->crew.team, l->analyse, l->batch, l->shares);
    atomic_store(&l->over, true);
}

static bool is_said(FILE *said, const char *what) {
    char text[4096];
    const ssize_t n = pread(fileno(said), text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    return strstr(text, what) != NULL;
}

/* A member that does not move keeps the batch, and with it whoever gave it, who says so; nothing is left out when it moves again. */
static void a_stalled_member_is_waited_for(void **state) {
    (void)state;
    FILE *said = tmpfile();
    const int before = dup(STDERR_FILENO);
    struct dice d = dice_new();
    struct late l = { .batch = NULL };
    struct pipeline_job_thread *job = NULL;
    if (!record_block_new(BATCH, 0, &l.batch) || !live_analyse_new(PIXELS, &l.analyse) || !analysis_team_new(1, BATCH, &l.crew.team))
        abort();
    make_batch(l.batch, &d, BATCH);
    assert_true(pipeline_background("giver", run_once, &l, &job));
    while (!atomic_load(&l.begun))
        continue;
    assert_false(pipeline_background_over(job));   /* nobody has stepped for the member: it cannot be */
    assert_false(atomic_load(&l.over));
    assert_true(said != NULL && dup2(fileno(said), STDERR_FILENO) >= 0);
    while (!is_said(said, "worker 0 has not given back its share"))
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    assert_false(is_said(said, "goes on"));
    crew_start(&l.crew);
    pipeline_background_join(job);
    assert_true(is_said(said, "worker 0 goes on"));
    dup2(before, STDERR_FILENO);
    close(before);
    fclose(said);
    size_t of_pixels = 0;
    for (size_t i = 0; i < l.batch->n; i++)
        of_pixels += l.batch->rows[i].pixel < PIXELS;
    assert_int_equal(l.shares[0].rows->n + l.shares[1].rows->n, of_pixels);
    crew_end(&l.crew);
    live_analyse_free(l.analyse);
    record_block_free(l.batch);
}

/* A block's rows in pieces, with the pulses inside them, into blocks of any size. */
static void rows_are_appended_with_their_inner_events(void **state) {
    (void)state;
    struct dice d = dice_new();
    for (int turn = 0; turn < 200; turn++) {
        struct row_block *from = NULL, *to = NULL;
        const size_t n = 1 + below(&d, 300);
        size_t seconds = 0, second = 0;
        uint64_t rows = 0;
        if (!row_block_new(300, &from) || !row_block_new(1 + below(&d, 40), &to))
            abort();
        made_rows(from, below(&d, 1000), n);
        from->n_seconds = 0;
        for (size_t i = 0; i < n; i++)
            for (size_t k = below(&d, 8) == 0 ? below(&d, 17) : 0; k > 0 && from->n_seconds < from->second_capacity; k--)
                from->seconds[from->n_seconds++] = (struct inner_event){ i, from->photons->time_ns[i] + (int64_t)k };
        for (size_t i = 0; i < n; row_block_clear(to)) {
            const size_t some = row_block_append(to, from, i, &second);
            assert_true(some > 0 && to->n == some && to->photons->n == some);
            for (size_t k = 0; k < some; k++)
                assert_int_equal(to->photons->frame[k], from->photons->frame[i + k]);
            for (size_t k = 0; k < to->n_seconds; k++, seconds++) {
                assert_int_equal(to->seconds[k].row + i, from->seconds[seconds].row);
                assert_int_equal(to->seconds[k].time_ns, from->seconds[seconds].time_ns);
            }
            i += some;
            rows += some;
        }
        assert_int_equal(rows, n);
        assert_int_equal(seconds, from->n_seconds);
        row_block_free(from);
        row_block_free(to);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_those_of_one_thread),
        cmocka_unit_test(a_stalled_member_is_waited_for),
        cmocka_unit_test(rows_are_appended_with_their_inner_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
