#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "pulse/livetime.h"
#include "tests/dice.h"

enum { MAX_EVENTS = 24, MAX_POINTS = 5 };

static const int64_t real_time = INT64_C(1747000000000000000);  /* near 2^60.6 */

/* One pixel's history: up at events[0], down at events[n - 1], records between. */
struct history {
    struct livetime_table table;
    uint32_t n_points;
    int64_t start_ns[MAX_POINTS], end_ns[MAX_POINTS];
    unsigned n;
    int64_t events[MAX_EVENTS + 2];
};

struct result { int64_t rows[MAX_POINTS * N_LIVETIME_COLUMNS]; uint8_t grades[MAX_EVENTS + 2]; };

static struct livetime_table table_of(enum livetime_trigger trigger, double period_s, uint32_t n, uint32_t npre, double peak, double decay_s) {
    struct livetime_table t;
    const struct livetime_settings s = { trigger, period_s, n, npre, peak, decay_s };
    assert_int_equal(livetime_table_make(&s, &t), STATUS_OK);
    return t;
}

/* Events `steps` quanta apart on average, now and then a stamp that steps back; all times on the grid of the quantum. */
static struct history random_history(struct dice *d, const struct livetime_table *t, int64_t steps, bool steps_back) {
    struct history h = { .table = *t };
    int64_t q = t->quantum_ns, at = real_time;
    h.n = 2 + (unsigned)dice_below(d, MAX_EVENTS + 1);
    for (unsigned i = 0; i < h.n; i++) {
        h.events[i] = at;
        at += q * (1 + dice_below(d, 2 * steps));
        if (steps_back && i > 0 && i + 1 < h.n && dice_below(d, 6) == 0)
            at = h.events[i] - q * dice_below(d, steps);
    }
    at = real_time + q * (dice_below(d, steps) - steps / 2);
    h.n_points = (uint32_t)dice_below(d, MAX_POINTS + 1);
    for (uint32_t k = 0; k < h.n_points; k++) {
        h.start_ns[k] = at + q * dice_below(d, steps);
        h.end_ns[k] = at = h.start_ns[k] + q * (1 + dice_below(d, 5 * steps));
    }
    return h;
}

static struct livetime_sheet sheet_of(const struct history *h, struct result *r) {
    memset(r->grades, 99, sizeof r->grades);
    struct livetime_sheet s = { .table = &h->table, .n_points = h->n_points, .start_ns = h->start_ns, .end_ns = h->end_ns, .grade_time_ns = r->rows };
    livetime_sheet_reset(&s);
    return s;
}

static void note(struct result *r, struct livetime_graded g) {
    if (g.known)
        r->grades[g.row] = g.grade;
}

static void run_on(const struct history *h, const struct livetime_sheet *s, struct result *r) {
    struct livetime_pixel p = { .up = false };
    livetime_sheet_reset(s);
    livetime_pixel_up(&p, h->events[0]);
    for (unsigned i = 1; i + 1 < h->n; i++)
        note(r, livetime_pixel_event(&p, s, h->events[i], i));
    note(r, livetime_pixel_down(&p, s, h->events[h->n - 1]));
}

static void run(const struct history *h, struct result *r) {
    struct livetime_sheet s = sheet_of(h, r);
    run_on(h, &s, r);
}

/* ---- the definition ---- */

static int64_t anchor_after(const struct history *h, unsigned i) {
    int64_t anchor_ns = h->events[0];
    for (unsigned k = 1; k <= i; k++)
        anchor_ns = h->events[k] + h->table.blind_ns > anchor_ns ? h->events[k] + h->table.blind_ns : anchor_ns;
    return anchor_ns;
}

static unsigned column_at(const struct history *h, int64_t time_ns) {
    for (unsigned i = 0; i + 1 < h->n; i++)
        if (time_ns >= anchor_after(h, i) && time_ns < h->events[i + 1])
            return livetime_grade(&h->table, time_ns - anchor_after(h, i), h->events[i + 1] - time_ns);
    return LIVETIME_DEAD;
}

static void by_definition(const struct history *h, struct result *r) {
    memset(r, 0, sizeof *r);
    for (uint32_t k = 0; k < h->n_points; k++)
        for (int64_t s = h->start_ns[k]; s < h->end_ns[k]; s += h->table.quantum_ns)
            r->rows[k * N_LIVETIME_COLUMNS + column_at(h, s)] += h->table.quantum_ns;
}

