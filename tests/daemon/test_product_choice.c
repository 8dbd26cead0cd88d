#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/product_choice.h"

static void names_of_groups_meet_what_is_meant(void **state) {
    (void)state;
    static const struct { struct product_choice choice; const char *group; bool meets; } cases[] = {
        { { .kind = "pfy", .name = "O", .scan = -1 }, "pfy_0002_O", true },
        { { .kind = "pfy", .name = "O", .scan = -1 }, "pfy_0002_O_522_525", false },
        { { .kind = "pfy", .name = "O_522_525", .scan = -1 }, "pfy_0002_O_522_525", true },
        { { .kind = "pfy", .scan = -1 }, "pfy_0002_O_522_525", true },
        { { .kind = "pfy", .name = "O", .scan = 2 }, "pfy_0002_O", true },
        { { .kind = "pfy", .name = "O", .scan = 3 }, "pfy_0002_O", false },
        { { .kind = "pfy", .name = "O", .scan = 2 }, "sum_heated_O_pfy_O", false },
        { { .kind = "pfy", .name = "O", .scan = -1 }, "sum_heated_O_pfy_O", true },
        { { .kind = "pfy", .name = "O", .scan = -1, .sum = "heated_O" }, "sum_heated_O_pfy_O", true },
        { { .kind = "pfy", .name = "O", .scan = -1, .sum = "heated" }, "sum_heated_O_pfy_O", false },
        { { .kind = "pfy", .name = "O", .scan = -1, .sum = "heated_O" }, "pfy_0002_O", false },
        { { .kind = "rixs", .scan = -1 }, "rixs_0002", true },
        { { .kind = "rixs", .scan = -1 }, "sum_pfy_Co_rixs", true },
        { { .kind = "pfy", .name = "O", .scan = -1 }, "sum_pfy_Co_rixs", false },
        { { .kind = "rixs", .scan = -1 }, "ipfy_0002_O", false },
        { { .kind = "pfy", .scan = -1 }, "ipfy_0002_O", false },
        { { .kind = "compare", .name = "O", .scan = -1 }, "compare_O", true },
        { { .kind = "compare", .scan = 2 }, "compare_O", false },
        { { .kind = "pfy_0002_O", .scan = -1 }, "pfy_0002_O", true },
        { { .kind = "heights", .scan = -1 }, "heights", true },
        { { .kind = "", .scan = -1 }, "heights", false },
        { { .kind = "all", .scan = -1 }, "heights", true },
        { { .kind = "all", .scan = -1 }, "sum_heated_O_pfy_O", true },
        { { .kind = "all", .scan = 2 }, "elastic_0002_O", true },
        { { .kind = "all", .scan = 2 }, "elastic_0003_O", false },
        { { .kind = "all", .scan = 2 }, "heights", false },
        { { .kind = "all", .scan = 2 }, "sum_2_O_rixs", false },
        { { .kind = "all", .scan = -1, .sum = "heated_O" }, "sum_heated_O_rixs", true },
        { { .kind = "all", .scan = -1, .sum = "heated" }, "sum_heated2_O_rixs", false },
        { { .kind = "all", .scan = -1, .sum = "heated_O" }, "rixs_0002", false },
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        if (product_choice_meets(&cases[k].choice, cases[k].group) != cases[k].meets)
            fail_msg("case %zu: %s", k, cases[k].group);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(names_of_groups_meet_what_is_meant) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
