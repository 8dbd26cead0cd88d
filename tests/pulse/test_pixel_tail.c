/* Pulses on the tail of an earlier one: same heights as alone, wider by what the model says, and still judged by their shape. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/gap_filter.h"
#include "pulse/noise_plan.h"
#include "pulse/optimal_filter.h"
#include "pulse/pixel_model.h"
#include "pulse/pixel_tail.h"
#include "tests/pulse/pulse_scene.h"
#include "tests/pulse/synthetic.h"

enum { SHORT = 256, BEFORE = 96, LEVEL = 12000 };

static struct pulse_record record_of(const uint16_t *d) {
    return (struct pulse_record){ .samples = d, .n_samples = SHORT, .n_presamples = BEFORE, .trigger_time_ns = 4000, .trigger_frame = 2 };
}

static void add_pulse(uint16_t *d, double height, double at, bool inverted) {
    for (int k = 0; k < SHORT; k++)
        d[k] = (uint16_t)(d[k] + rint((inverted ? -1 : 1) * height * synthetic_shape(k - BEFORE - at)));
}

static void draw(struct synthetic *s, double height, bool inverted, uint16_t *d) {
    synthetic_record(s, d, SHORT, BEFORE, LEVEL, 0, 0);
    add_pulse(d, height, synthetic_uniform(s) - 0.5, inverted);
}

static struct pixel_model *learn(struct synthetic *s, bool inverted) {
    struct noise_plan *plan;
    struct pixel_learner *l;
    struct pixel_model *m = NULL;
    uint16_t d[SHORT];
    struct pulse_record r = record_of(d);
    assert_int_equal(noise_plan_new(SHORT, &plan), STATUS_OK);
    assert_int_equal(pixel_learner_new(plan, SHORT, BEFORE, 1e-5, &l), STATUS_OK);
    for (int i = 0; i < 600; i++) {
        r.trigger_frame = i * (int64_t)SHORT;
        draw(s, 0, inverted, d);
        pixel_learner_noise(l, &r);
        draw(s, i % 3 ? 3000 : 1500, inverted, d);
        pixel_learner_pulse(l, &r);
    }
    assert_int_equal(pixel_learner_finish(l, &m, NULL, NULL), STATUS_OK);
    assert_non_null(m->tail);
    pixel_learner_free(l);
    noise_plan_free(plan);
    return m;
}

static double tail_sigma(const struct pixel_model *m) {
    return m->noise_sigma * m->tail->noise_factor;
}

struct judgement { double moved, sd, kept; };   /* moved: against the same record alone, by the standard filter */

/* before: samples from the earlier pulse, of 4000 counts, to the trigger. late: a third pulse of 800 counts 60 samples behind. */
static struct judgement judge(struct synthetic *s, const struct pixel_model *m, double before, bool late, bool tail_blind) {
    enum { RECORDS = 3000 };
    struct judgement j = { 0, 0, 0 };
    double sum = 0, squares = 0;
    for (int i = 0; i < RECORDS; i++) {
        uint16_t d[SHORT];
        struct measured_pulse alone, p;
        struct pulse_record r = record_of(d);
        draw(s, 3000, m->inverted, d);
        pixel_model_measure(m, &r, &alone);
        add_pulse(d, 4000, -before, m->inverted);
        if (late)
            add_pulse(d, 800, 60, m->inverted);
        if (tail_blind)
            pixel_model_measure_tail(m, &r, &p);
        else
            pixel_model_measure(m, &r, &p);
        assert_true(p.time_ns == 4000 && p.frame == 2);
        j.moved += (double)(p.height - alone.height) / RECORDS;
        sum += (double)p.height / RECORDS;
        squares += (double)p.height * (double)p.height / RECORDS;
        j.kept += (p.cuts == 0) / (double)RECORDS;
    }
    j.sd = sqrt(squares - sum * sum);
    return j;
}