static void assert_rows_close(const struct history *h, const struct result *r) {
    for (uint32_t k = 0; k < h->n_points; k++) {
        int64_t sum = 0;
        for (unsigned g = 0; g < N_LIVETIME_COLUMNS; g++) {
            assert_true(r->rows[k * N_LIVETIME_COLUMNS + g] >= 0);
            sum += r->rows[k * N_LIVETIME_COLUMNS + g];
        }
        assert_true(sum == h->end_ns[k] - h->start_ns[k]);
    }
}

static void assert_same(const struct history *h, const struct result *a, const struct result *b) {
    assert_memory_equal(a->rows, b->rows, h->n_points * N_LIVETIME_COLUMNS * sizeof *a->rows);
}

/* Both triggers; a quantum of 1 ns asks at every ns, one of 4 or 4.8 us counts photon slots on the sample grid. */
static struct livetime_table some_table(unsigned which) {
    static const struct { double period_s; uint32_t n, npre; double peak, decay_s; } shapes[] = {
        { 1e-9, 20, 8, 1.5, 5e-9 }, { 4e-6, 50, 20, 3.2, 50e-6 }, { 4.8e-6, 12, 3, 2, 0 }, { 1e-9, 8, 7, 4, 0 },
    };
    unsigned k = which / 2 % 4;
    return table_of(which % 2 ? LIVETIME_EDGE : LIVETIME_EDGE_MULTI, shapes[k].period_s, shapes[k].n, shapes[k].npre, shapes[k].peak, shapes[k].decay_s);
}

/* ---- tests ---- */

enum { MAX_VETOES = 6 };

static size_t random_vetoes(struct dice *d, const struct history *h, int64_t steps, struct time_span *out) {
    int64_t q = h->table.quantum_ns, at = real_time - q * steps;
    size_t n = (size_t)dice_below(d, MAX_VETOES + 1);
    for (size_t i = 0; i < n; i++) {
        int64_t start_ns = at + q * dice_below(d, 3 * steps);
        out[i] = (struct time_span){ start_ns, at = start_ns + q * (1 + dice_below(d, steps)) };
        at += q;
    }
    return n;
}

static bool within(const struct time_span *spans, size_t n, int64_t time_ns) {
    for (size_t i = 0; i < n; i++)
        if (time_ns >= spans[i].start_ns && time_ns < spans[i].end_ns)
            return true;
    return false;
}

/* Vetoed instants are dead, all others what they were; a gap removed later takes back no more than it gave. */
static void vetoed_time_is_dead(void **state) {
    (void)state;
    struct dice d = dice_new();
    for (unsigned round = 0; round < 1500; round++) {
        struct livetime_table t = some_table(round);
        int64_t steps = 5 + dice_below(&d, 40);
        struct history h = random_history(&d, &t, steps, false);
        struct time_span vetoes[MAX_VETOES];
        size_t n = random_vetoes(&d, &h, steps, vetoes);
        struct result got, want = { .rows = { 0 } };
        struct livetime_sheet s = sheet_of(&h, &got);
        s.vetoes = vetoes;
        s.n_vetoes = n;
        run_on(&h, &s, &got);
        for (uint32_t k = 0; k < h.n_points; k++)
            for (int64_t at = h.start_ns[k]; at < h.end_ns[k]; at += t.quantum_ns)
                want.rows[k * N_LIVETIME_COLUMNS + (within(vetoes, n, at) ? LIVETIME_DEAD : column_at(&h, at))] += t.quantum_ns;
        assert_same(&h, &got, &want);
        for (unsigned i = 0; i + 1 < h.n; i++)
            if (anchor_after(&h, i) < h.events[i + 1])
                livetime_remove(&s, anchor_after(&h, i), h.events[i + 1]);
        for (uint32_t k = 0; k < h.n_points; k++)
            assert_true(got.rows[k * N_LIVETIME_COLUMNS + LIVETIME_DEAD] == h.end_ns[k] - h.start_ns[k]);
    }
}

