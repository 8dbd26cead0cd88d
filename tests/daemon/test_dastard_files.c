/* Growing LJH and OFF files with the server's habits: late, in pieces of 64 KiB, flushed every 20th block; what a death leaves; torn records. */
#include <glob.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/sink/dastard_files.h"
#include "daemon/source/off_header.h"
#include "pulse/record_ljh.h"

enum { SAMPLES = 1000 };
static const struct dastard_formats ljh = {.ljh = true};
static const int64_t now_ns = INT64_C(1772442000000000000);

struct bench { char folder[64]; struct dastard_array *channels; uint16_t samples[SAMPLES]; };

static int set_up(void **state) {
    struct bench *b = calloc(1, sizeof *b);
    const struct dastard_array_settings s = {.n_pixels = 2, .first_number = 7, .number_step = 1, .n_samples = SAMPLES, .n_presamples = 100, .period_s = 1e-5};
    assert_non_null(b);
    strcpy(b->folder, "/tmp/tesd-files-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    assert_true(dastard_array_new(&s, &b->channels));
    for (int k = 0; k < SAMPLES; k++)
        b->samples[k] = (uint16_t)(1000 + k);
    *state = b;
    return 0;
}

static int tear_down(void **state) {
    struct bench *b = *state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", b->folder);
    dastard_array_free(b->channels);
    const int status = system(command);
    free(b);
    return status;
}

static void add(struct dastard_files *f, const struct bench *b, int64_t k, uint64_t block) {
    const struct dastard_record r = {.message = {.channel_index = 1, .record = {.samples = b->samples, .n_samples = SAMPLES, .n_presamples = 100,
                                                                               .trigger_time_ns = now_ns + k * 100000000, .trigger_frame = 5000 * (k + 1)}}};
    dastard_files_add(f, &r, 1, block, 0);
}

static long size_of(const struct bench *b, const char *name) {
    char pattern[128];
    glob_t found;
    struct stat s;
    snprintf(pattern, sizeof pattern, "%s/*/*/*%s", b->folder, name);
    const long size = glob(pattern, 0, NULL, &found) == 0 && stat(found.gl_pathv[found.gl_pathc - 1], &s) == 0 ? (long)s.st_size : -1;
    globfree(&found);
    return size;
}

static void test_growth(void **state) {
    const struct bench *b = *state;
    struct dastard_files *f = NULL;
    char error[DASTARD_ERROR];
    assert_true(dastard_files_new(b->channels, 0, &f));
    assert_false(dastard_files_label(f, "CAL0", now_ns));
    assert_true(dastard_files_start(f, b->folder, ljh, now_ns, error));
    assert_false(dastard_files_start(f, b->folder, ljh, now_ns, error));
    assert_non_null(strstr(error, "already"));
    assert_int_equal(size_of(b, ".ljh"), -1);
    add(f, b, 0, 1);
    assert_int_equal(size_of(b, "chan8.ljh"), 0);
    for (int64_t k = 1; k < 40; k++)
        add(f, b, k, 1);
    assert_int_equal(size_of(b, "chan8.ljh"), 65536);
    add(f, b, 40, 20);
    const long header = size_of(b, "chan8.ljh") - 41 * 2016;
    assert_in_range(header, 300, 2000);
    dastard_files_pause(f, true);
    add(f, b, 41, 40);
    dastard_files_pause(f, false);
    assert_int_equal(size_of(b, "chan8.ljh"), header + 41 * 2016);
    assert_true(dastard_files_written(f)[1] == 41 && dastard_files_written(f)[0] == 0);
    add(f, b, 42, 41);
    dastard_files_tick(f, 2999);
    assert_int_equal(size_of(b, "chan8.ljh"), header + 41 * 2016);
    dastard_files_tick(f, 3000);
    assert_int_equal(size_of(b, "chan8.ljh"), header + 42 * 2016);
    add(f, b, 43, 42);
    dastard_files_stop(f, now_ns + 5);
    assert_int_equal(size_of(b, "chan8.ljh"), header + 43 * 2016);
    dastard_files_free(f);
}

static void test_death_loses_the_buffer(void **state) {
    const struct bench *b = *state;
    struct dastard_files *f = NULL;
    char error[DASTARD_ERROR];
    assert_true(dastard_files_new(b->channels, 0, &f));
    assert_true(dastard_files_start(f, b->folder, ljh, now_ns, error));
    for (int64_t k = 0; k < 40; k++)
        add(f, b, k, 1);
    dastard_files_abandon(f);
    assert_int_equal(size_of(b, "run0001_chan8.ljh"), 65536);
    assert_false(dastard_files_active(f));
    dastard_files_free(f);
    assert_int_equal(size_of(b, "run0001_experiment_state.txt"), 40 + 27);   /* START, no STOP */
}

static void test_torn(void **state) {
    const struct bench *b = *state;
    struct dastard_files *f = NULL;
    char error[DASTARD_ERROR], path[160];
    assert_true(dastard_files_new(b->channels, 10, &f));
    assert_true(dastard_files_start(f, b->folder, ljh, now_ns, error));
    for (int64_t k = 0; k < 45; k++)
        add(f, b, k, 1);
    dastard_files_free(f);
    const long size = size_of(b, "run0002_chan8.ljh");
    snprintf(path, sizeof path, "cat %s/*/0002/*chan8.ljh", b->folder);
    uint8_t *bytes = malloc((size_t)size);
    FILE *from = popen(path, "r");
    assert_true(bytes != NULL && from != NULL && fread(bytes, 1, (size_t)size, from) == (size_t)size);
    pclose(from);
    struct ljh_header header;
    struct ljh_cursor c;
    struct pulse_record r;
    struct complaint why;
    assert_int_equal(ljh_header_parse(bytes, (size_t)size, &header, &why), STATUS_OK);
    ljh_cursor_init(&c, &header);
    while (ljh_cursor_next(&c, bytes, (size_t)size, true, 0, &r) == LJH_RECORD)
        assert_memory_equal(r.samples, b->samples, sizeof b->samples);
    assert_true(c.records == 41 && c.torn == 4 && header.channel == 8 && header.channel_index == 1);
    free(bytes);
}

/* OFF of the channel that has projectors: its header alone is more than a buffer, so for a while the file ends in it. */
static void test_off(void **state) {
    const struct bench *b = *state;
    static double basis[SAMPLES * 5];
    struct dastard_files *f = NULL;
    struct off_projection projections[2] = {{0}};
    char error[DASTARD_ERROR], path[160];
    for (int k = 0; k < SAMPLES; k++)
        for (int j = 0; j < 5; j++)
            basis[5 * k + j] = j == 0 ? 1 : cos(0.003 * j * k);
    assert_int_equal(off_projection_fit(basis, SAMPLES, 100, 5, &projections[1]), STATUS_OK);
    assert_true(dastard_files_new(b->channels, 0, &f));
    dastard_files_project(f, projections);
    assert_true(dastard_files_start(f, b->folder, (struct dastard_formats){.off = true}, now_ns, error));
    add(f, b, 0, 1);
    assert_int_equal(size_of(b, "run0003_chan8.off"), 65536);
    add(f, b, 1, 20);
    const long size = size_of(b, "run0003_chan8.off");
    json_t *body = dastard_files_body(f);
    assert_true(json_is_true(json_object_get(body, "WriteOFF")) && json_is_false(json_object_get(body, "WriteLJH22")));
    json_decref(body);
    dastard_files_stop(f, now_ns);
    assert_int_equal(size_of(b, "run0003_chan8.off"), size);
    assert_int_equal(size_of(b, "run0003_chan8.ljh"), -1);
    snprintf(path, sizeof path, "cat %s/*/0003/*chan8.off", b->folder);
    uint8_t *bytes = malloc((size_t)size);
    FILE *from = popen(path, "r");
    assert_true(bytes != NULL && from != NULL && fread(bytes, 1, (size_t)size, from) == (size_t)size);
    pclose(from);
    struct off_header header;
    struct complaint why;
    double *kept, *kept_projectors;
    assert_int_equal(off_header_parse(bytes, (size_t)size, &header, &kept_projectors, &kept, &why), STATUS_OK);
    assert_true(header.channel == 8 && header.channel_index == 1 && header.n_samples == SAMPLES && header.n_presamples == 100 && header.n_bases == 5);
    assert_memory_equal(kept, basis, sizeof basis);
    assert_memory_equal(kept_projectors, projections[1].projectors, sizeof basis);
    assert_int_equal(off_record_count(&header, (size_t)size), 2);
    assert_int_equal(off_tail_bytes(&header, (size_t)size), 0);
    struct off_record got, want;
    const struct pulse_record r = {.samples = b->samples, .n_samples = SAMPLES, .n_presamples = 100, .trigger_time_ns = now_ns + 100000000, .trigger_frame = 10000};
    off_record_decode(&header, bytes, 1, &got);
    off_projection_take(&projections[1], &r, false, &want);
    assert_memory_equal(&got, &want, offsetof(struct off_record, coefficients) + sizeof got.coefficients);
    free(kept);
    free(kept_projectors);
    free(bytes);
    dastard_files_free(f);
    off_projection_done(&projections[1]);
}

static void test_no_folder(void **state) {
    const struct bench *b = *state;
    struct dastard_files *f = NULL;
    char error[DASTARD_ERROR];
    assert_true(dastard_files_new(b->channels, 0, &f));
    assert_false(dastard_files_start(f, "/proc/nowhere", ljh, now_ns, error));
    assert_non_null(strstr(error, "/proc/nowhere"));
    assert_null(dastard_files_read_comment(f, error));
    dastard_files_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_growth), cmocka_unit_test(test_death_loses_the_buffer), cmocka_unit_test(test_torn), cmocka_unit_test(test_off), cmocka_unit_test(test_no_folder)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