static void test_heights_on_a_tail(void **state) {
    (void)state;
    for (int inverted = 0; inverted < 2; inverted++) {
        struct synthetic s = synthetic_seed(61);
        struct pixel_model *m = learn(&s, inverted);
        struct judgement third = judge(&s, m, 170, true, true);
        print_message("decay %.2f (true 40), sigma %.2f, on tails %.2f; with a third pulse %.0f %% kept\n", m->tail->tail_samples, m->noise_sigma,
                      tail_sigma(m), 100 * third.kept);
        assert_true(fabs(m->tail->tail_samples / 40 - 1) < 0.03);
        assert_true(tail_sigma(m) > m->noise_sigma && tail_sigma(m) < 1.3 * m->noise_sigma);
        for (double before = 160; before <= 280; before += 40) {
            struct judgement blind = judge(&s, m, before, false, true), standard = judge(&s, m, before, false, false);
            print_message("  %3.0f samples after another: %+.3f sigma, standard %+.2f sigma; sd %.2f, kept %.1f %%, standard %.1f %%\n", before,
                          blind.moved / tail_sigma(m), standard.moved / m->noise_sigma, blind.sd, 100 * blind.kept, 100 * standard.kept);
            assert_true(fabs(blind.moved) < 0.1 * tail_sigma(m));
            assert_true(blind.kept > 0.97);
        }
        assert_true(third.kept < 0.01);
        pixel_model_free(m);
    }
}

static void test_records_that_do_not_fit(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(62);
    struct pixel_model *m = learn(&s, false);
    uint16_t d[SHORT];
    struct measured_pulse p;
    draw(&s, 3000, false, d);
    struct pulse_record r = record_of(d);
    r.n_samples = SHORT - 1;
    pixel_model_measure_tail(m, &r, &p);
    assert_true(p.cuts == CUT_BIT(CUT_SHORT) && isnan(p.height));
    r.n_samples = SHORT;
    gap_filter_free(m->tail);
    m->tail = NULL;
    pixel_model_measure_tail(m, &r, &p);
    struct measured_pulse plain;
    pixel_model_measure(m, &r, &plain);
    assert_true(p.height == plain.height && p.arrival_samples == plain.arrival_samples && p.cuts == plain.cuts && p.residual == plain.residual);
    pixel_model_free(m);
}

/* Without a tail filter a record is not measured twice, yet what is said is what measuring it again would say. */
static void test_crowded_without_a_filter(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(63);
    struct pixel_model *m = learn(&s, false);
    gap_filter_free(m->tail);
    m->tail = NULL;
    int on_tail = 0, plain = 0;
    for (int known = 0; known < 2; known++) {
        for (int k = SHORT - 8; known && k < SHORT; k++)
            m->template_pulse[k] = 0;
        assert_true(pixel_tail_known(m) == (known == 1));
        for (int i = 0; i < 500; i++) {
            uint16_t d[SHORT];
            struct pulse_record r = record_of(d);
            struct measured_pulse seen, own, tail;
            draw(&s, 3000, false, d);
            add_pulse(d, 4000, -SHORT - 0.5 * i, false);
            pixel_model_measure(m, &r, &own);
            pixel_model_measure_tail(m, &r, &tail);
            pixel_model_measure_crowded(m, &r, &seen);
            bool standing = (own.falling || own.cuts & CUT_BIT(CUT_PRETRIGGER)) && tail.cuts == 0;
            on_tail += standing;
            plain += own.cuts == 0 && !standing;
            if (standing || own.cuts == 0)
                assert_memory_equal(&seen, standing ? &tail : &own, sizeof seen);
        }
    }
    print_message("%d of 1000 records stand on a tail, %d do not\n", on_tail, plain);
    assert_true(on_tail > 20 && plain > 100);
    pixel_model_free(m);
}

/* A long record: what is left of a pulse at its end is faint, and noise makes a pretrigger fall in one record of forty. Such a one keeps its height; one that a
 * tail gets cut is measured behind it. */
static void test_faint_tails(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(64);
    struct pixel_model *m = learn(&s, false);
    assert_false(pixel_tail_faint(m));
    for (int k = SHORT - 8; k < SHORT; k++)
        m->template_pulse[k] = 1e-3F;
    assert_true(pixel_tail_faint(m));
    int kept = 0, mended = 0;
    for (int i = 0; i < 1000; i++) {
        uint16_t d[SHORT];
        struct pulse_record r = record_of(d);
        struct measured_pulse seen, own, tail;
        draw(&s, 3000, false, d);
        add_pulse(d, 4000, -SHORT + 100 - 0.2 * i, false);
        pixel_model_measure(m, &r, &own);
        pixel_model_measure_tail(m, &r, &tail);
        pixel_model_measure_crowded(m, &r, &seen);
        if (own.falling && own.cuts == 0) {
            kept++;
            assert_true(seen.on_tail && seen.cuts == 0 && seen.height == own.height && seen.tail_share == 0);
        } else if (own.falling && tail.cuts == 0) {
            mended++;
            assert_true(seen.on_tail && seen.cuts == 0 && seen.height == tail.height && seen.tail_share == tail.tail_share && seen.tail_share > 0);
        }
    }
    print_message("%d of 1000 fall and are kept, %d are cut and measured behind the tail\n", kept, mended);
    assert_true(kept > 20 && mended > 100);
    pixel_model_free(m);
}

