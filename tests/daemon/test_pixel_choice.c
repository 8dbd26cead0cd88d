#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/cli/merge_arguments.h"
#include "daemon/pixel_choice.h"

static const uint32_t channels[6] = { 1, 3, 5, 100, 101, 120 };
static const double fwhm_eV[6] = { 1.5, NAN, 1.2, 1.3, 2.0, 1.4 };

static void chosen(const char *text, const char *want) {
    struct pixel_choice c;
    uint8_t used[6] = { 1, 1, 1, 1, 0, 1 };   /* one was not used before, and stays so */
    assert_true(pixel_choice_parse(text, &c));
    assert_true(pixel_choice_apply(&c, channels, fwhm_eV, 6, used));
    for (int i = 0; i < 6; i++)
        assert_int_equal(used[i], want[i] - '0');
}

static void pixels_are_chosen_by_rank_resolution_and_channel(void **state) {
    (void)state;
    chosen("all", "111101");
    chosen("best:2", "001100");
    chosen("best:5", "111101");
    chosen("resolution:1.4", "001101");
    chosen("3, 99-105", "010100");
    static const char *const wrong[] = { "", "best", "best:0", "best:-3", "best:2x", "resolution:", "resolution:-1", "resolution:x", "64 best", "3,,", "a" };
    struct pixel_choice c;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(pixel_choice_parse(wrong[i], &c));
}

static void axes_are_read_or_refused_with_the_reason(void **state) {
    (void)state;
    char why[200];
    struct energy_axis a;
    assert_true(merge_axis_parse("-20:80:0.25", &a, why, sizeof why) && a.lo_eV == -20 && a.hi_eV == 80 && a.bin_eV == 0.25);
    assert_true(merge_axis_parse("500:560:0.1", &a, why, sizeof why));
    static const char *const axes[] = { "", "1:2", "1:2:3", "2:1:0.1", "0:1:0", "0:1:-1", "0:1:0.3", "0:1:0.1x", "nan:1:0.1", "0:1e9:0.01" };
    for (size_t i = 0; i < sizeof axes / sizeof *axes; i++) {
        why[0] = '\0';
        assert_false(merge_axis_parse(axes[i], &a, why, sizeof why));
        assert_true(why[0] != '\0');
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_are_chosen_by_rank_resolution_and_channel),
        cmocka_unit_test(axes_are_read_or_refused_with_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
