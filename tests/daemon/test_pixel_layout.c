#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/client/pixel_layout.h"

static void places_by_channel(void **state) {
    (void)state;
    static const char text[] = "channel,row,column\n# a comment\n17, 3, 4\r\n\n  5,0,1023\n1,1,1";
    char why[LAYOUT_WHY];
    struct pixel_layout l;
    assert_true(pixel_layout_read(text, strlen(text), &l, why));
    assert_int_equal(l.n, 3);
    assert_true(l.places[0].channel == 1 && l.places[0].row == 1 && l.places[0].column == 1);
    assert_true(l.places[1].channel == 5 && l.places[1].row == 0 && l.places[1].column == 1023);
    assert_true(l.places[2].channel == 17 && l.places[2].row == 3 && l.places[2].column == 4);
    pixel_layout_done(&l);
}

static void what_is_refused(void **state) {
    (void)state;
    static const struct { const char *text, *why; } bad[] = {
        { "", "no pixel" },        { "# nothing\n", "no pixel" },       { "1,2\n", "line 1" },         { "1,2,3\n4,5,6,7\n", "line 2" }, { "1,2,x\n", "line 1" },
        { "1,-2,3\n", "line 1" }, { "1,2,1024\n", "line 1" },          { "123456789,1,1\n", "line 1" }, { "1,1,1\n1,2,2\n", "channel 1" }, { "1,1,1\n2,1,1\n", "row 1, column 1" },
        { "1,1,1 1\n", "line 1" }, { "row,1,1\n", "line 1" },
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        char why[LAYOUT_WHY] = "";
        struct pixel_layout l = { 0 };
        if (pixel_layout_read(bad[k].text, strlen(bad[k].text), &l, why) || strstr(why, bad[k].why) == NULL || l.places != NULL)
            fail_msg("%s: %s", bad[k].text, why);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(places_by_channel), cmocka_unit_test(what_is_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
