#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/record_spool.h"
#include "tests/dice.h"

enum { PIXELS = 5, SAMPLES = 100, RECORDS = 4000, HEAD_BYTES = 40 };

static int64_t frame_of(uint32_t k) { return 10 + 300 * (int64_t)k; }
static uint16_t sample_of(uint32_t pixel, uint32_t k, uint32_t i) { return (uint16_t)(pixel * 7000 + k * 3 + i * 11); }

static void fill(struct record_block *b, uint16_t pixel, uint32_t k) {
    uint16_t samples[SAMPLES];
    for (uint32_t i = 0; i < SAMPLES; i++)
        samples[i] = sample_of(pixel, k, i);
    const struct block_record row = { .time_ns = INT64_C(1790000000000000000) + frame_of(k) * 10000, .frame = frame_of(k), .n_samples = SAMPLES, .n_presamples = 20,
                                      .sample_period_s = 1e-5f, .pixel = pixel, .channel_index = pixel };
    record_block_clear(b);
    assert_true(record_block_add(b, &row, samples));
}

/* Every record once, in order, with its samples; as often as wanted. */
static uint64_t check_walk(struct record_spool *s, uint32_t pixel, const uint32_t *groups, size_t n_groups) {
    struct spool_part parts[2];
    for (size_t i = 0; i < n_groups; i++)
        parts[i] = (struct spool_part){ groups[i], INT64_MIN, INT64_MAX };
    struct record_walk w;
    struct channel_record r;
    uint64_t n = 0;
    assert_true(record_spool_walk(s, pixel, parts, n_groups, &w));
    for (int pass = 0; pass < 2; pass++, w.rewind(w.context)) {
        int64_t last = -1;
        for (n = 0; w.next(w.context, &r); n++) {
            uint32_t k = (uint32_t)((r.frame - 10) / 300);
            assert_true(r.frame > last);
            assert_int_equal(r.samples.n_samples, SAMPLES);
            for (uint32_t i = 0; i < SAMPLES; i += 9)
                assert_int_equal(r.samples.samples[i], sample_of(pixel, k, i));
            last = r.frame;
        }
        assert_int_equal(n, w.records);
    }
    w.close(w.context);
    return n;
}

/* Pixels in any order, records late now and then, as files bring them; two groups in turn. */
static void test_walk(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct record_spool *s;
    struct record_block *b;
    uint32_t given[2][PIXELS] = { { 0 } }, at[PIXELS] = { 0 }, groups[2];
    assert_true(record_spool_new("/tmp", PIXELS, 64 << 20, NULL, &s));
    assert_true(record_block_new(1, SAMPLES, &b));
    groups[0] = record_spool_begin(s);
    groups[1] = record_spool_begin(s);
    for (int i = 0; i < RECORDS; i++) {
        uint16_t pixel = (uint16_t)dice_below(&d, PIXELS - 1);   /* the last one is silent */
        uint32_t k = at[pixel]++, g = i > RECORDS / 3 && i < RECORDS / 2;
        record_spool_resume(s, groups[g]);
        fill(b, pixel, k % 5 == 3 ? k + 1 : k % 5 == 4 ? k - 1 : k);
        assert_true(record_spool_add(s, b, 0));
        given[g][pixel]++;
    }
    uint64_t all = 0;
    for (uint32_t p = 0; p < PIXELS; p++) {
        uint64_t n0 = check_walk(s, p, &groups[0], 1), n1 = check_walk(s, p, &groups[1], 1);
        assert_int_equal(n0, given[0][p]);
        assert_int_equal(n1, given[1][p]);
        assert_int_equal(check_walk(s, p, groups, 2), n0 + n1);
        all += n0;
    }
    assert_int_equal(record_spool_records(s, groups[0]), all);
    struct record_walk w;
    const int64_t from_ns = INT64_C(1790000000000000000) + frame_of(100) * 10000, until_ns = INT64_C(1790000000000000000) + frame_of(120) * 10000;
    assert_true(record_spool_walk(s, 0, &(struct spool_part){ groups[0], from_ns, until_ns }, 1, &w));
    assert_int_equal(w.records, 20);
    w.close(w.context);
    record_spool_forget(s, groups[0]);
    assert_false(record_spool_holds(s, groups[0]));
    assert_int_equal(check_walk(s, 0, groups, 2), given[1][0]);
    assert_int_equal(record_spool_refused(s), 0);
    record_block_free(b);
    record_spool_free(s);
}

