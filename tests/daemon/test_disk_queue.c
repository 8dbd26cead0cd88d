/* The queue against both engines, and against a disk that fails, writes short and answers out of order: what is said to be in the file
 * is there at every moment, and in the end all is there once. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/log.h"
#include "daemon/sink/disk_queue.h"
#include "tests/daemon/made_folder.h"
#include "tests/dice.h"

enum { BUFFER = 16384 };

/* ---- a bad disk: performs at once as pwrite would, tells later, in any order, and often refuses ---- */

enum { BAD_DEPTH = 4 };

struct bad_disk {
    struct dice dice;
    int error;              /* what is refused is refused with this */
    double refuses, shortens;
    unsigned n;
    struct { struct disk_request *request; int result; } through[BAD_DEPTH];
};

static struct bad_disk bad;

static bool bad_start(const struct disk_arena *arena, unsigned depth, void **state) {
    (void)arena;
    (void)depth;
    *state = &bad;
    return true;
}

static void bad_stop(void *state) { (void)state; }

static int bad_result(const struct disk_request *r) {
    if (dice_unit(&bad.dice) < bad.refuses)
        return -bad.error;
    if (r->op != DISK_WRITE)
        return 0;
    size_t n = r->n;
    if (dice_unit(&bad.dice) < bad.shortens)
        n = 1 + (size_t)dice_below(&bad.dice, (int64_t)n);
    const int flags = fcntl(r->fd, F_GETFL);
    fcntl(r->fd, F_SETFL, flags & ~O_DIRECT);   /* a short write may end anywhere */
    return (int)pwrite(r->fd, r->data, n, (off_t)r->offset);
}

static bool bad_submit(void *state, struct disk_request *r) {
    (void)state;
    if (bad.n == BAD_DEPTH)
        return false;
    bad.through[bad.n].request = r;
    bad.through[bad.n++].result = bad_result(r);
    return true;
}

static struct disk_request *bad_reap(void *state, int64_t wait_ns, int *result) {
    (void)state;
    (void)wait_ns;
    if (bad.n == 0 || dice_unit(&bad.dice) < 0.3)
        return NULL;
    const unsigned k = (unsigned)dice_below(&bad.dice, bad.n);
    struct disk_request *r = bad.through[k].request;
    *result = bad.through[k].result;
    bad.through[k] = bad.through[--bad.n];
    return r;
}

static const struct disk_engine bad_engine = { .name = "bad", .start = bad_start, .stop = bad_stop, .submit = bad_submit, .reap = bad_reap };

/* ---- */

static uint8_t byte_at(unsigned file, uint64_t k) { return (uint8_t)(k * 2654435761u >> 11 ^ file * 77u); }

static struct disk_queue *queue_on(const struct disk_engine *engine, unsigned n_buffers) {
    struct disk_queue *q;
    assert_true(disk_queue_new(&(struct disk_queue_settings){ .engine = engine, .n_buffers = n_buffers, .buffer_bytes = BUFFER, .depth = 4, .retry_s = 0.01 }, &q));
    return q;
}

static void file_holds(const char *path, unsigned file, uint64_t n) {
    const int fd = open(path, O_RDONLY);
    uint8_t bytes[4096];
    assert_true(fd >= 0);
    for (uint64_t at = 0; at < n; at += sizeof bytes) {
        const size_t want = n - at < sizeof bytes ? (size_t)(n - at) : sizeof bytes;
        assert_int_equal(pread(fd, bytes, want, (off_t)at), (ssize_t)want);
        for (size_t k = 0; k < want; k++)
            if (bytes[k] != byte_at(file, at + k))
                fail_msg("%s: byte %llu is wrong", path, (unsigned long long)(at + k));
    }
    close(fd);
}

static uint64_t size_of(const char *path) {
    struct stat facts;
    assert_int_equal(stat(path, &facts), 0);
    return (uint64_t)facts.st_size;
}

enum { FILES = 5 };

