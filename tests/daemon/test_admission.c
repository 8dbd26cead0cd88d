#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/admission.h"
#include "pulse/pixel_model.h"

enum { CHANNELS = 2, ROWS = 8, PERIOD_US = 10 };
static const int64_t START_NS = INT64_C(1790000000000000000), SECOND_NS = 1000000000, DISORDER_NS = 200000000, BEGUN_NS = 5000000000;

enum { SAMPLES = 40, PRESAMPLES = 10, BASES = 3 };

struct scene {
    struct off_bases *bases;
    struct live_channel names[CHANNELS];
    struct live_array array;
    struct admission *admission;
    struct record_block *block;
    struct pixel_model of_samples, of_coefficients;
    struct array_channel channels[CHANNELS];
    struct array_model model;
    struct channel_tally tally[CHANNELS];
    struct live_plan plan;
};

/* Channel 0 has a model of samples, channel 1 one of coefficients. */
static struct scene *begin_with(bool with_files, struct off_bases *bases) {
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->bases = bases;
    s->of_coefficients.coefficients = true;
    s->channels[0].model = &s->of_samples;
    s->channels[1].model = &s->of_coefficients;
    s->model = (struct array_model){ .n_channels = CHANNELS, .channels = s->channels };
    s->array = (struct live_array){ .n_channels = CHANNELS, .n_pixels = CHANNELS, .channels = s->names };
    s->plan = (struct live_plan){ .array = &s->array, .model = &s->model, .model_version = 1, .tally = s->tally };
    const struct admission_settings settings = { .bases = s->bases, .n_channels = CHANNELS, .with_files = with_files, .disorder_ns = DISORDER_NS, .begun_ns = BEGUN_NS };
    assert_true(admission_new(&settings, &s->admission));
    assert_true(record_block_new(ROWS, 0, &s->block));
    return s;
}

static struct scene *begin(bool with_files) { return begin_with(with_files, NULL); }

static void end(struct scene *s) {
    off_bases_free(s->bases);
    admission_free(s->admission);
    record_block_free(s->block);
    free(s);
}

/* The stamp is that of a counter that began at START_NS, later by late_ns. */
static void add(struct scene *s, uint16_t channel, int64_t frame, int64_t late_ns, uint16_t flags) {
    static const sample_u16 samples[1];
    const struct block_record row = { .time_ns = START_NS + frame * PERIOD_US * 1000 + late_ns, .frame = frame, .n_samples = 1, .sample_period_s = PERIOD_US * 1e-6f, .channel_index = channel,
                                      .pixel = channel, .flags = flags };
    assert_true(record_block_lend(s->block, &row, samples));
}

static uint64_t admit(struct scene *s) {
    s->block->arrived_ns = BEGUN_NS;
    return admission_block(s->admission, &s->plan, s->block);
}

static void lose(struct scene *s, uint16_t channel, uint16_t flags) { admission_lost(s->admission, &(struct block_record){ .channel_index = channel, .flags = flags }); }

static void check_row(const struct scene *s, size_t i, int64_t frame, uint16_t flags) {
    assert_int_equal(s->block->rows[i].frame, frame);
    assert_int_equal(s->block->rows[i].flags, flags);
}

/* A counter that falls back by more than a second while the time goes on began anew; one record out of order did not. */
static void test_counter_that_began_anew(void **state) {
    (void)state;
    struct scene *s = begin(false);
    add(s, 0, 1000000, 0, 0);
    add(s, 0, 999990, 0, 0);
    add(s, 0, 1000010, 0, 0);
    add(s, 0, 7, 11 * SECOND_NS, 0);
    add(s, 0, 8, 11 * SECOND_NS, 0);
    assert_int_equal(admit(s), 0);
    assert_int_equal(s->block->n, 5);
    check_row(s, 0, 1000000, 0);
    check_row(s, 1, 999990, 0);
    check_row(s, 2, 1000010, 0);
    check_row(s, 3, 7, BLOCK_NEW_EPOCH | BLOCK_GAP_BEFORE);
    check_row(s, 4, 8, 0);
    assert_int_equal(tally_of(&s->tally[0].restarts), 1);
    assert_int_equal(tally_of(&s->tally[0].port), 5);
    end(s);
}

