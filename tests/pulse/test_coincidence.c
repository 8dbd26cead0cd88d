/* Vetoed spans against their definition, and what they do to rates: with their time taken out of live time none, without it, or with a
 * pixel's own events counted, too much (doc/methods.md, Live time). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pulse/coincidence.h"
#include "pulse/livetime.h"
#include "tests/dice.h"

/* ---- the definition ---- */

enum { PIXELS = 5, MAX_EVENTS = 40 };

struct array { size_t n; int64_t time_ns[MAX_EVENTS]; uint32_t pixel[MAX_EVENTS]; };

static uint32_t others_near(const struct array *a, uint32_t pixel, int64_t at, int64_t window) {
    bool seen[PIXELS] = { false };
    uint32_t n = 0;
    for (size_t i = 0; i < a->n; i++)
        if (a->pixel[i] != pixel && a->time_ns[i] > at - window && a->time_ns[i] <= at + window && !seen[a->pixel[i]]) {
            seen[a->pixel[i]] = true;
            n++;
        }
    return n;
}

static bool vetoed(const struct array *a, const struct coincidence_settings *s, uint32_t pixel, int64_t at) {
    for (int64_t back = 0; back <= s->hold_ns; back++)
        if (others_near(a, pixel, at - back, s->window_ns) >= s->others)
            return true;
    return false;
}

static bool within(const struct time_spans *spans, int64_t at) {
    size_t k = time_span_after(spans->list, spans->n, at);
    return k < spans->n && at >= spans->list[k].start_ns;
}

static struct array random_array(struct dice *d) {
    struct array a = { .n = (size_t)dice_below(d, MAX_EVENTS + 1) };
    static const int64_t steps[] = { 1, 2, 3, 6, 12 };
    int64_t at = 1000, step = steps[dice_below(d, 5)];
    for (size_t i = 0; i < a.n; i++) {
        a.time_ns[i] = at += dice_below(d, step);
        a.pixel[i] = (uint32_t)dice_below(d, PIXELS);
    }
    return a;
}

static void spans_equal_the_definition(void **state) {
    (void)state;
    struct dice d = dice_new();
    for (int round = 0; round < 2000; round++) {
        struct coincidence_settings s = { PIXELS, 1 + (uint32_t)dice_below(&d, 3), 1 + dice_below(&d, 12), round % 2 ? dice_below(&d, 6) : 0 };
        struct array a = random_array(&d);
        struct coincidence *c;
        assert_int_equal(coincidence_new(&s, &c), STATUS_OK);
        for (size_t i = 0; i < a.n; i++)
            assert_true(coincidence_add(c, a.time_ns[i], a.pixel[i]));
        assert_true(coincidence_settle(c));
        for (uint32_t p = 0; p < PIXELS; p++) {
            int64_t own[MAX_EVENTS];
            size_t n = 0;
            for (size_t i = 0; i < a.n; i++)
                if (a.pixel[i] == p)
                    own[n++] = a.time_ns[i];
            struct time_spans spans = { 0 };
            assert_true(coincidence_spans(c, own, n, &spans));
            for (int64_t at = 950; at < 1500; at++)
                assert_int_equal(within(&spans, at), vetoed(&a, &s, p, at));
            time_spans_done(&spans);
        }
        coincidence_free(c);
    }
}

static void impossible_settings_are_refused(void **state) {
    (void)state;
    static const struct coincidence_settings bad[] = { { 0, 1, 1, 0 }, { 1, 0, 1, 0 }, { 1, 1, 0, 0 }, { 1, 1, 1, -1 } };
    struct coincidence *c = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(coincidence_new(&bad[i], &c), STATUS_BAD_VALUE);
    coincidence_free(c);
}

/* ---- rates ---- */

/* Photons at a common rate, and showers that fire many pixels at once; what is counted is isolated photons that are not vetoed. */
enum { ARRAY = 32, SHARE_PERCENT = 40 };
static const double photon_Hz = 90, shower_Hz = 3, duration_s = 200;
static const int64_t zero = INT64_C(1747000000000000000), slot_ns = 4000;

struct event { int64_t time_ns; uint32_t pixel; bool shower; };

struct trial {
    struct event *events;
    size_t n;
    double counted, live_s, dead_unaware_s, showers_counted;
};

static int by_time(const void *va, const void *vb) {
    const struct event *a = va, *b = vb;
    int c = (a->time_ns > b->time_ns) - (a->time_ns < b->time_ns);
    return c != 0 ? c : (a->pixel > b->pixel) - (a->pixel < b->pixel);
}

static double draw_exponential(struct dice *d) {
    return -log(1 - dice_unit(d));
}

static void add(struct trial *t, double at_s, uint32_t pixel, bool shower) {
    t->events[t->n++] = (struct event){ zero + llround(at_s * 1e9 / (double)slot_ns) * slot_ns, pixel, shower };
}

