#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "calib/line_match.h"
#include "tests/calib/draw.h"

static const struct match_line anchors[] = {{278.21, 0.7}, {392.25, 0.7}, {524.45, 0.7}, {705.01, 0.7}, {848.85, 0.7}, {926.98, 0.7}};
static const double explained[] = {614.84, 717.45, 742.3, 866.11, 947.52, 1000};
static const struct match_lines mix = {anchors, 6, explained, 6, 1000};

static double height_of(double energy, double gain, double bend) {
    return gain * energy / (1 + bend * energy);
}

/* The peaks of the mix as one pixel has them, in mixed order. */
static size_t peaks_of(double gain, double bend, struct peak *out) {
    static const struct { double energy, prominence; } lines[] = {
        {1000, 80}, {278.21, 40}, {848.85, 100}, {392.25, 120}, {614.84, 8}, {524.45, 90}, {742.3, 9}, {705.01, 35}, {926.98, 12}, {947.52, 5}};
    for (size_t i = 0; i < 10; i++)
        out[i] = (struct peak){.at = height_of(lines[i].energy, gain, bend), .value = lines[i].prominence, .prominence = lines[i].prominence};
    return 10;
}

static void assert_right(const struct line_match *m, double gain, double bend) {
    for (size_t k = 0; k < m->n; k++) {
        double want = height_of(anchors[m->line[k]].energy_eV, gain, bend);
        if (!(fabs(m->height[k] - want) < 0.006 * want))
            fail_msg("line %zu at %.0f, not %.0f (gain %.1f bend %.2e)", m->line[k], m->height[k], want, gain, bend);
    }
}

static void the_mix_is_found_whatever_the_gain(void **state) {
    (void)state;
    struct seeded r = draw_start("line_match gain", 21);
    for (int t = 0; t < 100; t++) {
        double gain = 3 + 30 * draw_uniform(&r), bend = 0.4e-3 * draw_uniform(&r);
        struct peak peaks[10];
        struct line_match m;
        size_t n = peaks_of(gain, bend, peaks);
        for (size_t i = 0; i < n; i++)
            peaks[i].at *= 1 + 0.001 * draw_normal(&r);
        assert_int_equal(line_match_find(peaks, n, &mix, &m), STATUS_OK);
        assert_int_equal(m.n, 6);
        assert_true(m.margin > MATCH_CLEAR_MARGIN);
        assert_right(&m, gain, bend);
    }
}

static void an_unknown_line_does_not_take_a_place(void **state) {
    (void)state;
    struct peak peaks[12];
    struct line_match m;
    size_t n = peaks_of(12, 2e-4, peaks);
    peaks[n++] = (struct peak){.at = height_of(450, 12, 2e-4), .value = 150, .prominence = 150};
    peaks[n++] = (struct peak){.at = height_of(650, 12, 2e-4), .value = 60, .prominence = 60};
    assert_int_equal(line_match_find(peaks, n, &mix, &m), STATUS_OK);
    assert_int_equal(m.n, 6);
    assert_right(&m, 12, 2e-4);
}

static void one_line_may_be_missing(void **state) {
    (void)state;
    struct peak peaks[10];
    struct line_match m;
    size_t n = peaks_of(12, 2e-4, peaks);
    peaks[1] = peaks[--n];  /* no carbon */
    assert_int_equal(line_match_find(peaks, n, &mix, &m), STATUS_OK);
    assert_int_equal(m.n, 5);
    assert_int_equal(m.line[0], 1);
    assert_right(&m, 12, 2e-4);
}

/* Three lines in geometric progression and four peaks in the same one: two assignments fit equally. */
static void ambiguity_is_told_by_the_margin(void **state) {
    (void)state;
    const struct match_line lines[] = {{300, 1}, {450, 1}, {675, 1}};
    const struct match_lines known = {lines, 3, NULL, 0, 1000};
    const struct peak peaks[] = {{3000, 50, 50}, {4500, 50, 50}, {6750, 50, 50}, {10125, 50, 50}};
    struct line_match m;
    assert_int_equal(line_match_find(peaks, 4, &known, &m), STATUS_OK);
    printf("margin of an ambiguous spectrum: %.2f\n", m.margin);
    assert_true(m.margin < MATCH_CLEAR_MARGIN);
}

static double chance_of_at_least(unsigned n, double mean) {
    double below = 0, term = exp(-mean);
    for (unsigned k = 0; k < n; k++, term *= mean / k)
        below += term;
    return 1 - below;
}