/* Its clock set back while the source was away: the stamp does not fit the frames. A late record fits those before the clock was set while data flowed. */
static void test_counter_and_clock(void **state) {
    (void)state;
    struct scene *s = begin(false);
    add(s, 0, 1000000, 0, 0);
    add(s, 0, 7, 8 * SECOND_NS, 0);   /* two seconds before the newest */
    add(s, 0, 500000, 8 * SECOND_NS, 0);
    add(s, 0, 600000, 5 * SECOND_NS, 0);   /* set back by three */
    add(s, 0, 400000, 8 * SECOND_NS, 0);   /* late, of before that */
    add(s, 0, 450000, 5 * SECOND_NS, 0);
    assert_int_equal(admit(s), 0);
    check_row(s, 1, 7, BLOCK_NEW_EPOCH | BLOCK_GAP_BEFORE);
    for (size_t i = 2; i < 6; i++)
        assert_int_equal(s->block->rows[i].flags, 0);
    assert_int_equal(tally_of(&s->tally[0].restarts), 1);
    end(s);
}

/* A program that came back after a clock was set back by three seconds meets the port first: the files' older frames have later stamps, and are no restart. */
static void test_files_after_a_clock_was_set_back(void **state) {
    (void)state;
    for (int files_first = 0; files_first < 2; files_first++) {
        struct scene *s = begin(true);
        for (int k = 0; k < 2; k++) {
            const bool by_file = (k == 0) == (files_first == 1);
            if (by_file)
                for (int64_t frame = 400000; frame < 1000000; frame += 100000)
                    add(s, 0, frame, 0, BLOCK_FROM_FILE);
            add(s, 0, 1100000, -3 * SECOND_NS, by_file ? BLOCK_FROM_FILE : 0);
            add(s, 0, 1100001, -3 * SECOND_NS, by_file ? BLOCK_FROM_FILE : 0);
            assert_int_equal(admit(s), k == 0 ? 0 : 2);   /* what came both ways */
            for (size_t i = 0; i < s->block->n; i++)
                assert_int_equal(s->block->rows[i].flags, by_file ? BLOCK_FROM_FILE : 0);
            record_block_clear(s->block);
        }
        assert_int_equal(tally_of(&s->tally[0].restarts), 0);
        end(s);
    }
}

/* Files bring what the port missed before a restart and after it; that they begin anew later is the same restart. */
static void test_files_of_two_epochs(void **state) {
    (void)state;
    struct scene *s = begin(true);
    add(s, 0, 1000000, 0, BLOCK_FROM_FILE);
    add(s, 0, 1000000, 0, 0);
    add(s, 0, 7, 11 * SECOND_NS, 0);
    assert_int_equal(admit(s), 1);
    check_row(s, 1, 7, BLOCK_NEW_EPOCH | BLOCK_GAP_BEFORE);
    record_block_clear(s->block);
    add(s, 0, 1000020, 0, BLOCK_FROM_FILE);
    add(s, 0, 1000040, 0, BLOCK_FROM_FILE);
    assert_int_equal(admit(s), 0);
    check_row(s, 0, 1000020, BLOCK_FROM_FILE | BLOCK_OLD_EPOCH);
    check_row(s, 1, 1000040, BLOCK_FROM_FILE | BLOCK_OLD_EPOCH);
    record_block_clear(s->block);
    add(s, 0, 300000, 11 * SECOND_NS, 0);
    add(s, 0, 7, 11 * SECOND_NS, BLOCK_FROM_FILE);
    add(s, 0, 8, 11 * SECOND_NS, BLOCK_FROM_FILE);
    assert_int_equal(admit(s), 1);
    check_row(s, 0, 300000, 0);
    check_row(s, 1, 8, BLOCK_FROM_FILE);
    assert_int_equal(tally_of(&s->tally[0].restarts), 1);
    end(s);
}