static struct trial draw_trial(struct dice *d) {
    struct trial t = { .events = malloc((size_t)(2 * duration_s * ARRAY * (photon_Hz + shower_Hz)) * sizeof *t.events) };
    assert_non_null(t.events);
    for (uint32_t p = 0; p < ARRAY; p++)
        for (double at = draw_exponential(d) / photon_Hz; at < duration_s; at += draw_exponential(d) / photon_Hz)
            add(&t, at, p, false);
    for (double at = draw_exponential(d) / shower_Hz; at < duration_s; at += draw_exponential(d) / shower_Hz)
        for (uint32_t p = 0; p < ARRAY; p++)
            if (dice_below(d, 100) < SHARE_PERCENT)
                add(&t, at, p, true);
    qsort(t.events, t.n, sizeof *t.events, by_time);
    return t;
}

struct counting { struct trial *trial; const struct event *last; const struct time_spans *vetoes; };

static void count(struct counting *c, struct livetime_graded g) {
    if (!g.known || g.grade != LIVETIME_HIGH)
        return;
    const struct event *e = &c->trial->events[g.row];
    if (!within(c->vetoes, e->time_ns)) {
        c->trial->counted += !e->shower;
        c->trial->showers_counted += e->shower;
    }
}

/* own: the pixel's own events are taken for others' (wrong on purpose). */
static void count_pixel(struct trial *t, const struct coincidence *c, uint32_t pixel, bool own) {
    static const struct livetime_settings settings = { LIVETIME_EDGE_MULTI, 4e-6, 500, 250, 18.5, 400e-6 };
    struct livetime_table table;
    assert_int_equal(livetime_table_make(&settings, &table), STATUS_OK);
    int64_t *times = malloc((t->n + 1) * sizeof *times), rows[N_LIVETIME_COLUMNS], blind[N_LIVETIME_COLUMNS], end = zero + llround(duration_s * 1e9);
    struct time_spans vetoes = { 0 };
    size_t n = 0;
    assert_non_null(times);
    for (size_t i = 0; i < t->n; i++)
        if (t->events[i].pixel == pixel)
            times[n++] = t->events[i].time_ns;
    assert_true(coincidence_spans(c, times, own ? 0 : n, &vetoes));
    struct livetime_sheet unaware = { .table = &table, .n_points = 1, .start_ns = &zero, .end_ns = &end, .grade_time_ns = blind }, sheet = unaware;
    sheet.grade_time_ns = rows;
    sheet.vetoes = vetoes.list;
    sheet.n_vetoes = vetoes.n;
    struct livetime_pixel a = { .up = false }, b = { .up = false };
    struct counting counting = { .trial = t, .vetoes = &vetoes };
    livetime_sheet_reset(&sheet);
    livetime_sheet_reset(&unaware);
    livetime_pixel_up(&a, zero);
    livetime_pixel_up(&b, zero);
    for (size_t i = 0; i < t->n; i++)
        if (t->events[i].pixel == pixel) {
            count(&counting, livetime_pixel_event(&a, &sheet, t->events[i].time_ns, i));
            livetime_pixel_event(&b, &unaware, t->events[i].time_ns, i);
        }
    count(&counting, livetime_pixel_down(&a, &sheet, end));
    livetime_pixel_down(&b, &unaware, end);
    t->live_s += 1e-9 * (double)rows[LIVETIME_HIGH];
    t->dead_unaware_s += 1e-9 * (double)blind[LIVETIME_HIGH];
    time_spans_done(&vetoes);
    free(times);
}

static void count_trial(struct trial *t, bool own) {
    static const struct coincidence_settings settings = { ARRAY, 2, 50000, 0 };
    struct coincidence *c;
    assert_int_equal(coincidence_new(&settings, &c), STATUS_OK);
    for (size_t i = 0; i < t->n; i++)
        assert_true(coincidence_add(c, t->events[i].time_ns, t->events[i].pixel));
    assert_true(coincidence_settle(c));
    t->counted = t->showers_counted = t->live_s = t->dead_unaware_s = 0;
    for (uint32_t p = 0; p < ARRAY; p++)
        count_pixel(t, c, p, own);
    coincidence_free(c);
}

/* kappa of isolated photons: close pairs are lost together. */
static double sigma_of(const struct trial *t) {
    double window_s = 1e-3;   /* the shorter one: npost */
    return sqrt((1 + 2 * photon_Hz * window_s) / t->counted);
}

static void rates_stay_true_when_the_veto_costs_live_time(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct trial t = draw_trial(&d);
    count_trial(&t, false);
    double sigma = sigma_of(&t), bias = t.counted / t.live_s / photon_Hz - 1, unaware = t.counted / t.dead_unaware_s / photon_Hz - 1;
    double showers = t.showers_counted / t.counted;
    count_trial(&t, true);
    double common = t.counted / t.dead_unaware_s / photon_Hz - 1;
    printf("array veto: rate %+.2f +- %.2f %%, its time not taken out %+.2f %%, own events in the list as well %+.2f %%, showers left %.4f %%\n", 100 * bias,
           100 * sigma, 100 * unaware, 100 * common, 100 * showers);
    assert_true(fabs(bias) < 3 * sigma);
    assert_true(unaware < -4 * sigma);
    assert_true(common < unaware);
    assert_true(showers < 1e-3);
    free(t.events);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_equal_the_definition),
        cmocka_unit_test(impossible_settings_are_refused),
        cmocka_unit_test(rates_stay_true_when_the_veto_costs_live_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
