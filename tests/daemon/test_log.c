/* Messages: one line each, cleaned of control characters, cut when too long, with priorities for the journal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "daemon/log.h"
#include "tests/daemon/capture.h"

static void levels_have_words(void **state) {
    (void)state;
    char text[500];
    log_set_level(LOG_LEVEL_NOTE);
    struct capture c = capture_begin();
    log_error("a %d", 1);
    log_warning("b %s", "two");
    log_note("c");
    log_debug("not shown");
    capture_end(&c, text, sizeof text);
    assert_string_equal(text, "tesd: error: a 1\ntesd: warning: b two\ntesd: c\n");
}

static void level_decides(void **state) {
    (void)state;
    char text[500];
    struct capture c = capture_begin();
    log_set_level(LOG_LEVEL_ERROR);
    log_warning("not shown");
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("shown");
    capture_end(&c, text, sizeof text);
    log_set_level(LOG_LEVEL_NOTE);
    assert_string_equal(text, "tesd: debug: shown\n");
}

static void outside_text_cannot_forge_lines(void **state) {
    (void)state;
    char text[500];
    struct capture c = capture_begin();
    log_error("%s", "x\ntesd: error: forged\x1b[2J\x7f");
    capture_end(&c, text, sizeof text);
    assert_string_equal(text, "tesd: error: x?tesd: error: forged?[2J?\n");
}

static void long_messages_are_cut(void **state) {
    (void)state;
    static char text[20000], message[10000];
    memset(message, 'y', sizeof message - 1);
    struct capture c = capture_begin();
    log_error("%s", message);
    log_error("next");
    capture_end(&c, text, sizeof text);
    const char *end = strchr(text, '\n');
    assert_non_null(end);
    assert_memory_equal(end - 3, "...", 3);
    assert_string_equal(end + 1, "tesd: error: next\n");
}

static void journal_gets_priorities(void **state) {
    (void)state;
    char text[500], stream[64];
    struct capture c = capture_begin();
    struct stat s;
    assert_int_equal(fstat(STDERR_FILENO, &s), 0);
    snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)s.st_dev, (uintmax_t)s.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_error("a");
    log_note("b");
    setenv("JOURNAL_STREAM", "1:1", 1);
    log_note("c");
    unsetenv("JOURNAL_STREAM");
    capture_end(&c, text, sizeof text);
    assert_string_equal(text, "<3>tesd: error: a\n<6>tesd: b\ntesd: c\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_have_words),
        cmocka_unit_test(level_decides),
        cmocka_unit_test(outside_text_cannot_forge_lines),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(journal_gets_priorities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