/* Long after a pulse its tail falls too little for the pretrigger to show it in a short part, and still spoils the shape: by what follows the trigger the record
 * would be cut. Whatever the time between, no more are cut than the filter for tails cuts. */
static void test_tails_that_only_the_shape_shows(void **state) {
    (void)state;
    struct pixel_sim p = drawn_pixel(3, PIXEL_GOOD);
    struct pixel_model *m = scene_learn(&p);
    assert_non_null(m->tail);
    size_t n = 0, own = 0, tail = 0, cut = 0;
    for (int gap = 500; gap < 620; gap += 10) {
        struct scene s = scene_new(&p, 400, 0.7, 0.4, -gap, (uint64_t)gap);
        for (size_t i = 0; i < s.n; i++, n++) {
            struct pulse_record r = scene_record(&s, i);
            struct measured_pulse plain, told, seen;
            pixel_model_measure(m, &r, &plain);
            pixel_model_measure_tail(m, &r, &told);
            pixel_model_measure_crowded(m, &r, &seen);
            own += plain.cuts != 0 && !plain.falling && (plain.cuts & CUT_BIT(CUT_PRETRIGGER)) == 0;
            tail += told.cuts != 0;
            cut += seen.cuts != 0;
        }
        scene_done(&s);
    }
    print_message("of %zu records %zu are spoilt by a tail that the pretrigger does not show; cut %zu, by the filter for tails %zu\n", n, own, cut, tail);
    assert_true(own > n / 200 && cut <= tail + n / 1000);
    pixel_model_free(m);
}

static void test_decay(void **state) {
    (void)state;
    double shape[SHORT];
    for (int k = 0; k < SHORT; k++)
        shape[k] = -synthetic_shape(k - BEFORE);
    assert_true(fabs(pixel_tail_decay(shape, SHORT, BEFORE, true) - 40) < 0.01);
    assert_true(pixel_tail_decay(shape, SHORT, BEFORE, false) == 0);
    for (int k = BEFORE; k < SHORT; k++)
        shape[k] = k - BEFORE;
    assert_true(pixel_tail_decay(shape, SHORT, BEFORE, false) == 0);
    memset(shape, 0, sizeof shape);
    assert_true(pixel_tail_decay(shape, SHORT, BEFORE, false) == 0);
    for (int k = BEFORE; k < SHORT; k++)   /* from 3e-3 at two thirds: lost in noise before the record's end */
        shape[k] = 3e-3 * exp(-(k - (SHORT - (SHORT - BEFORE) / 3)) / 12.);
    assert_true(fabs(pixel_tail_decay(shape, SHORT, BEFORE, false) - 12) < 0.01);
    for (int k = BEFORE; k < SHORT; k++)
        shape[k] *= 0.3;                   /* already below a thousandth */
    assert_true(pixel_tail_decay(shape, SHORT, BEFORE, false) == 0);
}

/* ---- energies, of a simulated pixel whose response bends ---- */

enum { CURVE = 12 };
struct height_curve { double keV[CURVE], height[CURVE]; };   /* from 0 on, of pulses alone */

static double energy_of(const struct height_curve *c, double height) {
    int k = 1;
    while (k < CURVE - 1 && c->height[k] < height)
        k++;
    double gain[2] = { c->height[k == 1 ? 1 : k - 1] / c->keV[k == 1 ? 1 : k - 1], c->height[k] / c->keV[k] };   /* p / E, which is nearly straight */
    double span = c->height[k] - c->height[k - 1], share = k == 1 ? 1 : (height - c->height[k - 1]) / span;
    return height / (gain[0] + (gain[1] - gain[0]) * share);
}

