/* A sink whose disk does not answer keeps nobody waiting: the book's side goes on, what finds no room is counted and told, ends arrive. */
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "daemon/pipeline.h"
#include "daemon/sink_desk.h"

enum { ROWS = 1000, PATIENCE_MS = 20 };

/* What arrives, by the other thread; it waits in scan() for a word. */
struct fake {
    sem_t go;
    _Atomic uint64_t rows, lost, scans, ended, begins, ends, frees, version;
    char folder[32];
    int64_t newest_ns;
    bool in_order;
};

static void fake_run(void *context, const struct live_session *s, bool begins) {
    struct fake *f = context;
    if (begins)
        strncpy(f->folder, s->folder, sizeof f->folder - 1);
    atomic_fetch_add(begins ? &f->begins : &f->ends, 1);
}

static void fake_model(void *context, const struct array_model *m, uint64_t version) {
    (void)m;
    atomic_store(&((struct fake *)context)->version, version);
}

static void fake_graded(void *context, const struct photon_block *rows, bool anew) {
    struct fake *f = context;
    (void)anew;
    f->in_order = f->in_order && rows->time_ns[0] > f->newest_ns;
    f->newest_ns = rows->time_ns[rows->n - 1];
    atomic_fetch_add(&f->rows, rows->n);
}

static void fake_scan(void *context, const struct scan_products *p, uint32_t n_points, bool ended) {
    struct fake *f = context;
    f->in_order = f->in_order && p->n_points == n_points;
    sem_wait(&f->go);
    atomic_fetch_add(&f->scans, 1);
    atomic_fetch_add(&f->ended, ended);
}

static void fake_lost(void *context, int64_t from_ns, int64_t to_ns, uint64_t n) {
    struct fake *f = context;
    f->in_order = f->in_order && from_ns <= to_ns;
    atomic_fetch_add(&f->lost, n);
}

static void fake_step(void *context) { (void)context; }
static void fake_health(void *context, struct sink_health *out) { *out = (struct sink_health){ .name = "fake", .accepted = ((struct fake *)context)->rows, .lost = ((struct fake *)context)->lost }; }
static void fake_done(void *context) { atomic_fetch_add(&((struct fake *)context)->frees, 1); }

static void until(const _Atomic uint64_t *what, uint64_t n) {
    while (atomic_load(what) < n)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static struct scan_products *make_products(struct scan *scan) {
    static struct scan_point points[2] = { { .start_ns = 0, .end_ns = 10, .incident_eV = 500 }, { .start_ns = 10, .end_ns = 20, .incident_eV = 501 } };
    static const struct product_settings settings = { .emission = { 200, 210, 1 }, .loss = { -2, 8, 1 } };
    struct scan_products *p;
    *scan = (struct scan){ .number = 1, .n_points = 2, .points = points, .end_ns = 20 };
    assert_int_equal(scan_products_new(scan, 1, (const uint8_t[]){ 1 }, &settings, &p), STATUS_OK);
    return p;
}

static void a_disk_that_does_not_answer_keeps_nobody_waiting(void **state) {
    (void)state;
    static struct live_channel channel = { .name = "chan1", .number = 1 };
    static uint16_t index = 0;
    static const struct live_array array = { .n_channels = 1, .channels = &channel, .n_pixels = 1, .index_of_pixel = &index };
    struct fake f = { .in_order = true, .newest_ns = -1 };
    const struct live_sink sink = { .context = &f, .run = fake_run, .model = fake_model, .graded = fake_graded, .scan = fake_scan, .lost = fake_lost, .step = fake_step,
                                    .health = fake_health, .done = fake_done };
    struct sink_desk *d;
    struct scan scan;
    struct scan_products *products = make_products(&scan);
    struct photon_block *rows;
    struct pipeline_thread *thread;
    struct sink_health h;
    sem_init(&f.go, 0, 0);
    assert_int_equal(photon_block_new(ROWS, &rows), STATUS_OK);
    assert_true(sink_desk_new(&sink, PATIENCE_MS, &d));
    assert_true(pipeline_thread_start("desk", sink_desk_step, d, 100, &thread));
    const struct live_sink desk = sink_desk_sink(d);
    char folder[] = "gone tomorrow";
    desk.run(desk.context, &(struct live_session){ .array = &array, .calibration_path = "", .config_text = "", .folder = folder, .base_name = "run" }, true);
    memset(folder, 0, sizeof folder);
    desk.model(desk.context, NULL, 7);
    for (int k = 0; k < 20; k++)
        desk.scan(desk.context, products, 1, false);   /* one copy at a time */
    uint64_t given = 0;
    for (int k = 0; k < 2 * DESK_PARCELS; k++) {   /* more than there is room for; the other side stands in scan() */
        for (rows->n = 0; rows->n < ROWS; rows->n++)
            rows->time_ns[rows->n] = (int64_t)given++;
        desk.graded(desk.context, rows, false);
        desk.step(desk.context);
    }
    desk.scan(desk.context, products, 1, false);   /* left out: the next one says it all */
    desk.scan(desk.context, products, 2, true);
    desk.run(desk.context, NULL, false);
    do
        desk.health(desk.context, &h);
    while (!h.failing);
    assert_non_null(strstr(h.trouble, "has not answered"));
    assert_true(h.lost > 0 && h.lost < given);
    assert_int_equal(atomic_load(&f.scans), 0);
    assert_int_equal(sink_desk_model(d), 7);
    sem_post(&f.go);
    sem_post(&f.go);
    until(&f.ends, 1);
    assert_int_equal(atomic_load(&f.rows) + atomic_load(&f.lost), given);
    assert_int_equal(atomic_load(&f.lost), h.lost);
    assert_int_equal(atomic_load(&f.scans), 2);
    assert_int_equal(atomic_load(&f.ended), 1);
    assert_true(f.in_order);
    assert_string_equal(f.folder, "gone tomorrow");
    pipeline_thread_stop(thread);
    const uint64_t lost = h.lost;
    desk.health(desk.context, &h);
    assert_false(h.failing);
    assert_int_equal(h.lost, lost);
    desk.done(desk.context);
    assert_int_equal(atomic_load(&f.frees), 1);
    scan_products_free(products);
    photon_block_free(rows);
    sem_destroy(&f.go);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_disk_that_does_not_answer_keeps_nobody_waiting) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