/* Writing began after the counter had begun anew, or while that was not heard of by the port; or the file is of before. */
static void test_files_that_begin_late(void **state) {
    (void)state;
    struct scene *s = begin(true);
    add(s, 0, 1000000, 0, 0);
    add(s, 0, 7, 11 * SECOND_NS, 0);
    add(s, 0, 400000, 11 * SECOND_NS, 0);
    add(s, 0, 9, 11 * SECOND_NS, BLOCK_FROM_FILE);
    add(s, 1, 1000000, 0, 0);
    add(s, 1, 7, 11 * SECOND_NS, 0);
    add(s, 1, 400000, 11 * SECOND_NS, 0);
    add(s, 1, 900000, 0, BLOCK_FROM_FILE | BLOCK_COEFFICIENTS);
    s->channels[1].model = &s->of_samples;
    assert_int_equal(admit(s), 0);
    check_row(s, 3, 9, BLOCK_FROM_FILE);
    check_row(s, 7, 900000, BLOCK_FROM_FILE | BLOCK_COEFFICIENTS | BLOCK_OLD_EPOCH);
    end(s);
    s = begin(true);
    add(s, 0, 7, 0, 0);
    add(s, 0, 1000000, -INT64_C(20) * SECOND_NS, BLOCK_FROM_FILE);   /* the port has not been there, nor will be soon: of before */
    assert_int_equal(admit(s), 0);
    check_row(s, 1, 1000000, BLOCK_FROM_FILE | BLOCK_OLD_EPOCH);
    record_block_clear(s->block);
    add(s, 0, 8, 0, BLOCK_FROM_FILE);
    assert_int_equal(admit(s), 0);
    check_row(s, 0, 8, BLOCK_FROM_FILE);
    assert_int_equal(tally_of(&s->tally[0].restarts), 0);
    end(s);
}

/* The port was silent over a restart, and speaks again when frames are beyond its old ones; files told meanwhile. */
static void test_port_that_missed_a_restart(void **state) {
    (void)state;
    struct scene *s = begin(true);
    add(s, 0, 200000, 0, 0);
    add(s, 0, 200000, 0, BLOCK_FROM_FILE);
    add(s, 0, 7, 5 * SECOND_NS, BLOCK_FROM_FILE);
    add(s, 0, 300000, 5 * SECOND_NS, 0);
    assert_int_equal(admit(s), 1);
    check_row(s, 1, 7, BLOCK_FROM_FILE | BLOCK_NEW_EPOCH | BLOCK_GAP_BEFORE);
    check_row(s, 2, 300000, 0);
    assert_int_equal(tally_of(&s->tally[0].restarts), 1);
    end(s);
}

static void test_restart_that_was_lost_is_told_again(void **state) {
    (void)state;
    struct scene *s = begin(false);
    lose(s, 0, BLOCK_NEW_EPOCH | BLOCK_GAP_BEFORE);
    add(s, 0, 10, 0, 0);
    add(s, 0, 11, 0, 0);
    assert_int_equal(admit(s), 0);
    check_row(s, 0, 10, BLOCK_NEW_EPOCH | BLOCK_GAP_BEFORE);
    check_row(s, 1, 11, 0);
    end(s);
}

static void test_gap_after_a_lost_record(void **state) {
    (void)state;
    struct scene *s = begin(false);
    lose(s, 1, 0);
    add(s, 0, 10, 0, 0);
    add(s, 1, 11, 0, 0);
    add(s, 1, 12, 0, 0);
    assert_int_equal(admit(s), 0);
    check_row(s, 0, 10, 0);
    check_row(s, 1, 11, BLOCK_GAP_BEFORE);
    check_row(s, 2, 12, 0);
    end(s);
}

/* A gap is not told to a copy that leaves, but to the next record that stays. */
static void test_both_ways_count_once(void **state) {
    (void)state;
    struct scene *s = begin(true);
    add(s, 0, 10, 0, 0);
    add(s, 0, 30, 0, 0);
    assert_int_equal(admit(s), 0);
    record_block_clear(s->block);
    lose(s, 0, 0);
    add(s, 0, 10, 0, BLOCK_FROM_FILE);
    add(s, 0, 20, 0, BLOCK_FROM_FILE);
    add(s, 0, 30, 0, BLOCK_FROM_FILE);
    assert_int_equal(admit(s), 2);
    assert_int_equal(s->block->n, 1);
    check_row(s, 0, 20, BLOCK_FROM_FILE | BLOCK_GAP_BEFORE);
    assert_int_equal(tally_of(&s->tally[0].port), 2);
    assert_int_equal(tally_of(&s->tally[0].file), 1);
    end(s);
}

