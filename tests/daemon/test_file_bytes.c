/* The window along a file: any way of looking gives the file's bytes, and a file that changes under us gives fewer, never a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/source/file_bytes.h"
#include "tests/seeded.h"

enum { SIZE = 3000017 };   /* several windows */

struct fixture { char path[64]; uint8_t *bytes; };

static void set_up(struct fixture *f) {
    *f = (struct fixture){ .path = "/tmp/tesd_bytes_XXXXXX", .bytes = malloc(SIZE) };
    int fd = mkstemp(f->path);
    assert_true(fd >= 0 && f->bytes != NULL);
    for (size_t i = 0; f->bytes != NULL && i < SIZE; i++)
        f->bytes[i] = (uint8_t)(i * 2654435761U >> 13);
    assert_int_equal(write(fd, f->bytes, SIZE), SIZE);
    close(fd);
}

static void tear_down(struct fixture *f) {
    unlink(f->path);
    free(f->bytes);
}

/* The window holds what was asked for and says the truth about all it holds. */
static void look(struct file_bytes *b, const struct fixture *f, size_t from, size_t n) {
    struct complaint why;
    size_t end = from + n < SIZE ? from + n : SIZE;
    assert_int_equal(file_bytes_view(b, from, n, &why), STATUS_OK);
    assert_true(from >= SIZE || (b->first <= from && b->first + b->n >= end));
    assert_true(b->first + b->n <= SIZE && b->n <= b->capacity);
    if (b->n > 0) {
        assert_int_equal(memcmp(b->data, f->bytes + b->first, b->n), 0);
        assert_int_equal((uintptr_t)b->data % 64, b->first % 64);
    }
    assert_true(file_bytes_at_end(b) == (b->first + b->n >= SIZE));
}

static void any_way_of_looking_gives_the_bytes(void **state) {
    (void)state;
    struct seeded r = seeded_start("any_way_of_looking_gives_the_bytes");
    struct fixture f;
    struct file_bytes b;
    struct complaint why;
    set_up(&f);
    assert_int_equal(file_bytes_open(f.path, &b, &why), STATUS_OK);
    for (size_t at = 0; at < SIZE; at += 2064)
        look(&b, &f, at, 2064);
    for (int i = 0; i < 300; i++) {
        uint32_t kind = seeded_below(&r, 10);
        look(&b, &f, seeded_below(&r, SIZE + 100), kind == 0 ? seeded_below(&r, 1500000) : kind == 1 ? 0 : seeded_below(&r, 5000));
        if (kind == 2)
            file_bytes_rest(&b);
    }
    file_bytes_close(&b);
    tear_down(&f);
}

/* Records that are looked at again stand far apart: a window for each would read the file many times. */
static void a_look_far_away_reads_little(void **state) {
    (void)state;
    enum { LITTLE = 64 << 10 };
    struct fixture f;
    struct file_bytes b;
    struct complaint why;
    set_up(&f);
    assert_int_equal(file_bytes_open(f.path, &b, &why), STATUS_OK);
    for (size_t at = 0; at < SIZE / 2; at += 2064)
        look(&b, &f, at, 2064);
    assert_true(b.n > LITTLE);
    look(&b, &f, 1000, 2064);
    assert_true(b.n < LITTLE);
    look(&b, &f, SIZE - 100000, 2064);
    assert_true(b.n < LITTLE);
    file_bytes_close(&b);
    tear_down(&f);
}

static void a_file_cut_short_gives_fewer_bytes(void **state) {
    (void)state;
    struct fixture f;
    struct file_bytes b;
    struct complaint why;
    set_up(&f);
    assert_int_equal(file_bytes_open(f.path, &b, &why), STATUS_OK);
    look(&b, &f, 0, 1000);
    assert_int_equal(truncate(f.path, 500000), 0);
    assert_int_equal(file_bytes_view(&b, 450000, 100000, &why), STATUS_OK);
    assert_int_equal(b.first + b.n, 500000);
    assert_true(file_bytes_at_end(&b));
    assert_int_equal(file_bytes_view(&b, 700000, 10, &why), STATUS_OK);
    assert_int_equal(b.n, 0);
    assert_true(file_bytes_at_end(&b));
    file_bytes_close(&b);
    tear_down(&f);
}

static void what_grows_meanwhile_is_not_seen(void **state) {
    (void)state;
    struct fixture f;
    struct file_bytes b;
    struct complaint why;
    set_up(&f);
    assert_int_equal(file_bytes_open(f.path, &b, &why), STATUS_OK);
    FILE *more = fopen(f.path, "ab");
    assert_true(more != NULL && fwrite("more", 1, 4, more) == 4 && fclose(more) == 0);
    look(&b, &f, SIZE - 10, 100);
    file_bytes_close(&b);
    tear_down(&f);
}

static void folders_are_refused(void **state) {
    (void)state;
    struct file_bytes b;
    struct complaint why;
    assert_int_equal(file_bytes_open("/tmp", &b, &why), STATUS_IO);
    assert_non_null(strstr(why.text, "regular"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_way_of_looking_gives_the_bytes), cmocka_unit_test(a_look_far_away_reads_little),
        cmocka_unit_test(a_file_cut_short_gives_fewer_bytes),
               cmocka_unit_test(what_grows_meanwhile_is_not_seen), cmocka_unit_test(folders_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