/* A full spool forgets the oldest group, then refuses; memory and file stay bounded. */
static void test_bounded(void **state) {
    (void)state;
    struct record_spool *s;
    struct record_block *b;
    assert_true(record_spool_new("/tmp", PIXELS, 6 * SPOOL_CHUNK, NULL, &s));
    assert_true(record_block_new(1, SAMPLES, &b));
    uint32_t first = record_spool_begin(s), per_chunk = SPOOL_CHUNK / (HEAD_BYTES + 2 * SAMPLES), kept = 0;
    for (uint32_t k = 0; k < 3 * per_chunk; k++) {
        fill(b, 1, k);
        assert_true(record_spool_add(s, b, 0));
    }
    uint32_t second = record_spool_begin(s);
    for (uint32_t k = 0; k < 10 * per_chunk; k++) {
        fill(b, 2, k);
        kept += record_spool_add(s, b, 0);
    }
    assert_false(record_spool_holds(s, first));
    assert_true(record_spool_holds(s, second));
    assert_in_range(kept, 6 * per_chunk, 7 * per_chunk + 7);
    assert_int_equal(record_spool_refused(s), 10 * per_chunk - kept);
    assert_int_equal(check_walk(s, 2, &second, 1), kept);
    record_block_free(b);
    record_spool_free(s);
}

/* Frozen, a walk sees what was there, whatever is added or forgotten meanwhile; a full file then refuses rather than forgets. */
static void test_frozen(void **state) {
    (void)state;
    struct record_spool *s;
    struct record_block *b;
    assert_true(record_spool_new("/tmp", PIXELS, 6 * SPOOL_CHUNK, NULL, &s));
    assert_true(record_block_new(1, SAMPLES, &b));
    uint32_t first = record_spool_begin(s), per_chunk = SPOOL_CHUNK / (HEAD_BYTES + 2 * SAMPLES);
    for (uint32_t k = 0; k < 3 * per_chunk / 2; k++) {
        fill(b, 1, k);
        assert_true(record_spool_add(s, b, 0));
    }
    assert_true(record_spool_freeze(s));
    uint32_t second = record_spool_begin(s), kept = 0;
    for (uint32_t k = 0; k < 10 * per_chunk; k++) {
        fill(b, 1, k);
        kept += record_spool_add(s, b, 0);
    }
    record_spool_forget(s, first);
    assert_true(record_spool_holds(s, first));
    assert_int_equal(check_walk(s, 1, (const uint32_t[]){ first, second }, 2), 3 * per_chunk / 2);
    assert_in_range(kept, 4 * per_chunk, 5 * per_chunk + 7);
    assert_int_equal(record_spool_refused(s), 10 * per_chunk - kept);
    record_spool_thaw(s);
    assert_false(record_spool_holds(s, first));
    assert_int_equal(check_walk(s, 1, (const uint32_t[]){ first, second }, 2), kept);
    record_block_free(b);
    record_spool_free(s);
}

/* ---- OFF ---- */

enum { BASES = 3 };

static struct channel_shape shape_of(const double *basis) {
    return (struct channel_shape){ .coefficients = true, .n_samples = SAMPLES, .n_presamples = 20, .sample_period_s = 1e-5, .n_bases = BASES, .basis = basis };
}

static struct off_record off_of(uint32_t k) {
    struct off_record r = { .n_samples = k % 7 == 0 ? SAMPLES - 10 : SAMPLES, .n_presamples = 20, .frame = frame_of(k), .time_ns = 17 + (int64_t)k, .pretrigger_mean = (float)k, .residual_sd = 0.5f * (float)k };
    for (int j = 0; j < BASES; j++)
        r.coefficients[j] = (float)(k * 10 + (uint32_t)j);
    return r;
}

static void fill_off(struct record_block *b, uint16_t pixel, uint32_t k, uint32_t basis) {
    const struct off_record off = off_of(k);
    const struct block_record row = { .time_ns = INT64_C(1790000000000000000) + frame_of(k) * 10000, .frame = frame_of(k), .n_samples = off.n_samples, .n_presamples = 20, .sample_period_s = 1e-5f,
                                      .basis = basis, .pixel = pixel, .channel_index = pixel };
    record_block_clear(b);
    assert_true(record_block_add_off(b, &row, &off));
}

/* Coefficients from..to - 1, all of the basis. */
static void check_coefficients(struct record_spool *s, uint32_t group, uint32_t from, uint32_t to, const double *basis) {
    const struct spool_part part = { group, INT64_MIN, INT64_MAX };
    struct record_walk w;
    struct channel_record r;
    assert_true(record_spool_walk(s, 1, &part, 1, &w));
    assert_true(w.shape.coefficients && w.shape.n_bases == BASES && w.shape.n_samples == SAMPLES && w.shape.n_presamples == 20 && w.shape.sample_period_s == 1e-5);
    assert_memory_equal(w.shape.basis, basis, SAMPLES * BASES * sizeof *basis);
    uint32_t k = from;
    for (; w.next(w.context, &r); k++) {
        const struct off_record want = off_of(k);
        assert_true(r.coefficients && r.frame == frame_of(k));
        assert_memory_equal(&r.off, &want, sizeof want);
    }
    assert_int_equal(k, to);
    w.close(w.context);
}

/* Coefficients are walked with their basis, whatever length their records say; where there are more samples, those; of two bases the last one's; none
 * of a basis that nobody knows any more. */