/* The port's copy is kept without a pixel, the file's is analysed, once. */
static void test_coefficients_are_measured_from_the_file(void **state) {
    (void)state;
    struct scene *s = begin(true);
    lose(s, 1, 0);
    add(s, 1, 10, 0, 0);
    assert_int_equal(admit(s), 0);
    assert_int_equal(s->block->n, 1);
    assert_int_equal(s->block->rows[0].pixel, BLOCK_NO_PIXEL);
    check_row(s, 0, 10, 0);
    record_block_clear(s->block);
    add(s, 1, 10, 0, BLOCK_FROM_FILE | BLOCK_COEFFICIENTS);
    add(s, 1, 10, 0, BLOCK_FROM_FILE | BLOCK_COEFFICIENTS);
    assert_int_equal(admit(s), 1);
    assert_int_equal(s->block->n, 1);
    assert_int_equal(s->block->rows[0].pixel, 1);
    check_row(s, 0, 10, BLOCK_FROM_FILE | BLOCK_COEFFICIENTS | BLOCK_GAP_BEFORE);
    assert_int_equal(tally_of(&s->tally[1].port), 1);
    assert_int_equal(tally_of(&s->tally[1].file), 0);
    end(s);
}

/* What a model cannot measure is admitted, and counted: once, and not where the other copy is measured. */
static void test_records_of_the_other_form_are_counted(void **state) {
    (void)state;
    struct scene *s = begin(true);
    add(s, 0, 10, 0, 0);
    add(s, 1, 10, 0, 0);   /* of its file, which is measured, comes another copy */
    assert_int_equal(admit(s), 0);
    assert_int_equal(tally_of(&s->tally[0].other_form) + tally_of(&s->tally[1].other_form), 0);
    record_block_clear(s->block);
    add(s, 0, 10, 0, BLOCK_FROM_FILE | BLOCK_COEFFICIENTS);   /* came as samples */
    add(s, 0, 11, 0, BLOCK_FROM_FILE | BLOCK_COEFFICIENTS);
    add(s, 1, 10, 0, BLOCK_FROM_FILE | BLOCK_COEFFICIENTS);
    assert_int_equal(admit(s), 1);
    assert_int_equal(tally_of(&s->tally[0].other_form), 1);
    assert_int_equal(tally_of(&s->tally[1].other_form), 0);
    end(s);
    s = begin(false);
    add(s, 1, 10, 0, 0);   /* there are no files */
    assert_int_equal(admit(s), 0);
    assert_int_equal(tally_of(&s->tally[1].other_form), 1);
    s->channels[1].model = NULL;   /* without a model there is no other form */
    record_block_clear(s->block);
    add(s, 1, 11, 0, 0);
    assert_int_equal(admit(s), 0);
    assert_int_equal(tally_of(&s->tally[1].other_form), 1);
    end(s);
}

static uint32_t put_basis(struct scene *s, int32_t channel, double decay, struct pixel_model **model) {
    double basis[SAMPLES * BASES];
    for (int k = 0; k < SAMPLES; k++) {
        basis[k * BASES] = 1;
        basis[k * BASES + 1] = k == PRESAMPLES;
        basis[k * BASES + 2] = k < PRESAMPLES ? 0 : exp(-(k - PRESAMPLES) / decay) - exp(-(k - PRESAMPLES) / 2.0);
    }
    const struct channel_shape shape = { .coefficients = true, .n_samples = SAMPLES, .n_presamples = PRESAMPLES, .sample_period_s = 1e-5, .n_bases = BASES, .basis = basis };
    const struct off_header h = channel_shape_header(&shape);
    if (model != NULL)
        assert_int_equal(pixel_model_from_off(&h, PRESAMPLES, basis, model), STATUS_OK);
    return off_bases_put(s->bases, channel, &shape);
}

static void add_of_basis(struct scene *s, uint16_t channel, int64_t frame, uint32_t basis) {
    add(s, channel, frame, 0, BLOCK_FROM_FILE | BLOCK_COEFFICIENTS);
    s->block->rows[s->block->n - 1].basis = basis;
}

