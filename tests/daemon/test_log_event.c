#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/live_alarms.h"
#include "daemon/log_event.h"

static const char *value_of(char fields[LOG_EVENT_FIELDS][LOG_EVENT_BYTES], size_t n, const char *name) {
    const char *found = NULL;
    for (size_t k = 0; k < n; k++)
        if (strncmp(fields[k], name, strlen(name)) == 0 && fields[k][strlen(name)] == '=')
            found = fields[k] + strlen(name) + 1;
    return found;
}

static void fields_tell_all(void **state) {
    (void)state;
    char f[LOG_EVENT_FIELDS][LOG_EVENT_BYTES];
    struct log_event e = { .code = "lost_upstream", .text = "12 of 48203 records\nMESSAGE=forged", .run = "20261127_run0003", .scan = 7, .lost = 12 };
    size_t n = log_event_fields(&e, f);
    assert_int_equal(n, LOG_EVENT_FIELDS);
    assert_string_equal(value_of(f, n, "MESSAGE"), "12 of 48203 records?MESSAGE=forged");
    assert_string_equal(value_of(f, n, "PRIORITY"), "4");
    assert_string_equal(value_of(f, n, "RIXS_EVENT"), "lost_upstream");
    assert_string_equal(value_of(f, n, "RIXS_STATE"), "begins");
    assert_string_equal(value_of(f, n, "RIXS_RUN"), "20261127_run0003");
    assert_string_equal(value_of(f, n, "RIXS_SCAN"), "7");
    assert_string_equal(value_of(f, n, "RIXS_LOST"), "12");
    e = (struct log_event){ .code = "lost_upstream", .text = "x", .run = "", .scan = -1, .over = true, .error = true };
    n = log_event_fields(&e, f);
    assert_int_equal(n, LOG_EVENT_FIELDS - 2);
    assert_null(value_of(f, n, "RIXS_RUN"));
    assert_null(value_of(f, n, "RIXS_SCAN"));
    assert_string_equal(value_of(f, n, "PRIORITY"), "6");
    assert_string_equal(value_of(f, n, "MESSAGE"), "over: x");
}

/* 128 bits in hexadecimal, the same each time, another for each class. */
static void each_class_has_its_id(void **state) {
    (void)state;
    char ids[N_ALARMS][33], f[LOG_EVENT_FIELDS][LOG_EVENT_BYTES];
    for (unsigned k = 0; k < N_ALARMS; k++) {
        const struct log_event e = { .code = live_alarm_code((enum alarm_code)k), .text = "", .run = "", .scan = -1 };
        const char *id = value_of(f, log_event_fields(&e, f), "MESSAGE_ID");
        assert_int_equal(strlen(id), 32);
        assert_int_equal(strspn(id, "0123456789abcdef"), 32);
        memcpy(ids[k], id, 33);
        for (unsigned i = 0; i < k; i++)
            assert_string_not_equal(ids[i], ids[k]);
    }
}

static void long_texts_are_cut(void **state) {
    (void)state;
    char f[LOG_EVENT_FIELDS][LOG_EVENT_BYTES], text[3 * LOG_EVENT_BYTES];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    const struct log_event e = { .code = "overload", .text = text, .run = text, .scan = 1 };
    assert_int_equal(log_event_fields(&e, f), LOG_EVENT_FIELDS);
    assert_int_equal(strlen(f[0]), LOG_EVENT_BYTES - 1);
}

static void no_journal_no_event(void **state) {
    (void)state;
    unsetenv("JOURNAL_STREAM");
    assert_false(log_event(&(struct log_event){ .code = "overload", .text = "x", .run = "", .scan = -1 }));
    setenv("JOURNAL_STREAM", "1:1", 1);   /* somebody else's stream */
    assert_false(log_event(&(struct log_event){ .code = "overload", .text = "x", .run = "", .scan = -1 }));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_tell_all),
        cmocka_unit_test(each_class_has_its_id),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(no_journal_no_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