/* A writer of one file as the recorder is one: fills a buffer, now and then writes what there is before it is full. */
struct writer {
    struct disk_file *file;
    const char *path;
    uint8_t *buffer;
    uint64_t at, given;      /* of the buffer's first byte; bytes given so far */
    size_t fill, from;       /* in the buffer: filled, and from where it is still to be written */
};

static void fill(struct disk_queue *q, struct writer *w, unsigned file, size_t n) {
    if (w->buffer == NULL)
        w->buffer = disk_queue_take(q);
    for (size_t k = 0; w->buffer != NULL && k < n && w->fill < BUFFER; k++, w->fill++)
        w->buffer[w->fill] = byte_at(file, w->at + w->fill);
}

static void write_out(struct disk_queue *q, struct writer *w, bool all) {
    const bool full = w->fill == BUFFER || all;
    if (w->buffer == NULL || w->fill == w->from || !disk_queue_write(q, w->file, w->buffer + w->from, w->fill - w->from, w->at + w->from, full))
        return;
    w->given = w->at + w->fill;
    w->from = w->fill / DISK_ALIGN * DISK_ALIGN;
    if (full) {
        w->at += w->fill;
        w->buffer = NULL;
        w->fill = w->from = 0;
    }
}

static void write_at_random(struct disk_queue *q, struct dice *d, const char *folder, unsigned rounds) {
    static char paths[FILES][200];
    struct writer w[FILES] = { 0 };
    int64_t now_ns = 0;
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(paths[i], sizeof paths[i], "%s_%u", in_folder(folder), i);
        w[i].path = paths[i];
        w[i].file = disk_queue_create(q, paths[i]);
        assert_non_null(w[i].file);
    }
    for (unsigned r = 0; r < rounds; r++) {
        const unsigned i = (unsigned)dice_below(d, FILES);
        fill(q, &w[i], i, (size_t)dice_below(d, BUFFER));
        if (w[i].fill == BUFFER || dice_below(d, 3) == 0)
            write_out(q, &w[i], false);
        if (dice_below(d, 20) == 0)
            disk_queue_sync(q, w[i].file);
        disk_queue_step(q, now_ns += 5000000, 0);
        if (r % 16 == 0)
            file_holds(paths[i], i, disk_file_state(w[i].file).acked_bytes);
    }
    bad.refuses = 0;
    for (unsigned i = 0; i < FILES; i++)
        for (unsigned tries = 0; tries < 1000 && w[i].buffer != NULL && w[i].fill > w[i].from; tries++) {
            write_out(q, &w[i], true);
            disk_queue_step(q, now_ns += 20000000, 1000000);
        }
    for (unsigned i = 0; i < FILES; i++)
        disk_queue_close(q, w[i].file);
    for (unsigned tries = 0; tries < 100000 && !disk_queue_idle(q); tries++)
        disk_queue_step(q, now_ns += 20000000, 1000000);
    assert_true(disk_queue_idle(q));
    for (unsigned i = 0; i < FILES; i++) {
        assert_int_equal(size_of(paths[i]), w[i].given);
        file_holds(paths[i], i, w[i].given);
    }
}

static void all_engines_write_the_same(void **state) {
    (void)state;
    static const char *const names[] = { "uring", "pwrite" };
    struct dice d = dice_new();
    for (unsigned k = 0; k < 2; k++) {
        void *probe;
        struct disk_arena none = { 0 };
        if (!disk_engine_find(names[k])->start(&none, 4, &probe)) {
            print_message("skipped: this machine has no %s\n", names[k]);
            continue;
        }
        disk_engine_find(names[k])->stop(probe);
        struct disk_queue *q = queue_on(disk_engine_find(names[k]), 12);
        assert_string_equal(disk_queue_engine(q), names[k]);
        write_at_random(q, &d, names[k], 3000);
        assert_int_equal(disk_queue_health(q, 0).errors, 0);
        disk_queue_free(q);
    }
}

