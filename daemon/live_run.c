#include "daemon/live_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/clock.h"
#include "daemon/exit_code.h"
#include "daemon/follower.h"
#include "daemon/ingest.h"
#include "daemon/live_disk.h"
#include "daemon/live_learning.h"
#include "daemon/live_reload.h"
#include "daemon/live_session.h"
#include "daemon/log.h"
#include "daemon/metrics.h"
#include "daemon/pipeline.h"
#include "daemon/process_heap.h"
#include "daemon/ring.h"
#include "daemon/row_block.h"
#include "daemon/service.h"

/* Rows of a second at 100,000 records/s. */
enum { ROW_BLOCKS = 512, ROWS = 256, FILE_BLOCKS = 8, FILE_RECORDS = 256, WAIT_MS = 2, TICK_US = 1000, BOOK_TICK_US = 2000, LEARN_TICK_US = 2000, STATUS_MS = 1000, DRAIN_S = 30 };

static const int64_t GATHERED_NS = 150000000;   /* what came by port waits for others of its pixel, and for its turn (ingest.c) */
enum { N_THREADS = 4, HEAP_MS = 20000 };

struct live_run {
    void *blocks[ROW_BLOCKS];
    struct ring *rows;
    struct plan_exchange exchange;
    struct ingest *ingest;
    struct live_session_work *session;
    struct metrics *metrics;
    void *file_blocks[FILE_BLOCKS];
    struct ring *files;
    struct follower *follower;
    struct off_bases *bases;             /* of the OFF files that it follows */
    struct live_learning *learning;
    struct live_disk *disk;
    char boot[40];                       /* which start of the program this is */
    struct analysis_team *team;          /* NULL: ingest analyses alone */
    struct pipeline_thread *ingest_thread, *book_thread, *follow_thread, *raw_thread;
    struct pipeline_thread *members[ANALYSIS_MEMBERS_MAX];   /* of the team; one that hangs keeps ingest waiting, which is watched */
    struct pipeline_thread *learn_thread;   /* away for a minute now and then, so nobody watches it */
    struct pipeline_thread *archive_thread; /* a disk may keep it waiting, which is an alarm and no reason to be killed */
    uint64_t turns[N_THREADS];           /* when last looked at */
    int64_t pinged_ms, status_ms, heap_ms;
};

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

static enum folder_notice notice_of(const char *name) { return strcmp(name, "poll") == 0 ? NOTICE_POLL : strcmp(name, "inotify") == 0 ? NOTICE_INOTIFY : NOTICE_BEST; }
static enum read_means means_of(const char *name) { return strcmp(name, "plain") == 0 ? READ_PLAIN : strcmp(name, "uring") == 0 ? READ_URING : READ_BEST; }

static bool set_up_follower(struct live_run *r, const struct options *o) {
    const struct follow_settings s = { .notice = notice_of(o->follow.notice), .means = means_of(o->follow.reads), .poll_s = o->follow.poll_s, .rest_s = o->follow.rest_s,
                                       .prefer_off = strcmp(o->follow.prefer, "off") == 0 };
    if (strcmp(o->follow.mode, "off") == 0)
        return true;
    bool good = true;
    for (size_t i = 0; good && i < FILE_BLOCKS; i++) {
        struct record_block *b = NULL;
        good = record_block_new(FILE_RECORDS, DASTARD_SAMPLES_MAX, &b);
        r->file_blocks[i] = b;
    }
    r->exchange.is_followed = true;
    return good && ring_new(r->file_blocks, FILE_BLOCKS, &r->files) && follower_new(&s, o->follow.folder, r->bases, &r->exchange, r->files, &r->follower);
}

static bool set_up(struct live_run *r, struct options *o) {
    char endpoint[128];
    snprintf(endpoint, sizeof endpoint, "tcp://%s:%d", o->ingest.host, (int)o->ingest.port + 2);
    struct ingest_settings ingest = { .source = { .endpoint = endpoint, .connections = (unsigned)o->ingest.connections }, .files_only = strcmp(o->follow.mode, "only") == 0,
                                            .disorder_ns = llround(o->ingest.block_s * 1e9) + GATHERED_NS };
    snprintf(r->boot, sizeof r->boot, "%llx-%d", (unsigned long long)clock_ns(CLOCK_REALTIME), (int)getpid());
    if (!live_disk_new(o, r->boot, &r->disk))
        return false;
    if (!off_bases_new(&r->bases) || !make_rings(r) || !set_up_follower(r, o)) {
        log_error("out of memory for the blocks between the threads");
        return false;
    }
    if (!live_learning_new(o, r->bases, &r->learning))
        return false;
    if (o->ingest.workers > 0 && !analysis_team_new((unsigned)o->ingest.workers, INGEST_BATCH, &r->team)) {
        log_error("out of memory for %d threads that analyse", (int)o->ingest.workers);
        return false;
    }
    ingest.bases = r->bases;
    const struct ingest_links links = { .rows = r->rows, .files = r->files, .raw = live_disk_ring(r->disk), .recording = live_disk_recording(r->disk),
                                        .learner = live_learning_ring(r->learning), .learning = live_learning_wanted(r->learning), .team = r->team };
    if (!ingest_new(&ingest, &links, &r->exchange, &r->ingest))
        return false;
    const struct session_links book = { .rows = r->rows, .exchange = &r->exchange, .ingest = r->ingest, .follower = r->follower, .disk = r->disk, .learning = r->learning, .boot = r->boot };
    return live_session_new(o, &book, &r->session) && metrics_new(o->metrics.host, (int)o->metrics.port, r->session, r->ingest, &r->metrics);
}