static void test_coefficients(void **state) {
    (void)state;
    struct record_spool *s;
    struct record_block *b;
    struct off_bases *bases;
    double basis[2][SAMPLES * BASES];
    uint32_t number[2];
    assert_true(off_bases_new(&bases));
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < SAMPLES * BASES; i++)
            basis[k][i] = k + 0.25 * i;
        const struct channel_shape shape = shape_of(basis[k]);
        number[k] = off_bases_put(bases, 3, &shape);
    }
    assert_true(record_spool_new("/tmp", PIXELS, 64 << 20, bases, &s));
    assert_true(record_block_new(1, 4 * SAMPLES, &b));
    const uint32_t first = record_spool_begin(s);
    for (uint32_t k = 0; k < 1000; k++) {   /* one in ten came by port */
        if (k % 10 == 5)
            fill(b, 1, k);
        else
            fill_off(b, 1, k % 10 == 8 ? k + 1 : k % 10 == 9 ? k - 1 : k, number[0]);
        assert_true(record_spool_add(s, b, 0));
    }
    fill_off(b, 1, 1000, 0);
    assert_false(record_spool_add(s, b, 0));
    assert_int_equal(record_spool_refused(s), 1);
    assert_int_equal(record_spool_n_samples(s, 1), SAMPLES);   /* of those by port */
    const struct spool_part part = { first, INT64_MIN, INT64_MAX };
    struct record_walk w;
    struct channel_record r;
    assert_true(record_spool_walk(s, 1, &part, 1, &w));
    assert_true(w.shape.coefficients && w.records == 900);
    for (uint64_t n = 0; n < 900; n++) {
        assert_true(w.next(w.context, &r) && r.coefficients);
        const struct off_record want = off_of((uint32_t)((r.frame - 10) / 300));
        assert_memory_equal(&r.off, &want, sizeof want);
    }
    assert_false(w.next(w.context, &r));
    w.close(w.context);
    const uint32_t second = record_spool_begin(s);
    for (uint32_t k = 0; k < 100; k++) {
        fill_off(b, 1, k, number[k >= 60]);
        assert_true(record_spool_add(s, b, 0));
    }
    check_coefficients(s, second, 60, 100, basis[1]);
    for (uint32_t k = 0; k < 60; k++) {   /* now there are more samples */
        fill(b, 1, 100 + k);
        assert_true(record_spool_add(s, b, 0));
        fill(b, 1, 200 + k);
        assert_true(record_spool_add(s, b, 0));
    }
    assert_int_equal(check_walk(s, 1, &second, 1), 120);
    for (int k = 0; k < OFF_BASES_KEPT; k++) {
        basis[0][0] = 1000 + k;
        const struct channel_shape shape = shape_of(basis[0]);
        off_bases_put(bases, 3, &shape);
    }
    assert_true(record_spool_walk(s, 1, &part, 1, &w));
    assert_int_equal(w.records, 0);
    assert_false(w.next(w.context, &r));
    w.close(w.context);
    record_block_free(b);
    record_spool_free(s);
    off_bases_free(bases);
}

/* Records of two epochs of the frame counter, into chunks that are filled in any order since others were forgotten: the older epoch first, whichever came first. */
static void test_restarts(void **state) {
    (void)state;
    struct record_spool *s;
    struct record_block *b;
    assert_true(record_spool_new("/tmp", PIXELS, 64 << 20, NULL, &s));
    assert_true(record_block_new(1, SAMPLES, &b));
    const uint32_t per_chunk = SPOOL_CHUNK / (HEAD_BYTES + 2 * SAMPLES), n = 6 * per_chunk, dropped = record_spool_begin(s), kept = record_spool_begin(s);
    for (uint32_t k = 0; k < 4 * n; k++) {   /* the old epoch, beside what is forgotten; then the new one, with late ones of the old */
        const bool old = k < 2 * n || k % 10 == 0;
        const uint32_t of_epoch = old ? n + k : k - 2 * n;
        if (k == 2 * n)
            record_spool_forget(s, dropped);
        record_spool_resume(s, k < 2 * n && k / (2 * per_chunk) % 2 == 0 ? dropped : kept);
        fill(b, 0, of_epoch);
        b->rows[0].epoch = old ? 0 : 1;
        b->rows[0].time_ns += old ? 0 : INT64_C(1000000000000);
        assert_true(record_spool_add(s, b, 0));
    }
    const struct spool_part part = { kept, INT64_MIN, INT64_MAX };
    struct record_walk w;
    struct channel_record r;
    assert_true(record_spool_walk(s, 0, &part, 1, &w));
    int64_t last_ns = INT64_MIN, last_frame = 0;
    uint64_t walked = 0, restarts = 0;
    for (; w.next(w.context, &r); walked++) {
        assert_true(r.time_ns > last_ns);
        restarts += r.frame < last_frame;
        last_ns = r.time_ns;
        last_frame = r.frame;
    }
    assert_int_equal(walked, record_spool_records(s, kept));
    assert_int_equal(restarts, 1);
    w.close(w.context);
    record_block_free(b);
    record_spool_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_walk), cmocka_unit_test(test_bounded), cmocka_unit_test(test_frozen), cmocka_unit_test(test_coefficients), cmocka_unit_test(test_restarts) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