static double mean_height(const struct pixel_sim *p, const struct pixel_model *m, double keV) {
    enum { RECORDS = 300 };
    struct scene s = scene_new(p, RECORDS, keV, 0, 0, 5);
    double sum = 0;
    for (size_t i = 0; i < RECORDS; i++) {
        struct pulse_record r = scene_record(&s, i);
        struct measured_pulse x;
        pixel_model_measure(m, &r, &x);
        sum += (double)x.height / RECORDS;
    }
    scene_done(&s);
    return sum;
}

static struct height_curve curve_of(const struct pixel_sim *p, const struct pixel_model *m) {
    struct height_curve c = { { 0 }, { 0 } };
    for (int k = 1; k < CURVE; k++) {
        c.keV[k] = 0.1 * k;
        c.height[k] = mean_height(p, m, c.keV[k]);
    }
    return c;
}

/* eV off by E(h + a) - E(a), by E(h), and by the standard filter that every program uses; sd of the first in promised deviations. */
struct tail_errors { double bent, straight, standard, pull, kept; };

static struct tail_errors errors_on_tail(const struct pixel_sim *p, const struct pixel_model *m, const struct height_curve *c, double before) {
    enum { RECORDS = 1500 };
    struct scene s = scene_new(p, RECORDS, 0.7, 0, -before, 9);
    struct tail_errors e = { 0 };
    double squares = 0, n = 0;
    for (size_t i = 0; i < RECORDS; i++) {
        struct pulse_record r = scene_record(&s, i);
        struct measured_pulse x, plain;
        pixel_model_measure(m, &r, &plain);
        pixel_model_measure_tail(m, &r, &x);
        assert_true(x.on_tail);
        x.baseline = (float)p->baseline_counts;
        x.baseline_offset = x.pretrigger_mean - x.baseline;
        double tail = (double)measured_pulse_tail(&x), error = 1e3 * (energy_of(c, (double)x.height + tail) - energy_of(c, tail)) - 700;
        if (x.cuts != 0)
            continue;
        double sigma = m->noise_sigma * (double)x.noise_factor * 1e3 * (energy_of(c, 8001) - energy_of(c, 8000));
        e.bent += error;
        e.straight += 1e3 * energy_of(c, (double)x.height) - 700;
        e.standard += 1e3 * energy_of(c, (double)plain.height) - 700;
        squares += error * error / (sigma * sigma);
        e.pull += error / sigma;
        n++;
    }
    scene_done(&s);
    e.pull = sqrt(squares / n - e.pull / n * (e.pull / n));
    return (struct tail_errors){ e.bent / n, e.straight / n, e.standard / n, e.pull, n / RECORDS };
}

static void test_energies_on_a_tail(void **state) {
    (void)state;
    struct pixel_sim p = drawn_pixel(3, PIXEL_GOOD);
    p.crosstalk = 0;
    for (int i = 0; i < DRIFT_WAVES; i++)
        p.drift[i].amplitude_counts = 0;
    p.gain_per_count = 0;
    p.gain_step = 0;
    struct pixel_model *m = scene_learn(&p);
    assert_non_null(m->tail);
    assert_true(pixel_tail_known(m));
    struct height_curve c = curve_of(&p, m);
    for (double before = N - P; before < 520; before += 80) {
        struct tail_errors e = errors_on_tail(&p, m, &c, before);
        print_message("700 eV, %.1f ms after another: E(h + a) - E(a) off by %+.2f eV, E(h) by %+.2f eV, standard filter by %+.2f eV; pull %.2f, kept %.3f\n", before * p.period_s * 1e3, e.bent,
                      e.straight, e.standard, e.pull, e.kept);
        assert_true(fabs(e.bent) < 0.2 && fabs(e.straight) > 4 * fabs(e.bent) && fabs(e.standard) > 4 * fabs(e.bent));
        assert_true(e.pull > 0.9 && e.pull < 1.25 && e.kept > 0.97);
    }
    pixel_model_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heights_on_a_tail), cmocka_unit_test(test_records_that_do_not_fit), cmocka_unit_test(test_tails_that_only_the_shape_shows), cmocka_unit_test(test_crowded_without_a_filter), cmocka_unit_test(test_faint_tails), cmocka_unit_test(test_decay),
        cmocka_unit_test(test_energies_on_a_tail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