static void a_bad_disk_loses_nothing(void **state) {
    (void)state;
    static const int errors[] = { ENOSPC, EIO, EROFS, ESTALE, EINTR, EINVAL };
    struct dice d = dice_new();
    log_set_level(LOG_LEVEL_ERROR);
    for (unsigned k = 0; k < sizeof errors / sizeof errors[0]; k++) {
        char name[16];
        snprintf(name, sizeof name, "bad%u", k);
        bad = (struct bad_disk){ .dice = d, .error = errors[k], .refuses = 0.4, .shortens = 0.4 };
        struct disk_queue *q = queue_on(&bad_engine, 9);
        write_at_random(q, &d, name, 1500);
        disk_queue_free(q);
    }
    log_set_level(LOG_LEVEL_NOTE);
}

static void buffers_are_bounded_and_come_back(void **state) {
    (void)state;
    bad = (struct bad_disk){ .dice = dice_new(), .error = ENOSPC, .refuses = 1 };
    log_set_level(LOG_LEVEL_ERROR);
    struct disk_queue *q = queue_on(&bad_engine, 3);
    struct disk_file *f = disk_queue_create(q, in_folder("bounded"));
    int64_t now_ns = 0;
    uint8_t *b;
    uint64_t at = 0;
    for (; (b = disk_queue_take(q)) != NULL; at += BUFFER) {
        memset(b, 1, BUFFER);
        assert_true(disk_queue_write(q, f, b, BUFFER, at, true));
    }
    assert_int_equal(at, 3 * BUFFER);
    for (int k = 0; k < 100; k++)
        disk_queue_step(q, now_ns += 20000000, 0);
    struct disk_health h = disk_queue_health(q, now_ns);
    assert_int_equal(h.failing, 1);
    assert_int_equal(h.error, ENOSPC);
    assert_true(h.errors > 1);
    assert_int_equal(disk_file_state(f).acked_bytes, 0);
    assert_null(disk_queue_take(q));
    bad.refuses = 0;
    for (int k = 0; k < 100; k++)
        disk_queue_step(q, now_ns += 20000000, 0);
    assert_int_equal(disk_queue_health(q, now_ns).failing, 0);
    assert_int_equal(disk_file_state(f).acked_bytes, 3 * BUFFER);
    assert_int_equal(disk_queue_free_buffers(q), 3);
    disk_queue_free(q);
    log_set_level(LOG_LEVEL_NOTE);
}

/* A real limit of the system: no byte beyond 20000, until it is lifted. */
static void a_limit_stops_and_its_lifting_resumes(void **state) {
    (void)state;
    struct rlimit before, tight;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    tight = before;
    tight.rlim_cur = 20000;
    log_set_level(LOG_LEVEL_ERROR);
    for (unsigned k = 0; k < 2; k++) {
        char name[16];
        snprintf(name, sizeof name, "limit%u", k);
        struct disk_queue *q = queue_on(k == 0 ? NULL : &disk_engine_pwrite, 4);
        struct disk_file *f = disk_queue_create(q, in_folder(name));
        setrlimit(RLIMIT_FSIZE, &tight);
        for (unsigned i = 0; i < 3; i++) {
            uint8_t *b = disk_queue_take(q);
            for (size_t j = 0; j < BUFFER; j++)
                b[j] = byte_at(9, i * BUFFER + j);
            assert_true(disk_queue_write(q, f, b, BUFFER, i * BUFFER, true));
        }
        assert_false(disk_queue_drain(q, 0.2));
        assert_int_equal(disk_queue_health(q, 0).failing, 1);
        assert_true(disk_file_state(f).acked_bytes <= 20000);
        setrlimit(RLIMIT_FSIZE, &before);
        disk_queue_close(q, f);
        assert_true(disk_queue_drain(q, 5));
        assert_int_equal(size_of(in_folder(name)), 3 * BUFFER);
        file_holds(in_folder(name), 9, 3 * BUFFER);
        disk_queue_free(q);
    }
    log_set_level(LOG_LEVEL_NOTE);
}

