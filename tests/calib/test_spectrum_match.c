#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "calib/spectrum_match.h"
#include "tests/calib/mix_works.h"

static void clear_matches_are_right_and_choices_come_in_order(void **state) {
    (void)state;
    struct seeded r = draw_start("spectrum_match", 68);
    struct mix_works *s = mix_works_new(WORKS_MAX, 2000, &r);
    int clear = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        struct spectrum_match m;
        if (spectrum_match_find(s->work[i].smooth, s->work[i].smooth_fwhm, &s->plan, &m) != STATUS_OK)
            continue;
        for (size_t k = 1; k < m.n_choices; k++)
            assert_true(m.choices[k].score <= m.choices[k - 1].score && m.choices[k - 1].margin >= 0);
        assert_true(fabs(m.margin - m.choices[0].margin) <= 0 || m.n_choices == 1);
        if (m.margin < MATCH_CLEAR_MARGIN)
            continue;
        clear++;
        assert_true(mix_works_worst(s, i, m.height) < 8);
    }
    printf("%d of %u clear, all right\n", clear, s->n);
    assert_true(clear > WORKS_MAX * 3 / 4);
    mix_works_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(clear_matches_are_right_and_choices_come_in_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