/* Time measured by instants: each counts in the grade that it would have got. */
static void instants_count_in_their_grades(void **state) {
    (void)state;
    enum { INSTANTS = 200 };
    struct dice d = dice_new();
    for (unsigned round = 0; round < 1500; round++) {
        struct livetime_table t = some_table(round);
        int64_t steps = 5 + dice_below(&d, 40), instants[INSTANTS], at = real_time - t.quantum_ns * steps;
        struct history h = random_history(&d, &t, steps, false);
        struct time_span vetoes[MAX_VETOES];
        for (int i = 0; i < INSTANTS; i++)
            instants[i] = at += t.quantum_ns * dice_below(&d, 6);
        struct result got, want = { .rows = { 0 } };
        struct livetime_sheet s = sheet_of(&h, &got);
        s.vetoes = vetoes;
        s.n_vetoes = random_vetoes(&d, &h, steps, vetoes);
        s.instants_ns = instants;
        s.n_instants = INSTANTS;
        run_on(&h, &s, &got);
        for (int i = 0; i < INSTANTS; i++)
            for (uint32_t k = 0; k < h.n_points; k++)
                if (instants[i] >= h.start_ns[k] && instants[i] < h.end_ns[k])
                    want.rows[k * N_LIVETIME_COLUMNS + (within(vetoes, s.n_vetoes, instants[i]) ? LIVETIME_DEAD : column_at(&h, instants[i]))]++;
        assert_same(&h, &got, &want);
    }
}

static void windows_are_those_of_the_table(void **state) {
    (void)state;
    struct livetime_table t = table_of(LIVETIME_EDGE_MULTI, 4e-6, 500, 125, 18.5, 400e-6);
    int64_t dt = 4000, b = 600 * dt, post = 375 * dt, clear = 56 * dt;
    static const uint8_t want[3][4] = {
        { LIVETIME_NONE, LIVETIME_NONE, LIVETIME_NONE, LIVETIME_NONE },
        { LIVETIME_NONE, LIVETIME_LOW, LIVETIME_LOW, LIVETIME_LOW },
        { LIVETIME_NONE, LIVETIME_LOW, LIVETIME_TAIL, LIVETIME_HIGH },
    };
    const int64_t edges[3] = { clear, post, b };
    for (int before = 0; before < 4; before++)
        for (int after = 0; after < 3; after++) {
            int64_t at_before = before == 0 ? 0 : edges[before - 1], at_after = after == 0 ? 0 : edges[after - 1];
            uint8_t grade = after == 1 && before == 3 ? LIVETIME_MID : want[after][before];
            assert_int_equal(livetime_grade(&t, at_before, at_after), grade);
            assert_int_equal(livetime_grade(&t, (before == 3 ? LIVETIME_NEVER : edges[before]) - 1, (after == 2 ? LIVETIME_NEVER : edges[after]) - 1), grade);
        }
    assert_int_equal(livetime_grade(&t, -1, LIVETIME_NEVER - 1), LIVETIME_NONE);
    assert_true(t.blind_ns == 0 && t.quantum_ns == 4000);
    t = table_of(LIVETIME_EDGE, 4e-6, 500, 250, 18.5, 400e-6);
    assert_true(t.blind_ns == (501 + 37) * dt);
    /* Half of the record before the trigger: the pulse before must be out of it by one decay. */
    assert_int_equal(livetime_grade(&t, 350 * dt - 1, post), LIVETIME_LOW);
    assert_int_equal(livetime_grade(&t, 350 * dt, post), LIVETIME_TAIL);
    t = table_of(LIVETIME_EDGE_MULTI, 4e-6, 500, 490, 2, 50e-6);   /* and where that is later than isolation, there is no such grade */
    for (int64_t before = 0; before < 600; before++)
        assert_int_not_equal(livetime_grade(&t, before * dt, post), LIVETIME_TAIL);
}

static void impossible_settings_are_refused(void **state) {
    (void)state;
    static const struct livetime_settings bad[] = {
        { LIVETIME_EDGE, 0, 500, 250, 10, 1e-3 },  { LIVETIME_EDGE, NAN, 500, 250, 10, 1e-3 }, { LIVETIME_EDGE, 4e-6, 0, 0, 0, 1e-3 },     { LIVETIME_EDGE, 4e-6, 500, 500, 10, 1e-3 },
        { LIVETIME_EDGE, 4e-6, 500, 250, -1, 1 },  { LIVETIME_EDGE, 4e-6, 500, 250, 501, 1 },  { LIVETIME_EDGE, 4e-6, 500, 250, 10, -1 },  { LIVETIME_EDGE, 4e-6, 500, 250, 10, NAN },
    };
    struct livetime_table t = { .quantum_ns = 77 };
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
        assert_int_equal(livetime_table_make(&bad[k], &t), STATUS_BAD_VALUE);
    assert_true(t.quantum_ns == 77);
}

static void rows_sum_to_the_dwell(void **state) {
    (void)state;
    struct dice d = dice_new();
    for (unsigned round = 0; round < 100000; round++) {
        struct livetime_table t = some_table(round);
        struct history h = random_history(&d, &t, 5 + dice_below(&d, 60), round % 3 == 0);
        struct result r;
        run(&h, &r);
        assert_rows_close(&h, &r);
    }
}

