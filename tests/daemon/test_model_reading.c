/* A stored calibration read in the background: what was saved comes back, the first file that is there is taken, and one that lets nobody read it (a
 * pipe without a writer) keeps nobody waiting, also none who writes HDF5 meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/live_choices.h"
#include "daemon/model_reading.h"
#include "daemon/model_store.h"
#include "tests/daemon/made_folder.h"

enum { CHANNELS = 5 };

static void save(const char *path) {
    struct array_model *m;
    assert_true(array_model_new(CHANNELS, 0, &m));
    for (size_t i = 0; i < CHANNELS; i++)
        m->channels[i].channel = 10 + (int32_t)i;
    assert_true(model_store_save(path, m));
    array_model_free(m);
}

static void pause_ms(long ms) { nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL); }

static struct stored_model read_first(const char *a, const char *b) {
    const char *paths[] = { a, b };
    struct model_reading *r;
    assert_true(model_reading_begin(paths, b != NULL ? 2 : 1, &r));
    assert_string_equal(model_reading_path(r), a);
    return model_reading_end(r);
}

static void what_was_saved_comes_back(void **state) {
    (void)state;
    save(in_folder("a.h5"));
    const struct stored_model s = read_first(in_folder("a.h5"), NULL);
    assert_int_equal(s.error, 0);
    assert_non_null(s.model);
    assert_int_equal(s.model->n_channels, CHANNELS);
    assert_int_equal(s.model->channels[3].channel, 13);
    array_model_free(s.model);
}

static void the_first_that_is_there(void **state) {
    (void)state;
    save(in_folder("b.h5"));
    struct stored_model s = read_first(in_folder("none.h5"), in_folder("b.h5"));
    assert_string_equal(s.path, in_folder("b.h5"));
    assert_int_equal(s.error, 0);
    assert_non_null(s.model);
    array_model_free(s.model);
    s = read_first(in_folder("none.h5"), in_folder("nor.h5"));
    assert_string_equal(s.path, in_folder("none.h5"));
    assert_int_equal(s.error, ENOENT);
    assert_null(s.model);
}

static void rubbish_is_no_calibration(void **state) {
    (void)state;
    FILE *f = fopen(in_folder("rubbish.h5"), "w");
    assert_non_null(f);
    fputs("no HDF5 at all", f);
    fclose(f);
    f = fopen(in_folder("empty.h5"), "w");
    assert_non_null(f);
    fclose(f);
    static const char *const names[] = { "rubbish.h5", "empty.h5" };
    for (size_t k = 0; k < 2; k++) {
        const struct stored_model s = read_first(in_folder(names[k]), NULL);
        assert_int_equal(s.error, 0);
        assert_null(s.model);
    }
    const struct stored_model folder = read_first(made_folder()->path, NULL);
    assert_int_equal(folder.error, EISDIR);
    assert_null(folder.model);
}

/* Cut anywhere, a file is a calibration or none; never anything else. */
static void cut_short(void **state) {
    (void)state;
    save(in_folder("c.h5"));
    struct stat st;
    assert_int_equal(stat(in_folder("c.h5"), &st), 0);
    for (off_t n = st.st_size - 1; n > 0; n -= 1 + st.st_size / 40) {
        assert_int_equal(truncate(in_folder("c.h5"), n), 0);
        const struct stored_model s = read_first(in_folder("c.h5"), NULL);
        assert_null(s.model);
    }
}

static void a_silent_disk(void **state) {
    (void)state;
    const char *pipe = in_folder("pipe.h5");
    struct model_reading *r;
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_true(model_reading_begin(&pipe, 1, &r));
    while (model_reading_silent_ms(r) < 20)
        pause_ms(1);
    save(in_folder("meanwhile.h5"));   /* HDF5 is not held up */
    const struct stored_model other = read_first(in_folder("meanwhile.h5"), NULL);
    assert_non_null(other.model);
    array_model_free(other.model);
    assert_false(model_reading_over(r));
    static uint8_t bytes[1 << 20];
    const int from = open(in_folder("meanwhile.h5"), O_RDONLY), to = open(pipe, O_WRONLY);   /* now it answers */
    const ssize_t n = read(from, bytes, sizeof bytes);
    assert_true(n > 0 && n < (ssize_t)sizeof bytes);
    for (ssize_t at = 0, some; at < n; at += some)
        assert_true((some = write(to, bytes + at, (size_t)(n - at))) > 0);
    close(from);
    close(to);
    while (!model_reading_over(r))
        pause_ms(1);
    assert_true(model_reading_silent_ms(r) == 0);
    const struct stored_model s = model_reading_end(r);
    assert_non_null(s.model);
    assert_int_equal(s.model->n_channels, CHANNELS);
    array_model_free(s.model);
}

static void choices_by_name(void **state) {
    (void)state;
    static struct options o;
    char paths[CHOICE_FOLDERS][OPTIONS_TEXT];
    struct live_choices *c;
    options_defaults(&o);
    assert_int_equal(mkdir(in_folder("output"), 0700), 0);
    snprintf(o.calibration.file, sizeof o.calibration.file, "%s", in_folder("a.h5"));
    snprintf(o.output.folder, sizeof o.output.folder, "%s", in_folder("output"));
    save(in_folder("output/a.h5"));
    save(in_folder("output/z.h5"));
    assert_int_equal(live_choices_paths(&o, "a.h5", paths), 2);
    assert_string_equal(paths[0], in_folder("a.h5"));
    assert_string_equal(paths[1], in_folder("output/a.h5"));
    static const char *const wrong[] = { "../a.h5", "a", ".a.h5", "", "/etc/a.h5" };
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++)
        assert_int_equal(live_choices_paths(&o, wrong[k], paths), 0);
    assert_true(live_choices_begin(&o, &c));
    json_t *list = live_choices_end(c), *names = json_object_get(list, "choices");
    assert_string_equal(json_string_value(json_object_get(list, "in_force")), o.calibration.file);
    size_t a = 0, z = 0;
    for (size_t k = 0; k < json_array_size(names); k++) {
        a += strcmp(json_string_value(json_array_get(names, k)), "a.h5") == 0;
        z += strcmp(json_string_value(json_array_get(names, k)), "z.h5") == 0;
    }
    assert_int_equal(a, 1);   /* in both folders, told once */
    assert_int_equal(z, 1);
    json_decref(list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_saved_comes_back), cmocka_unit_test(the_first_that_is_there), cmocka_unit_test(rubbish_is_no_calibration),
        cmocka_unit_test(cut_short),                 cmocka_unit_test(a_silent_disk),           cmocka_unit_test(choices_by_name),
    };
    return cmocka_run_group_tests(tests, made_folder_new, made_folder_remove);
}
