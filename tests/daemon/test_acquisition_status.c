#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/source/acquisition_status.h"
#include "tests/daemon/made_folder.h"

static const char text[] =
    "{\"CHANNELNAMES\": [\"err1\", \"chan1\", \"err3\", \"chan3\", \"chan12043\", \"x\"], \"GROUPTRIGGER\": {\"Connections\": {\"1\": [2, 4, 5]}},"
    " \"TRIGGER\": [{\"ChannelIndices\": [1, 5, 99, -1], \"AutoTrigger\": true, \"EdgeTrigger\": true},"
    "               {\"ChannelIndices\": [3], \"EdgeMulti\": true, \"EdgeMultiMakeContaminatedRecords\": true, \"EdgeTrigger\": true},"
    "               {\"ChannelIndices\": [4], \"EdgeMulti\": true}, {\"ChannelIndices\": [0]}]}";

static void assert_mode(const struct acquisition_status *s, int32_t channel, enum trigger_kind kind, bool automatic, bool secondary) {
    const struct trigger_mode *m = acquisition_status_find(s, channel);
    assert_non_null(m);
    assert_true(m->kind == kind && m->automatic == automatic && m->secondary == secondary);
}

/* err3 receives group triggers, chan3 does not. */
static void modes_follow_the_flags(void **state) {
    (void)state;
    struct acquisition_status s;
    struct complaint why;
    assert_int_equal(acquisition_status_parse((const uint8_t *)text, sizeof text - 1, &s, &why), STATUS_OK);
    assert_mode(&s, 1, TRIGGER_KIND_EDGE, true, false);
    assert_mode(&s, 3, TRIGGER_KIND_EDGE_MULTI, false, false);
    assert_mode(&s, 12043, TRIGGER_KIND_ISOLATED, false, true);
    assert_null(acquisition_status_find(&s, 5));
    acquisition_status_done(&s);
}

static void what_is_no_status_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = { "", "{", "[]", "7", "{\"TRIGGER\": []}", "{\"TRIGGER\": {}, \"CHANNELNAMES\": []}" };
    struct acquisition_status s = { .n = 77 };
    struct complaint why;
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
        assert_int_equal(acquisition_status_parse((const uint8_t *)bad[k], strlen(bad[k]), &s, &why), STATUS_BAD_VALUE);
    assert_int_equal(s.n, 77);
}

static void write_text(const char *name, const char *what) {
    FILE *f = fopen(in_folder(name), "w");
    assert_non_null(f);
    fputs(what, f);
    fclose(f);
}

static void files_beside_the_runs_are_read(void **state) {
    (void)state;
    char *folders[] = { made_folder()->path };
    struct acquisition_status s;
    assert_true(acquisition_status_collect(folders, 1, &s));
    assert_int_equal(s.n, 0);
    acquisition_status_done(&s);
    write_text("20260302_run0001_acquisition.json", text);
    write_text("20260302_run0002_acquisition.json", "{ half");
    write_text("20260302_run0003_acquisition.json", "{\"CHANNELNAMES\": [\"chan3\"], \"TRIGGER\": [{\"ChannelIndices\": [0], \"EdgeMulti\": false, \"LevelTrigger\": true}]}");
    assert_true(acquisition_status_collect(folders, 1, &s));
    assert_mode(&s, 1, TRIGGER_KIND_EDGE, true, false);
    assert_mode(&s, 3, TRIGGER_KIND_LEVEL, false, false);
    acquisition_status_done(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modes_follow_the_flags),
        cmocka_unit_test(what_is_no_status_is_refused),
        cmocka_unit_test(files_beside_the_runs_are_read),
    };
    return cmocka_run_group_tests(tests, made_folder_new, made_folder_remove);
}