static void times_and_grades_equal_the_definition(void **state) {
    (void)state;
    struct dice d = dice_new();
    for (unsigned round = 0; round < 1500; round++) {
        struct livetime_table t = some_table(round);
        struct history h = random_history(&d, &t, 5 + dice_below(&d, 40), round % 3 == 0);
        struct result got, want;
        run(&h, &got);
        by_definition(&h, &want);
        assert_same(&h, &got, &want);
        for (unsigned i = 1; i + 1 < h.n; i++)
            assert_int_equal(got.grades[i], livetime_grade(&t, h.events[i] - anchor_after(&h, i - 1), h.events[i + 1] - h.events[i]));
    }
}

/* A watermark that moves on between events, as live: the same integers and grades as without. */
static void a_watermark_changes_no_number(void **state) {
    (void)state;
    struct dice d = dice_new();
    for (unsigned round = 0; round < 5000; round++) {
        struct livetime_table t = some_table(round);
        struct history h = random_history(&d, &t, 5 + dice_below(&d, 60), false);
        struct result replay, live;
        run(&h, &replay);
        struct livetime_sheet s = sheet_of(&h, &live);
        struct livetime_pixel p = { .up = false };
        livetime_pixel_up(&p, h.events[0]);
        for (unsigned i = 1; i < h.n; i++) {
            for (int64_t mark = h.events[i - 1]; mark < h.events[i]; mark += 1 + dice_below(&d, h.events[i] - h.events[i - 1])) {
                note(&live, livetime_pixel_advance(&p, &s, mark));
                assert_rows_close(&h, &live);
            }
            note(&live, i + 1 < h.n ? livetime_pixel_event(&p, &s, h.events[i], i) : livetime_pixel_down(&p, &s, h.events[i]));
        }
        assert_same(&h, &live, &replay);
        assert_memory_equal(live.grades, replay.grades, sizeof live.grades);
    }
}

/* Events that count together where they can: the same integers, grades, and the longest gap by their definition. */
static void runs_change_no_number(void **state) {
    (void)state;
    struct dice d = dice_new();
    size_t together = 0;
    for (unsigned round = 0; round < 5000; round++) {
        struct livetime_table t = some_table(round);
        struct history h = random_history(&d, &t, 5 + dice_below(&d, 400), dice_below(&d, 3) == 0);
        struct result want, got;
        run(&h, &want);
        struct livetime_sheet s = sheet_of(&h, &got);
        struct livetime_pixel p = { .up = false };
        livetime_pixel_up(&p, h.events[0]);
        for (unsigned i = 1; i + 1 < h.n;) {
            const int64_t most_ns = dice_below(&d, 3) ? LIVETIME_NEVER : t.long_ns + dice_below(&d, 100) * t.quantum_ns, until_ns = dice_below(&d, 3) ? LIVETIME_NEVER : h.events[i];
            const size_t n = 1 + (size_t)dice_below(&d, h.n - 1 - i);
            int64_t anchor_ns = p.anchor_ns, longest_ns = 0;
            const struct livetime_run r = livetime_pixel_run(&p, &s, h.events + i, n, until_ns, most_ns, i, got.grades + i);
            note(&got, r.before);
            assert_true(r.n <= n);
            for (size_t k = 0; k <= r.n && k < n; k++) {   /* what ended it is the first that has to */
                const int64_t time_ns = h.events[i + k], gap_ns = time_ns - anchor_ns;
                assert_true((k < r.n) == (time_ns <= until_ns && gap_ns <= most_ns));
                longest_ns = k < r.n && gap_ns > longest_ns ? gap_ns : longest_ns;
                anchor_ns = time_ns + t.blind_ns > anchor_ns ? time_ns + t.blind_ns : anchor_ns;
            }
            assert_true(r.longest_ns == longest_ns);
            if (r.n == 0) {
                note(&got, livetime_pixel_event(&p, &s, h.events[i], i));
                i++;
                continue;
            }
            together += r.n;
            i += (unsigned)r.n;
        }
        note(&got, livetime_pixel_down(&p, &s, h.events[h.n - 1]));
        assert_same(&h, &got, &want);
        assert_memory_equal(got.grades, want.grades, sizeof got.grades);
    }
    assert_true(together > 1000);
}

