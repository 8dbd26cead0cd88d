/* Requests in one piece, in many, several at once; the replies that DASTARD gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/control/json_request.h"

static bool add_one(void *context, const json_t *argument, json_t **result, char error[JSON_REQUEST_ERROR]) {
    if (!json_is_integer(argument)) {
        snprintf(error, JSON_REQUEST_ERROR, "not a number");
        *result = json_true();
        return false;
    }
    ++*(int *)context;
    *result = json_integer(json_integer_value(argument) + 1);
    return true;
}

static const struct json_request_row rows[] = {{"Source.AddOne", add_one}};

static void assert_reply(const char *request, enum json_request_end end, const char *expected) {
    int calls = 0;
    const struct json_request_table table = {rows, 1, &calls};
    char *reply;
    assert_int_equal(json_request_answer(&table, request, strlen(request), &reply), end);
    if (expected == NULL)
        assert_null(reply);
    else
        assert_string_equal(reply, expected);
    free(reply);
}

static void test_replies(void **state) {
    (void)state;
    assert_reply("{\"method\":\"Source.AddOne\",\"params\":[4],\"id\":7}", REQUEST_ANSWERED, "{\"id\":7,\"result\":5,\"error\":null}\n");
    assert_reply("{\"id\":\"x\",\"params\":[4,5],\"method\":\"Source.AddOne\"}", REQUEST_ANSWERED, "{\"id\":\"x\",\"result\":5,\"error\":null}\n");
    assert_reply("{\"method\":\"Source.AddOne\",\"params\":[\"4\"],\"id\":8}", REQUEST_ANSWERED, "{\"id\":8,\"result\":null,\"error\":\"not a number\"}\n");
    assert_reply("{\"method\":\"Source.AddOne\",\"id\":8}", REQUEST_ANSWERED, "{\"id\":8,\"result\":null,\"error\":\"jsonrpc: request body missing params\"}\n");
    assert_reply("{\"method\":\"Source.Foo\",\"params\":[4],\"id\":9}", REQUEST_ANSWERED_LAST, "{\"id\":9,\"result\":null,\"error\":\"rpc: can't find method Source.Foo\"}\n");
    assert_reply("{\"params\":[4],\"id\":9}", REQUEST_HANG_UP, NULL);
    assert_reply("{\"method\":\"Source.AddOne\",}", REQUEST_HANG_UP, NULL);
}

static void test_pieces(void **state) {
    (void)state;
    static const char text[] = " \n{\"a\":\"}\\\"{\",\"b\":[{}]}{\"c\":1}";
    for (size_t piece = 1; piece <= sizeof text - 1; piece++) {
        struct json_request_scan s = {0};
        size_t end = 0, n = 0;
        enum json_request_cut cut = REQUEST_MORE;
        while (cut == REQUEST_MORE && n < sizeof text - 1) {
            n = n + piece < sizeof text - 1 ? n + piece : sizeof text - 1;
            cut = json_request_cut(&s, text, n, &end);
        }
        assert_int_equal(cut, REQUEST_WHOLE);
        assert_int_equal(end, strchr(text, 'c') - 2 - text);
    }
}

static void test_what_is_none(void **state) {
    (void)state;
    size_t end = 99;
    struct json_request_scan s = {0};
    assert_int_equal(json_request_cut(&s, "GET / HTTP/1.0", 14, &end), REQUEST_RUBBISH);
    s = (struct json_request_scan){0};
    assert_int_equal(json_request_cut(&s, "[1]", 3, &end), REQUEST_RUBBISH);
    s = (struct json_request_scan){0};
    assert_int_equal(json_request_cut(&s, "  \r\n", 4, &end), REQUEST_MORE);
    s = (struct json_request_scan){0};
    assert_int_equal(json_request_cut(&s, "{\"method\"", 9, &end), REQUEST_MORE);
    assert_int_equal(end, 99);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_replies), cmocka_unit_test(test_pieces), cmocka_unit_test(test_what_is_none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