/* One energy of the table is wrong by 10 to 50 eV: a clear choice has no peak that is another line's under a line that is right in the table. */
static void a_wrong_energy_leads_to_no_wrong_choice(void **state) {
    (void)state;
    struct seeded r = draw_start("line_match typo", 27);
    unsigned clear = 0, right = 0, cases = 0;
    double stated = 0;   /* how many of the clear ones are wrong by what their margins say: e^margin to one that the next choice is no better */
    for (size_t wrong = 1; wrong < 6; wrong++)
        for (int off = -50; off <= 50; off += 5) {
            if (abs(off) < 10)
                continue;
            struct match_line typed[6];
            memcpy(typed, anchors, sizeof typed);
            typed[wrong].energy_eV += off;
            struct match_lines lines = mix;
            lines.anchors = typed;
            struct peak peaks[10];
            double gain = 5 + 20 * draw_uniform(&r), bend = 1e-4 + 0.2e-3 * draw_uniform(&r);
            size_t n = peaks_of(gain, bend, peaks);
            for (size_t i = 0; i < n; i++)
                peaks[i].at *= 1 + 0.0003 * draw_normal(&r);
            struct line_match m;
            cases++;
            if (line_match_find(peaks, n, &lines, &m) != STATUS_OK || m.margin < MATCH_CLEAR_MARGIN)
                continue;
            clear++;
            stated += 1 / (1 + exp(m.margin));
            bool good = true;
            for (size_t k = 0; k < m.n; k++)
                good = good && (m.line[k] == wrong || fabs(m.height[k] / height_of(anchors[m.line[k]].energy_eV, gain, bend) - 1) < 0.006);
            right += good;
            if (!good)
                printf("%.0f %+d eV: wrong choice, score %.1f margin %.1f rms %.2f\n", anchors[wrong].energy_eV, off, m.score, m.margin, m.rms_eV);
        }
    printf("%u tables with a wrong energy: %u told clearly, %u of them right, %.2f wrong by their margins\n", cases, clear, right, stated);
    assert_true(clear > cases / 3 && chance_of_at_least(clear - right, stated) > 1e-3);   /* a coincidence that fits within 1 eV cannot be seen */
}

/* Ni La typed 35 eV low lies where, with Cu La at the elastic peak and Fe La missing, all others fit within 0.6 eV: once told clearly. */
static void a_wrong_energy_is_not_another_line_missing(void **state) {
    (void)state;
    struct seeded r = draw_start("line_match Ni typed low", 29);
    struct match_line typed[6];
    memcpy(typed, anchors, sizeof typed);
    typed[4].energy_eV -= 35;
    struct match_lines lines = mix;
    lines.anchors = typed;
    for (int t = 0; t < 40; t++) {
        struct peak peaks[10];
        struct line_match m;
        double gain = 5 + 20 * draw_uniform(&r), bend = 1e-4 + 0.2e-3 * draw_uniform(&r);
        size_t n = peaks_of(gain, bend, peaks);
        for (size_t i = 0; i < n; i++)
            peaks[i].at *= 1 + 0.0003 * draw_normal(&r);
        assert_int_equal(line_match_find(peaks, n, &lines, &m), STATUS_OK);
        assert_true(m.margin < MATCH_CLEAR_MARGIN);
    }
}

static void nonsense_is_not_matched(void **state) {
    (void)state;
    struct line_match m;
    const struct peak far[] = {{10, 5, 5}, {10000, 5, 5}};
    assert_int_equal(line_match_find(far, 2, &mix, &m), STATUS_NOT_FOUND);
    assert_int_equal(line_match_find(far, 0, &mix, &m), STATUS_NOT_FOUND);
    assert_int_equal(line_match_find(far, 1, &mix, &m), STATUS_NOT_FOUND);
    struct peak prune[] = {{100, 5, 5}, {101, 9, 9}, {200, 1, 1}};
    assert_int_equal(line_match_prune(prune, 3, 0.02, 14), 2);
    assert_true(fabs(prune[0].at - 101) < 1e-9);
}

static void many_lines_and_peaks_end_quickly(void **state) {
    (void)state;
    struct seeded r = draw_start("line_match many", 2);
    struct match_line many[24];
    struct peak peaks[60];
    for (int i = 0; i < 24; i++)
        many[i] = (struct match_line){200 + 40 * i, 1};
    for (int i = 0; i < 60; i++)
        peaks[i] = (struct peak){.at = 2000 + 200 * i + 30 * draw_uniform(&r), .value = 10, .prominence = 10 + draw_uniform(&r)};
    struct match_lines known = {many, 24, NULL, 0, 1200};
    struct line_match m;
    enum status s = line_match_find(peaks, 60, &known, &m);
    assert_true(s == STATUS_OK || s == STATUS_NOT_FOUND);
}

static void gain_fit_is_exact_for_a_quadratic_gain(void **state) {
    (void)state;
    double h[5], e[5], sigma[5] = {1, 2, 1, 3, 1}, gain[3], residual[5];
    for (int i = 0; i < 5; i++) {
        h[i] = 2000 + 2000 * i;
        e[i] = h[i] / (15 - 1e-4 * h[i] - 5e-9 * h[i] * h[i]);
    }
    double rms = line_match_gain_fit(h, e, sigma, 5, gain, residual);
    assert_true(rms < 1e-6 && fabs(gain[0] - 15) < 1e-6 && fabs(gain[1] + 1e-4) < 1e-9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mix_is_found_whatever_the_gain), cmocka_unit_test(an_unknown_line_does_not_take_a_place),
        cmocka_unit_test(one_line_may_be_missing),            cmocka_unit_test(ambiguity_is_told_by_the_margin),
        cmocka_unit_test(a_wrong_energy_leads_to_no_wrong_choice), cmocka_unit_test(a_wrong_energy_is_not_another_line_missing), cmocka_unit_test(nonsense_is_not_matched),            cmocka_unit_test(many_lines_and_peaks_end_quickly),
        cmocka_unit_test(gain_fit_is_exact_for_a_quadratic_gain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