/* Some events missing at first and inserted later, in any order: the same integers as all in their order. */
static void late_events_change_no_number(void **state) {
    (void)state;
    struct dice d = dice_new();
    for (unsigned round = 0; round < 5000; round++) {
        struct livetime_table t = some_table(round);
        struct history h = random_history(&d, &t, 5 + dice_below(&d, 60), false), seen = h;
        struct result want, got;
        run(&h, &want);
        bool here[MAX_EVENTS + 2] = { false };
        seen.n = 0;
        for (unsigned i = 0; i < h.n; i++)
            if (i == 0 || i + 1 == h.n || dice_below(&d, 2)) {
                here[i] = true;
                seen.events[seen.n++] = h.events[i];
            }
        run(&seen, &got);
        struct livetime_sheet s = { .table = &h.table, .n_points = h.n_points, .start_ns = h.start_ns, .end_ns = h.end_ns, .grade_time_ns = got.rows };
        for (unsigned missing = h.n - seen.n; missing > 0; missing--) {
            unsigned i, before, after;
            do
                i = (unsigned)dice_below(&d, h.n);
            while (here[i]);
            for (before = i - 1; !here[before]; before--)
                continue;
            for (after = i + 1; !here[after]; after++)
                continue;
            int64_t anchor_ns = h.events[0];
            for (unsigned k = 1; k <= before; k++)
                if (here[k] && h.events[k] + t.blind_ns > anchor_ns)
                    anchor_ns = h.events[k] + t.blind_ns;
            livetime_insert(&s, anchor_ns, h.events[i], h.events[after]);
            here[i] = true;
        }
        assert_same(&h, &got, &want);
    }
}

/* Two shards in time: the first knows the event beyond the cut, the second begins with that event's anchor. */
static void shards_in_time_add(void **state) {
    (void)state;
    struct dice d = dice_new();
    for (unsigned round = 0; round < 2000; round++) {
        struct livetime_table t = some_table(round);
        struct history h = random_history(&d, &t, 5 + dice_below(&d, 60), false), first = h, second = h;
        if (h.n < 3)
            continue;
        unsigned cut = 1 + (unsigned)dice_below(&d, h.n - 2);
        first.n = cut + 1;
        second.n = h.n - cut;
        memmove(second.events, h.events + cut, second.n * sizeof *h.events);
        second.events[0] = anchor_after(&h, cut);
        struct result whole, a, b;
        run(&h, &whole);
        run(&first, &a);
        run(&second, &b);
        for (uint32_t k = 0; k < h.n_points; k++)
            for (unsigned g = 0; g < LIVETIME_DEAD; g++)
                assert_true(a.rows[k * N_LIVETIME_COLUMNS + g] + b.rows[k * N_LIVETIME_COLUMNS + g] == whole.rows[k * N_LIVETIME_COLUMNS + g]);
    }
}

/* A gap taken back is dead, and the rest as if the pixel had been down in it. */
static void removed_gaps_are_dead(void **state) {
    (void)state;
    struct dice d = dice_new();
    for (unsigned round = 0; round < 3000; round++) {
        struct livetime_table t = some_table(round);
        struct history h = random_history(&d, &t, 5 + dice_below(&d, 60), false);
        if (h.n < 3)
            continue;
        struct result got, first, rest;
        run(&h, &got);
        unsigned k = 1 + (unsigned)dice_below(&d, h.n - 2);
        struct history before = h, after = h;
        before.n = k + 1;
        after.n = h.n - k - 1;
        memmove(after.events, h.events + k + 1, after.n * sizeof *h.events);
        after.events[0] = anchor_after(&h, k + 1);
        run(&before, &first);
        if (after.n > 1)
            run(&after, &rest);
        struct livetime_sheet s = { .table = &h.table, .n_points = h.n_points, .start_ns = h.start_ns, .end_ns = h.end_ns, .grade_time_ns = got.rows };
        if (anchor_after(&h, k) < h.events[k + 1])
            livetime_remove(&s, anchor_after(&h, k), h.events[k + 1]);
        assert_rows_close(&h, &got);
        for (uint32_t i = 0; i < h.n_points; i++)
            for (unsigned g = 0; g < LIVETIME_DEAD; g++) {
                size_t cell = i * N_LIVETIME_COLUMNS + g;
                assert_true(got.rows[cell] == first.rows[cell] + (after.n > 1 ? rest.rows[cell] : 0));
            }
    }
}