static void an_old_file_goes_on_at_its_end(void **state) {
    (void)state;
    FILE *old = fopen(in_folder("old"), "w");
    for (unsigned k = 0; k < 5000; k++)
        fputc(byte_at(3, k), old);
    fclose(old);
    struct disk_queue *q = queue_on(NULL, 4);
    uint64_t end;
    assert_null(disk_queue_create(q, in_folder("old")));
    assert_int_equal(errno, EEXIST);
    assert_null(disk_queue_continue(q, in_folder("nowhere"), &end));
    struct disk_file *f = disk_queue_continue(q, in_folder("old"), &end);
    assert_int_equal(end, 8192);
    uint8_t *b = disk_queue_take(q);
    memset(b, 5, BUFFER);
    assert_true(disk_queue_write(q, f, b, 100, end, true));
    disk_queue_close(q, f);
    assert_true(disk_queue_drain(q, 5));
    assert_int_equal(size_of(in_folder("old")), 8292);
    file_holds(in_folder("old"), 3, 5000);
    disk_queue_free(q);
}

/* A handle that somebody else opened is written as one of the queue's own; what is punched has no room on disk any more, and the rest stays. */
static void a_handle_is_adopted_and_room_given_back(void **state) {
    static const char *const names[] = { "uring", "pwrite" };
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct disk_queue *q = queue_on(disk_engine_find(names[k]), 8);
        struct stat before, after;
        const int fd = disk_queue_open(in_folder(names[k]));
        assert_true(fd >= 0);
        assert_int_equal(disk_queue_open(in_folder(names[k])), -1);
        struct disk_file *f = disk_queue_adopt(q, in_folder(names[k]), fd);
        assert_non_null(f);
        for (unsigned n = 0; n < 4; n++) {
            uint8_t *b = disk_queue_take(q);
            for (unsigned i = 0; i < BUFFER; i++)
                b[i] = byte_at(6, n * BUFFER + i);
            assert_true(disk_queue_write(q, f, b, BUFFER, (uint64_t)n * BUFFER, true));
        }
        assert_true(disk_queue_drain(q, 5));
        file_holds(in_folder(names[k]), 6, 4 * BUFFER);
        assert_int_equal(stat(in_folder(names[k]), &before), 0);
        assert_true(disk_queue_punch(q, f, 0, 3 * BUFFER));
        assert_true(disk_queue_drain(q, 5));
        assert_int_equal(stat(in_folder(names[k]), &after), 0);
        assert_int_equal(after.st_size, 4 * BUFFER);
        assert_true(after.st_blocks <= before.st_blocks);   /* fewer where the file system can */
        disk_queue_close(q, f);
        assert_true(disk_queue_drain(q, 5));
        disk_queue_free(q);
    }
}

static void a_disk_without_answer_is_trouble(void **state) {
    (void)state;
    assert_int_equal(disk_health_trouble(&(struct disk_health){ .waited_ns = 1000000000, .patience_ns = 2000000000 }), 0);
    assert_int_equal(disk_health_trouble(&(struct disk_health){ .waited_ns = 3000000000, .patience_ns = 2000000000 }), ETIMEDOUT);
    assert_int_equal(disk_health_trouble(&(struct disk_health){ .error = ENOSPC, .waited_ns = 3000000000 }), ENOSPC);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_without_answer_is_trouble), cmocka_unit_test(all_engines_write_the_same),
        cmocka_unit_test(a_bad_disk_loses_nothing),
        cmocka_unit_test(buffers_are_bounded_and_come_back),
        cmocka_unit_test(a_limit_stops_and_its_lifting_resumes),
        cmocka_unit_test(an_old_file_goes_on_at_its_end), cmocka_unit_test(a_handle_is_adopted_and_room_given_back),
    };
    return cmocka_run_group_tests(tests, made_folder_new, made_folder_remove);
}