static bool is_refused(const struct scene *s, size_t i) { return (s->block->rows[i].flags & BLOCK_OTHER_BASIS) != 0; }

/* Coefficients of another basis than the model's stay, for whoever learns, marked and counted channel by channel; another model is asked anew. */
static void test_records_of_another_basis_are_marked(void **state) {
    (void)state;
    struct off_bases *bases;
    struct pixel_model *model, *later;
    assert_true(off_bases_new(&bases));
    struct scene *s = begin_with(true, bases);
    const uint32_t own = put_basis(s, 1, 8, &model), other = put_basis(s, 1, 8.5, &later), of_0 = put_basis(s, 0, 8, NULL);
    s->channels[1].model = model;
    add_of_basis(s, 1, 10, own);
    add_of_basis(s, 1, 11, other);
    add_of_basis(s, 1, 12, other);
    add_of_basis(s, 1, 13, own);
    add_of_basis(s, 1, 14, 0);        /* nobody knows of which */
    add_of_basis(s, 0, 10, of_0);     /* its model is of samples: another form, as before */
    assert_int_equal(admit(s), 0);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(is_refused(s, i), i == 1 || i == 2 || i == 4);
    assert_int_equal(tally_of(&s->tally[1].other_basis), 3);
    assert_int_equal(tally_of(&s->tally[1].other_form), 0);
    assert_int_equal(tally_of(&s->tally[0].other_basis), 0);
    assert_int_equal(tally_of(&s->tally[0].other_form), 1);
    record_block_clear(s->block);
    s->channels[1].model = later;
    s->plan.model_version++;
    add_of_basis(s, 1, 15, own);
    add_of_basis(s, 1, 16, other);
    assert_int_equal(admit(s), 0);
    assert_true(is_refused(s, 0) && !is_refused(s, 1));
    assert_int_equal(tally_of(&s->tally[1].other_basis), 4);
    pixel_model_free(model);
    pixel_model_free(later);
    end(s);
}

/* Coefficients of a pixel that is measured from samples: until the port is past them, or silent. */
static void test_files_wait_for_the_port(void **state) {
    (void)state;
    struct scene *s = begin(true);
    const int64_t quiet = BEGUN_NS + 2 * SECOND_NS + 1;
    add(s, 0, 10, 0, BLOCK_FROM_FILE | BLOCK_COEFFICIENTS);
    assert_true(admission_waits(s->admission, &s->plan, s->block, BEGUN_NS));
    assert_false(admission_waits(s->admission, &s->plan, s->block, quiet));
    record_block_clear(s->block);
    add(s, 1, 10, 0, BLOCK_FROM_FILE | BLOCK_COEFFICIENTS);
    add(s, 0, 10, 0, BLOCK_FROM_FILE);
    assert_false(admission_waits(s->admission, &s->plan, s->block, BEGUN_NS));
    record_block_clear(s->block);
    add(s, 1, 10, DISORDER_NS, 0);
    admit(s);
    record_block_clear(s->block);
    add(s, 0, 10, 0, BLOCK_FROM_FILE | BLOCK_COEFFICIENTS);
    assert_false(admission_waits(s->admission, &s->plan, s->block, BEGUN_NS));
    add(s, 0, 11, 0, BLOCK_FROM_FILE | BLOCK_COEFFICIENTS);
    assert_true(admission_waits(s->admission, &s->plan, s->block, BEGUN_NS));
    end(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counter_that_began_anew), cmocka_unit_test(test_counter_and_clock),
        cmocka_unit_test(test_files_after_a_clock_was_set_back), cmocka_unit_test(test_files_of_two_epochs), cmocka_unit_test(test_files_that_begin_late),
        cmocka_unit_test(test_port_that_missed_a_restart), cmocka_unit_test(test_restart_that_was_lost_is_told_again),
        cmocka_unit_test(test_gap_after_a_lost_record),
        cmocka_unit_test(test_both_ways_count_once),
        cmocka_unit_test(test_coefficients_are_measured_from_the_file),
        cmocka_unit_test(test_records_of_the_other_form_are_counted),
        cmocka_unit_test(test_records_of_another_basis_are_marked),
        cmocka_unit_test(test_files_wait_for_the_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
