/* Blocks of the served array: the same records whatever the blocks are, nothing twice, primaries before secondaries, and all together
 * when asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/source/simulated_array.h"

enum { PIXELS = 3, SAMPLES = 128, PRESAMPLES = 32 };

struct bench {
    struct beamtime_sim *plan;
    struct pixel_sim pixels[PIXELS];
    struct dastard_array *channels;
    struct simulated_settings settings;
};

static int set_up(void **state) {
    static const char *const table = "line,energy_eV,unc_eV,use,excited_above_eV,components,source\nOKa,524.9,0.1,anchor,532,,made\nNiLa,851.5,0.1,anchor,853,,made\n";
    struct bench *b = calloc(1, sizeof *b);
    struct line_table *lines = NULL;
    struct complaint why;
    assert_non_null(b);
    if (line_table_parse("made", (const uint8_t *)table, strlen(table), &lines, &why) != STATUS_OK)
        fail_msg("%s", why.text);
    const struct beamtime_settings plan = {.seed = 5, .start_ns = INT64_C(1772442000) * 1000000000, .rate_Hz = 40, .n_conditions = 1, .conditions = {"a"}, .n_points = 2,
                                           .dwell_s = 1, .calibration_s = 4, .mono_eV = 1000, .lines = lines};
    assert_int_equal(beamtime_sim_new(&plan, &b->plan), STATUS_OK);
    line_table_free(lines);
    const struct pixel_sim_settings pixel = {.seed = 5, .period_s = 6.4e-6, .n_samples = SAMPLES, .n_presamples = PRESAMPLES, .run_s = 10, .resolution_eV = 3};
    for (uint32_t i = 0; i < PIXELS; i++)
        assert_int_equal(pixel_sim_draw(&pixel, i, PIXEL_GOOD, &b->pixels[i]), STATUS_OK);
    const struct dastard_array_settings array = {.n_pixels = PIXELS, .first_number = 4096, .number_step = 7, .tdm = true, .couple_errors = true, .edge_multi = true,
                                                 .n_samples = SAMPLES, .n_presamples = PRESAMPLES, .period_s = 6.4e-6};
    assert_true(dastard_array_new(&array, &b->channels));
    b->settings = (struct simulated_settings){.beam = {.plan = b->plan, .pixels = b->pixels, .n_pixels = PIXELS, .seed = 5, .period_s = 6.4e-6, .n_samples = SAMPLES,
                                                       .n_presamples = PRESAMPLES, .trigger = TRIGGER_EDGE_MULTI, .stamp_jitter_s = 1e-5},
                                              .rate_Hz = 200, .block_frames = 7813, .pool = 4, .workers = 1};
    *state = b;
    return 0;
}

static int tear_down(void **state) {
    struct bench *b = *state;
    beamtime_sim_free(b->plan);
    dastard_array_free(b->channels);
    free(b);
    return 0;
}

/* What identifies a record of one channel, summed so that the order of channels within a block does not matter. */
struct tally { uint64_t records, secondary, frames, samples; int64_t last[2 * PIXELS][2]; };

static void add_block(struct tally *t, const struct dastard_block *block, int64_t end_frame) {
    for (size_t i = 0; i < block->n; i++) {
        const struct dastard_record *r = &block->records[i];
        const struct pulse_record *p = &r->message.record;
        int64_t *last = &t->last[r->message.channel_index][r->secondary];
        assert_true(p->trigger_frame > *last && p->trigger_frame >= PRESAMPLES && p->trigger_frame + SAMPLES - PRESAMPLES <= end_frame);
        *last = p->trigger_frame;
        t->records++;
        t->secondary += r->secondary;
        t->frames += (uint64_t)p->trigger_frame * (r->message.channel_index + 1U);
        for (uint32_t k = 0; k < p->n_samples; k++)
            t->samples = t->samples + (uint64_t)p->samples[k] * (k + 1) * (uint64_t)(p->trigger_frame + 1);
    }
}

static struct tally play(const struct bench *b, const struct simulated_settings *settings, int64_t block_frames, int64_t n_frames) {
    struct simulated_array *a = NULL;
    struct tally t = {0};
    assert_int_equal(simulated_array_new(settings, b->channels, &a), STATUS_OK);
    for (int64_t end = 0; end < n_frames;) {
        end = end + block_frames < n_frames ? end + block_frames : n_frames;
        struct dastard_block block;
        assert_int_equal(simulated_array_block(a, end, 0, &block), STATUS_OK);
        add_block(&t, &block, end);
    }
    simulated_array_free(a);
    return t;
}

static void test_blocks_do_not_matter(void **state) {
    const struct bench *b = *state;
    const int64_t n_frames = beamtime_frames(&b->settings.beam);
    const struct tally x = play(b, &b->settings, 7813, n_frames), y = play(b, &b->settings, 100001, n_frames);
    assert_true(x.records > 500 && x.records == 2 * x.secondary);   /* each error channel follows its feedback */
    assert_true(x.records == y.records && x.frames == y.frames && x.samples == y.samples);
    struct beamtime_pixel met;
    uint64_t triggers = 0;
    for (uint32_t i = 0; i < PIXELS; i++) {
        assert_int_equal(beamtime_pixel_meet(&b->settings.beam, i, &met), STATUS_OK);
        triggers += met.n_triggers;
        beamtime_pixel_done(&met);
    }
    assert_int_equal(triggers, x.secondary);
}

static void test_pooled(void **state) {
    const struct bench *b = *state;
    struct simulated_settings s = b->settings;
    s.pooled = true;
    const struct tally x = play(b, &s, 7813, 1562500), y = play(b, &s, 31250, 1562500);
    assert_true(x.records == y.records && x.frames == y.frames);
    assert_true(x.secondary > 1000 && x.secondary < 12000);   /* 10 s of 3 pixels at 200/s and their sensitivities */
}

static void test_all_together(void **state) {
    const struct bench *b = *state;
    struct simulated_settings s = b->settings;
    struct simulated_array *a = NULL;
    struct dastard_block block;
    s.pooled = true;
    s.together = 2;
    assert_int_equal(simulated_array_new(&s, b->channels, &a), STATUS_OK);
    assert_int_equal(simulated_array_block(a, 7813, 0, &block), STATUS_OK);
    for (int64_t k = 2; k < 50; k++) {
        assert_int_equal(simulated_array_block(a, 7813 * k, 0, &block), STATUS_OK);
        assert_int_equal(block.n, 2 * 2 * PIXELS);
    }
    assert_int_equal(simulated_array_end(a), INT64_MAX);
    simulated_array_free(a);
}

static void test_skip_and_epoch(void **state) {
    const struct bench *b = *state;
    struct simulated_array *a = NULL;
    struct dastard_block block;
    assert_int_equal(simulated_array_new(&b->settings, b->channels, &a), STATUS_OK);
    simulated_array_skip(a, 400000);
    assert_int_equal(simulated_array_block(a, 500000, 400000, &block), STATUS_OK);
    assert_true(block.n > 10);
    for (size_t i = 0; i < block.n; i++)
        assert_true(block.records[i].message.record.trigger_frame >= PRESAMPLES && block.records[i].message.record.trigger_frame < 100000);
    assert_int_equal(simulated_array_block(a, 500000, 400000, &block), STATUS_OK);
    assert_int_equal(block.n, 0);
    simulated_array_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_blocks_do_not_matter), cmocka_unit_test(test_pooled), cmocka_unit_test(test_all_together),
                                       cmocka_unit_test(test_skip_and_epoch)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
