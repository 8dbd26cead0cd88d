#include "daemon/live_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/exit_code.h"
#include "daemon/ingest.h"
#include "daemon/live_reload.h"
#include "daemon/live_session.h"
#include "daemon/log.h"
#include "daemon/metrics.h"
#include "daemon/pipeline.h"
#include "daemon/ring.h"
#include "daemon/row_block.h"
#include "daemon/service.h"

/* Rows of half a second at 100,000 records/s. */
enum { ROW_BLOCKS = 256, ROWS = 256, WAIT_MS = 2, TICK_US = 1000, STATUS_MS = 1000, DRAIN_S = 30 };

struct live_run {
    void *blocks[ROW_BLOCKS];
    struct ring *rows;
    struct plan_exchange exchange;
    struct ingest *ingest;
    struct live_session_work *session;
    struct metrics *metrics;
    struct pipeline_thread *ingest_thread, *book_thread;
    uint64_t ingest_turns, book_turns;   /* when last looked at */
    int64_t pinged_ms, status_ms;
};

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool ingest_round(void *context) {
    ingest_step(context, WAIT_MS);
    return true;
}

static bool make_rings(struct live_run *r) {
    bool good = true;
    for (size_t i = 0; good && i < ROW_BLOCKS; i++) {
        struct row_block *b = NULL;
        good = row_block_new(ROWS, &b);
        r->blocks[i] = b;
    }
    return good && ring_new(r->blocks, ROW_BLOCKS, &r->rows);
}

static bool set_up(struct live_run *r, struct options *o) {
    char endpoint[128];
    snprintf(endpoint, sizeof endpoint, "tcp://%s:%d", o->ingest.host, (int)o->ingest.port + 2);
    const struct ingest_settings ingest = { .source = { .endpoint = endpoint, .connections = (unsigned)o->ingest.connections } };
    if (!make_rings(r)) {
        log_error("out of memory for the blocks between the threads");
        return false;
    }
    const struct ingest_links links = { .rows = r->rows };
    if (!ingest_new(&ingest, &links, &r->exchange, &r->ingest))
        return false;
    const struct session_links book = { .rows = r->rows, .exchange = &r->exchange, .ingest = r->ingest };
    return live_session_new(o, &book, &r->session) && metrics_new(o->metrics.host, (int)o->metrics.port, r->session, r->ingest, &r->metrics);
}

static void tear_down(struct live_run *r) {
    metrics_free(r->metrics);
    live_session_free(r->session);
    ingest_free(r->ingest);
    ring_free(r->rows);
    for (size_t i = 0; i < ROW_BLOCKS; i++)
        row_block_free(r->blocks[i]);
}

/* A ping means that every thread has gone round since the last one; an idle beam goes round too. */
static void watch(struct live_run *r, int64_t now) {
    double period_s = service_watchdog_s();
    if (period_s <= 0 || (double)(now - r->pinged_ms) < period_s * 1e3 / 3)
        return;
    uint64_t ingest = pipeline_thread_turns(r->ingest_thread), book = pipeline_thread_turns(r->book_thread);
    if (ingest == r->ingest_turns || book == r->book_turns)
        return;
    r->ingest_turns = ingest;
    r->book_turns = book;
    r->pinged_ms = now;
    service_alive();
}

static void tell_status(struct live_run *r, int64_t now) {
    if (now - r->status_ms < STATUS_MS)
        return;
    r->status_ms = now;
    struct live_figures f;
    live_session_figures(r->session, &f);
    service_status("%s, %u pixels, %.0f records/s, %llu lost upstream, %llu by overload%s%s", f.alive ? f.running ? "running" : "source stopped" : "acquisition not heard",
                   f.n_pixels, f.rate_per_s, (unsigned long long)f.lost_upstream, (unsigned long long)f.overload, f.run[0] != '\0' ? ", run " : "", f.run);
}

static void tell_statistics(struct live_run *r) {
    struct live_figures f;
    live_session_figures(r->session, &f);
    struct ingest_figures g = ingest_figures_of(r->ingest);
    char *losses = live_session_losses(r->session);
    log_note("%llu records received, %llu rows, %llu photons, %llu refused, %llu lost upstream of %llu sent, %llu by overload, %llu late, %llu restarts",
             (unsigned long long)g.records, (unsigned long long)f.rows, (unsigned long long)f.photons, (unsigned long long)g.refused, (unsigned long long)f.lost_upstream,
             (unsigned long long)f.sent, (unsigned long long)f.overload, (unsigned long long)f.late, (unsigned long long)f.restarts);
    for (char *line = losses, *end; line != NULL && (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        log_note("%s", line);
    }
    free(losses);
}

static void serve(struct live_run *r, const char *config_path, struct options *o) {
    for (;;) {
        enum service_call call = service_wait(100);
        int64_t now = now_ms();
        if (call == SERVICE_STOP)
            return;
        if (call == SERVICE_RELOAD) {
            service_reloading();
            live_reload(config_path, o, r->session);
            service_ready();
        }
        if (call == SERVICE_STATISTICS)
            tell_statistics(r);
        watch(r, now);
        tell_status(r, now);
    }
}

int live_run(const char *config_path, struct options *o) {
    struct live_run *r = calloc(1, sizeof *r);
    service_init();
    if (r == NULL || !set_up(r, o)) {
        if (r != NULL)
            tear_down(r);
        free(r);
        return EXIT_FAILED;
    }
    bool good = pipeline_thread_start("tesd-ingest", ingest_round, r->ingest, 0, &r->ingest_thread) &&
                pipeline_thread_start("tesd-book", live_session_step, r->session, TICK_US, &r->book_thread);
    if (good) {
        log_note("listening to %s:%d", o->ingest.host, (int)o->ingest.port);
        service_ready();
        serve(r, config_path, o);
        service_stopping(DRAIN_S);
        log_note("stopping");
    } else {
        log_error("no threads can be made");
    }
    pipeline_thread_stop(r->ingest_thread);
    pipeline_thread_stop(r->book_thread);
    live_session_finish(r->session);
    tear_down(r);
    free(r);
    return good ? EXIT_GOOD : EXIT_FAILED;
}