/* A pulse seen inside the record of another ends what came before it, and blinds nobody. */
static void second_pulses_only_end_gaps(void **state) {
    (void)state;
    struct livetime_table t = table_of(LIVETIME_EDGE, 1e-9, 20, 8, 2, 5e-9);
    struct history h = { .table = t, .n_points = 1, .start_ns = { real_time }, .end_ns = { real_time + 300 } };
    struct result with, without;
    struct livetime_sheet a = sheet_of(&h, &with);
    struct livetime_pixel p = { .up = false };
    livetime_pixel_up(&p, real_time);
    livetime_pixel_event(&p, &a, real_time + 50, 7);
    struct livetime_graded g = livetime_pixel_second(&p, &a, real_time + 60);
    assert_true(g.known && g.row == 7 && g.grade == LIVETIME_MID);
    assert_false(livetime_pixel_second(&p, &a, real_time + 61).known);
    livetime_pixel_down(&p, &a, real_time + 300);
    struct livetime_sheet b = sheet_of(&h, &without);
    p = (struct livetime_pixel){ .up = false };
    livetime_pixel_up(&p, real_time);
    livetime_pixel_event(&p, &b, real_time + 50, 7);
    livetime_pixel_down(&p, &b, real_time + 300);
    assert_memory_equal(with.rows, without.rows, N_LIVETIME_COLUMNS * sizeof *with.rows);
}

/* Events exactly on window and point edges, run start inside a point, a point shorter than any window, an empty pixel. */
static void edges_belong_to_one_side(void **state) {
    (void)state;
    struct livetime_table t = table_of(LIVETIME_EDGE_MULTI, 1e-9, 20, 8, 2, 5e-9);  /* clear 6, post 12, out of the record 13, isolated 30 */
    struct history h = { .table = t, .n_points = 3, .n = 3 };
    const int64_t zero = real_time;
    memcpy(h.start_ns, (int64_t[]){ zero - 10, zero + 41, zero + 90 }, 3 * sizeof(int64_t));
    memcpy(h.end_ns, (int64_t[]){ zero + 40, zero + 43, zero + 200 }, 3 * sizeof(int64_t));
    memcpy(h.events, (int64_t[]){ zero, zero + 42, zero + 84 }, 3 * sizeof(int64_t));
    struct result r;
    run(&h, &r);
    const int64_t *row = r.rows;
    /* Up at 0, event at 42: one instant (30) is high: before 30, after 12. */
    assert_true(row[LIVETIME_HIGH] == 1 && row[LIVETIME_MID] == 6 && row[LIVETIME_TAIL] == 17 && row[LIVETIME_LOW] == 7);
    assert_true(row[LIVETIME_NONE] == 6 + 3 && row[LIVETIME_DEAD] == 10);
    row += N_LIVETIME_COLUMNS;
    assert_true(row[LIVETIME_NONE] == 2 && row[LIVETIME_DEAD] == 0);
    row += N_LIVETIME_COLUMNS;
    assert_true(row[LIVETIME_DEAD] == 110);
    assert_int_equal(r.grades[1], LIVETIME_HIGH);
    h.events[1]--;
    run(&h, &r);
    assert_int_equal(r.rows[LIVETIME_HIGH], 0);
    struct livetime_pixel never_up = { .up = false };
    struct livetime_sheet s = sheet_of(&h, &r);
    assert_false(livetime_pixel_advance(&never_up, &s, zero + 1000).known);
    assert_false(livetime_pixel_event(&never_up, &s, zero + 5, 3).known);
    struct livetime_graded g = livetime_pixel_down(&never_up, &s, zero + 500);
    assert_true(g.known && g.row == 3 && g.grade == LIVETIME_NONE);
    for (uint32_t k = 0; k < 3; k++)
        assert_true(r.rows[k * N_LIVETIME_COLUMNS + LIVETIME_DEAD] == h.end_ns[k] - h.start_ns[k]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_those_of_the_table),
        cmocka_unit_test(impossible_settings_are_refused),
        cmocka_unit_test(rows_sum_to_the_dwell),
        cmocka_unit_test(times_and_grades_equal_the_definition),
        cmocka_unit_test(a_watermark_changes_no_number), cmocka_unit_test(runs_change_no_number),
        cmocka_unit_test(late_events_change_no_number),
        cmocka_unit_test(shards_in_time_add),
        cmocka_unit_test(removed_gaps_are_dead),
        cmocka_unit_test(second_pulses_only_end_gaps),
        cmocka_unit_test(edges_belong_to_one_side),
        cmocka_unit_test(vetoed_time_is_dead),
        cmocka_unit_test(instants_count_in_their_grades),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
