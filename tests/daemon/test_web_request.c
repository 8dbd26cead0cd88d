#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/client/web_request.h"

static struct web_request read_text(const char *text) {
    struct web_request r;
    web_request_read(text, strlen(text), &r);
    return r;
}

static void news_with_and_without_wants(void **state) {
    (void)state;
    struct web_request r = read_text("next");
    assert_true(r.kind == WEB_NEXT && r.n_wants == 0);
    r = read_text("{\"next\": []}");
    assert_true(r.kind == WEB_NEXT && r.n_wants == 0);
    r = read_text("{\"next\": [\"scan 4\", \"detail/17/\", \"scan 4\"]}");
    assert_true(r.kind == WEB_NEXT && r.n_wants == 2);
    assert_string_equal(r.wants[0], "scan 4");
    assert_string_equal(r.wants[1], "detail/17/");
}

static void what_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = { "", "nex", "next ", "{", "[1]", "7", "\"next\"", "{}", "{\"next\": 1}", "{\"next\": [1]}", "{\"next\": [\"\"]}", "{\"next\": [\"a\", null]}", "{\"next\": [\"a\\u0000b\"]}",
                                         "{\"method\": \"file_start\"}", "{\"method\": 3}", "{\"method\": [\"roi_set\"]}" };
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        struct web_request r = read_text(texts[k]);
        if (r.kind != WEB_REFUSED || r.why[0] == '\0' || r.n_wants != 0)
            fail_msg("%s is not refused", texts[k]);
    }
    char longest[WEB_WANT_TEXT + 32], many[40 * WEB_WANTS] = "{\"next\": [\"0\"";
    snprintf(longest, sizeof longest, "{\"next\": [\"%0*d\"]}", WEB_WANT_TEXT - 1, 0);
    assert_true(read_text(longest).kind == WEB_NEXT);
    snprintf(longest, sizeof longest, "{\"next\": [\"%0*d\"]}", WEB_WANT_TEXT, 0);
    assert_true(read_text(longest).kind == WEB_REFUSED);
    for (int k = 0; k < WEB_WANTS; k++)
        snprintf(many + strlen(many), sizeof many - strlen(many), ", \"x%d\"", k);
    snprintf(many + strlen(many), sizeof many - strlen(many), "]}");
    assert_true(read_text(many).kind == WEB_REFUSED);
}

static void methods_that_the_page_needs(void **state) {
    (void)state;
    assert_true(read_text("{\"method\": \"roi_set\", \"params\": [{\"O\": [505, 535]}]}").kind == WEB_CONTROL);
    assert_true(read_text("{\"method\": \"axes_get\"}").kind == WEB_CONTROL);
    assert_true(read_text("{\"method\": \"calibration_learn\"}").kind == WEB_REFUSED);
}

static void details_of_pixels(void **state) {
    (void)state;
    assert_int_equal(web_request_pixel("detail/0/"), 0);
    assert_int_equal(web_request_pixel("detail/239/"), 239);
    static const char *const others[] = { "", "detail/", "detail//", "detail/1", "detail/1/x", "detail/-1/", "detail/ 1/", "detail/1234567/", "pixel/1/", "scan 1" };
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        assert_int_equal(web_request_pixel(others[k]), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(news_with_and_without_wants), cmocka_unit_test(what_is_refused), cmocka_unit_test(methods_that_the_page_needs), cmocka_unit_test(details_of_pixels) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