static void tear_down(struct live_run *r) {
    metrics_free(r->metrics);
    live_session_free(r->session);
    live_learning_free(r->learning);
    live_disk_free(r->disk);
    ingest_free(r->ingest);
    analysis_team_free(r->team);
    follower_free(r->follower);
    off_bases_free(r->bases);
    ring_free(r->rows);
    ring_free(r->files);
    for (size_t i = 0; i < FILE_BLOCKS; i++)
        record_block_free(r->file_blocks[i]);
    for (size_t i = 0; i < ROW_BLOCKS; i++)
        row_block_free(r->blocks[i]);
}

/* A ping means that every thread has gone round since the last one; an idle beam goes round too. */
static void watch(struct live_run *r, int64_t now) {
    double period_s = service_watchdog_s();
    if (period_s <= 0 || (double)(now - r->pinged_ms) < period_s * 1e3 / 3)
        return;
    struct pipeline_thread *const threads[N_THREADS] = { r->ingest_thread, r->book_thread, r->follow_thread, r->raw_thread };
    uint64_t turns[N_THREADS] = { 0 };
    for (int k = 0; k < N_THREADS; k++) {
        turns[k] = threads[k] != NULL ? pipeline_thread_turns(threads[k]) : r->turns[k] + 1;
        if (turns[k] == r->turns[k])
            return;
    }
    memcpy(r->turns, turns, sizeof turns);
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
                   f.n_pixels, f.rate_per_s, (unsigned long long)f.losses.lost_upstream, (unsigned long long)f.losses.overload, f.run[0] != '\0' ? ", run " : "", f.run);
}

static void tell_statistics(struct live_run *r) {
    struct live_figures f;
    live_session_figures(r->session, &f);
    struct ingest_figures g = ingest_figures_of(r->ingest);
    char *losses = live_session_losses(r->session);
    log_note("%llu records received, %llu rows, %llu photons, %llu refused, %llu lost upstream of %llu sent, %llu by overload, %llu late, %llu restarts",
             (unsigned long long)g.records, (unsigned long long)f.rows, (unsigned long long)f.photons, (unsigned long long)g.refused, (unsigned long long)f.losses.lost_upstream,
             (unsigned long long)f.losses.sent, (unsigned long long)f.losses.overload, (unsigned long long)f.late, (unsigned long long)f.losses.restarts);
    for (char *line = losses, *end; line != NULL && (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        log_note("%s", line);
    }
    free(losses);
}

/* Not on a thread that records pass through. */
static void keep_heap(struct live_run *r, int64_t now) {
    if (now - r->heap_ms < HEAP_MS)
        return;
    r->heap_ms = now;
    process_heap_give_back();
}

static void serve(struct live_run *r, const char *config_path, struct options *o) {
    for (;;) {
        enum service_call call = service_wait(100);
        int64_t now = clock_ms();
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
        keep_heap(r, now);
    }
}

static bool start_members(struct live_run *r) {
    bool good = true;
    char name[16];
    for (unsigned k = 0; good && r->team != NULL && k < analysis_team_size(r->team); k++) {
        snprintf(name, sizeof name, "tesd-worker%u", k % 100);
        good = pipeline_thread_start(name, analysis_team_step, analysis_team_member(r->team, k), 0, &r->members[k]);
    }
    return good;
}

int live_run(const char *config_path, struct options *o) {
    process_heap_keep();
    struct live_run *r = calloc(1, sizeof *r);
    service_init();
    if (r == NULL || !set_up(r, o)) {
        if (r != NULL)
            tear_down(r);
        free(r);
        return EXIT_FAILED;
    }
    bool good = start_members(r) && pipeline_thread_start("tesd-ingest", ingest_round, r->ingest, 0, &r->ingest_thread) &&
                pipeline_thread_start("tesd-book", live_session_step, r->session, BOOK_TICK_US, &r->book_thread) &&
                (r->learning == NULL || pipeline_thread_start("tesd-learn", live_learning_thread, r->learning, LEARN_TICK_US, &r->learn_thread)) &&
                (r->follower == NULL || pipeline_thread_start("tesd-follow", follower_step, r->follower, 0, &r->follow_thread)) &&
                (!live_disk_has_archive(r->disk) || pipeline_thread_start("tesd-archive", live_disk_archive, r->disk, TICK_US, &r->archive_thread)) &&
                (live_disk_ring(r->disk) == NULL || pipeline_thread_start("tesd-raw", live_disk_record, r->disk, TICK_US, &r->raw_thread));
    if (good) {
        log_note("listening to %s:%d", o->ingest.host, (int)o->ingest.port);
        service_ready();
        serve(r, config_path, o);
        service_stopping(DRAIN_S);
        log_note("stopping");
    } else {
        log_error("no threads can be made");
    }
    pipeline_thread_stop(r->follow_thread);
    pipeline_thread_stop(r->ingest_thread);
    for (unsigned k = 0; k < ANALYSIS_MEMBERS_MAX; k++)
        pipeline_thread_stop(r->members[k]);
    pipeline_thread_stop(r->learn_thread);
    pipeline_thread_stop(r->raw_thread);
    pipeline_thread_stop(r->book_thread);
    live_session_finish(r->session);
    pipeline_thread_stop(r->archive_thread);
    live_disk_drain(r->disk);
    tear_down(r);
    free(r);
    return good ? EXIT_GOOD : EXIT_FAILED;
}
