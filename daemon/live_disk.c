#include "daemon/live_disk.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "daemon/clock.h"
#include "daemon/disk_probe.h"
#include "daemon/kept_session.h"
#include "daemon/log.h"
#include "daemon/sink/journal.h"
#include "daemon/sink/live_archive.h"
#include "daemon/sink/raw_recorder.h"
#include "daemon/sink_desk.h"
#include "pulse/record_dastard.h"

/* Ring blocks as those of ingest, which hands on what a round of some milliseconds brought, however little: enough of them for the raw thread
 * to wait a quarter of a second for the disk to make a file. Rows of a long scan point wait in memory. */
enum { RAW_BLOCKS = 128, RAW_RECORDS = 256, ROWS_WAITING = 1 << 20, ROWS_AT_ONCE = 4096, ROWS_LATER = 1 << 18, JOURNAL_PAGES = 64, FILES_AT_ONCE = 65536, ANSWER_MS = 2000, ROOM_MS = 2000, ROOM_OLD_MS = 10000 };

struct live_disk {
    const struct options *options;
    const char *boot;
    struct journal *journal;
    struct disk_probe *probe, *raw_probe;     /* for the files that the book and the raw thread open */
    struct sink_desk *desk;                   /* before the archive; NULL: none */
    _Atomic int64_t free_bytes, total_bytes, room_ms;   /* of the disk; room_ms: when that was seen, 0 never */
    struct live_sink sinks[2];                /* journal, the desk */
    unsigned n_sinks;
    struct kept_session *kept;                /* of the present run; NULL: outside */
    bool anew;                                /* the next graded rows begin the scan again */
    bool scanning;                            /* a scan is under way for the archive; which: */
    int32_t scan;
    int64_t scan_start_ns, scan_end_ns, over_ns;   /* over_ns: start of the last one that is over */
    uint32_t told_points;
    struct photon_block *now, *later;         /* rows for it; rows that wait for the next one */
    uint64_t later_lost;
    /* raw */
    struct record_sink raw;
    void *blocks[RAW_BLOCKS];
    struct ring *ring;
    _Atomic bool recording;
    pthread_mutex_t lock;                     /* of the next alone */
    struct kept_session *wanted;              /* what the raw thread is to record; NULL: nothing */
    bool changed;
    struct kept_session *recorded;            /* raw thread's own */
};

static struct kept_session *keep(const struct options *o, const char *boot, const struct live_array *a, const struct live_status *status, const char *folder, const char *base_name) {
    return kept_session_new(&(struct live_session){ .array = a, .calibration_path = o->calibration.file, .config_text = o->text != NULL ? o->text : "", .folder = folder,
                                                    .base_name = base_name, .n_samples = status->n_samples, .n_presamples = status->n_presamples, .sample_period_s = status->sample_period_s, .boot = boot });
}

/* ---- making ---- */

static bool answers(void *probe) { return disk_probe_answers(probe); }

static bool make_raw(struct live_disk *d, const struct disk_engine *engine) {
    const struct options *o = d->options;
    struct raw_recorder *r = NULL;
    struct rlimit files;
    const struct raw_settings s = { .engine = engine, .memory_bytes = (size_t)o->record.memory_MiB << 20, .block_bytes = (size_t)o->record.block_KiB << 10, .flush_s = o->record.flush_s,
                                    .retry_s = o->disk.retry_s, .patience_s = o->disk.patience_s, .answers = answers, .answers_context = d->raw_probe };
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_AT_ONCE) {   /* a file for each channel */
        files.rlim_cur = files.rlim_max < FILES_AT_ONCE ? files.rlim_max : FILES_AT_ONCE;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    bool good = raw_recorder_new(&s, &r);
    if (good)
        d->raw = raw_recorder_sink(r);
    for (size_t i = 0; good && i < RAW_BLOCKS; i++) {
        struct record_block *b = NULL;
        good = record_block_new(RAW_RECORDS, DASTARD_SAMPLES_MAX, &b);
        d->blocks[i] = b;
    }
    return good && ring_new(d->blocks, RAW_BLOCKS, &d->ring);
}

static bool make_sinks(struct live_disk *d) {
    const struct options *o = d->options;
    if (!disk_probe_new(o->output.folder, o->disk.patience_s, &d->probe) || !disk_probe_new(o->output.folder, o->disk.patience_s, &d->raw_probe))
        return false;
    const struct disk_engine *engine = strcmp(o->disk.engine, "auto") == 0 ? NULL : disk_engine_find(o->disk.engine);
    const struct journal_settings journal = { .engine = engine, .n_blocks = JOURNAL_PAGES, .flush_s = o->journal.flush_s, .sync_s = o->journal.sync_s, .retry_s = o->disk.retry_s,
                                              .patience_s = o->disk.patience_s, .answers = answers, .answers_context = d->probe };
    struct live_archive *archive;
    if (o->journal.on) {
        if (!journal_new(&journal, &d->journal))
            return false;
        d->sinks[d->n_sinks++] = journal_sink(d->journal);
    }
    if (o->archive.live) {
        if (!live_archive_new(&(struct live_archive_settings){ .rows_waiting = ROWS_WAITING, .retry_s = o->disk.retry_s }, &archive))
            return false;
        const struct live_sink sink = live_archive_sink(archive);
        if (!sink_desk_new(&sink, (int64_t)(o->disk.patience_s * 1e3), &d->desk)) {
            sink.done(sink.context);
            return false;
        }
        d->sinks[d->n_sinks++] = sink_desk_sink(d->desk);
        if (photon_block_new(ROWS_AT_ONCE, &d->now) != STATUS_OK || photon_block_new(ROWS_LATER, &d->later) != STATUS_OK)
            return false;
    }
    return !o->record.raw || make_raw(d, engine);
}

bool live_disk_new(const struct options *options, const char *boot, struct live_disk **out) {
    struct live_disk *d = calloc(1, sizeof *d);
    if (d == NULL)
        return false;
    d->options = options;
    d->boot = boot;
    d->over_ns = INT64_MIN;
    pthread_mutex_init(&d->lock, NULL);
    if (strcmp(options->disk.engine, "auto") != 0 && disk_engine_find(options->disk.engine) == NULL) {
        log_error("disk.engine: there is no '%s'; auto, uring or pwrite", options->disk.engine);
        live_disk_free(d);
        return false;
    }
    if (options->output.folder[0] != '\0' && !make_sinks(d)) {
        log_error("out of memory for what is written to disk");
        live_disk_free(d);
        return false;
    }
    *out = d;
    return true;
}

/* ---- book thread ---- */

static void tell_raw(struct live_disk *d, struct kept_session *k) {
    if (d->ring == NULL) {
        kept_session_free(k);
        return;
    }
    pthread_mutex_lock(&d->lock);
    if (d->changed)
        kept_session_free(d->wanted);
    d->wanted = k;
    d->changed = true;
    pthread_mutex_unlock(&d->lock);
    atomic_store_explicit(&d->recording, k != NULL, memory_order_release);
}

void live_disk_end(struct live_disk *d) {
    if (d->kept == NULL)
        return;
    for (unsigned i = 0; i < d->n_sinks; i++)
        d->sinks[i].run(d->sinks[i].context, &d->kept->session, false);
    tell_raw(d, NULL);
    kept_session_free(d->kept);
    d->kept = NULL;
    d->scanning = false;
    d->over_ns = INT64_MIN;
    if (d->later_lost > 0)
        log_warning("%llu rows of scans that followed one another too fast are not in their files", (unsigned long long)d->later_lost);
    d->later_lost = 0;
    if (d->later != NULL)
        d->later->n = 0;
}

void live_disk_begin(struct live_disk *d, const struct live_array *array, const struct live_status *status, const char *folder, const char *base_name) {
    live_disk_end(d);
    if (folder[0] == '\0' || (d->n_sinks == 0 && d->ring == NULL))
        return;
    d->kept = keep(d->options, d->boot, array, status, folder, base_name);
    struct kept_session *raw = d->kept != NULL && d->ring != NULL ? keep(d->options, d->boot, array, status, folder, base_name) : NULL;
    if (d->kept == NULL) {
        log_error("%s: no memory to keep the run", folder);
        return;
    }
    for (unsigned i = 0; i < d->n_sinks; i++)
        d->sinks[i].run(d->sinks[i].context, &d->kept->session, true);
    if (d->journal != NULL)
        journal_text(d->journal, JOURNAL_EVENT, json_pack("{s:s, s:s}", "event", "acquisition", "folder", status->folder));
    if (raw != NULL)
        tell_raw(d, raw);
}

void live_disk_model(struct live_disk *d, const struct array_model *model, uint64_t version) {
    for (unsigned i = 0; i < d->n_sinks; i++)
        if (d->sinks[i].model != NULL && (model != NULL || d->sinks[i].context != d->journal))
            d->sinks[i].model(d->sinks[i].context, model, version);
}

void live_disk_rows(struct live_disk *d, const struct row_block *rows) {
    for (unsigned i = 0; d->kept != NULL && i < d->n_sinks; i++)
        if (d->sinks[i].rows != NULL)
            d->sinks[i].rows(d->sinks[i].context, rows);
}

void live_disk_event(struct live_disk *d, const struct scan_event *e) {
    for (unsigned i = 0; d->kept != NULL && i < d->n_sinks; i++)
        if (d->sinks[i].event != NULL)
            d->sinks[i].event(d->sinks[i].context, e);
}

void live_disk_label(struct live_disk *d, const char *label, int64_t time_ns) {
    if (d->kept != NULL && d->journal != NULL)
        journal_text(d->journal, JOURNAL_EVENT, json_pack("{s:s, s:s, s:I}", "event", "label", "label", label, "time_ns", (json_int_t)time_ns));
}

void live_disk_calibration(struct live_disk *d, const char *file, int64_t filters_from_ns) {
    if (d->kept != NULL && d->journal != NULL)
        journal_text(d->journal, JOURNAL_EVENT, json_pack("{s:s, s:s, s:I}", "event", "calibration", "file", file, "filters_from_ns", (json_int_t)filters_from_ns));
}

/* ---- scans, one after the other ---- */

void live_disk_anew(struct live_disk *d, bool anew) { d->anew = anew && d->scanning; }

static void give_rows(struct live_disk *d, const struct photon_block *rows) {
    for (unsigned i = 0; rows->n > 0 && i < d->n_sinks; i++)
        if (d->sinks[i].graded != NULL)
            d->sinks[i].graded(d->sinks[i].context, rows, d->anew);
    d->anew = d->anew && rows->n == 0;
}

static bool is_of(const struct live_disk *d, const struct photon_block *rows, size_t i) {
    return d->scanning && rows->scan[i] == d->scan && rows->time_ns[i] < d->scan_end_ns;
}

/* Rows of the scan under way go on, those of a later one wait; rows outside scans are the journal's alone. */
void live_disk_graded(void *disk, const struct photon_block *rows) {
    struct live_disk *d = disk;
    if (d->kept == NULL || d->later == NULL)
        return;
    d->now->n = 0;
    for (size_t i = 0; i < rows->n; i++) {
        if (d->now->n == d->now->capacity) {
            give_rows(d, d->now);
            d->now->n = 0;
        }
        if (rows->scan[i] >= 0 && is_of(d, rows, i))
            photon_block_copy_row(d->now, rows, i);
        else if (rows->scan[i] >= 0 && d->later->n < d->later->capacity)
            photon_block_copy_row(d->later, rows, i);
        else if (rows->scan[i] >= 0)
            d->later_lost++;
    }
    give_rows(d, d->now);
}

/* The scan that follows: what waited for it, and was not of one that never came. */
static void begin_scan(struct live_disk *d, const struct live_scan *s) {
    size_t left = 0;
    struct photon_block *b = d->later;
    d->scanning = true;
    d->scan = s->scan.number;
    d->scan_start_ns = s->scan.start_ns;
    d->scan_end_ns = INT64_MAX;
    d->told_points = 0;
    d->now->n = 0;   /* what was given last is not this scan's */
    for (size_t i = 0; i < b->n; i++) {
        if (!is_of(d, b, i)) {
            if (left != i) {
                b->n = left;
                photon_block_copy_row(b, b, i);
            }
            left++;
            continue;
        }
        if (d->now->n == d->now->capacity) {
            give_rows(d, d->now);
            d->now->n = 0;
        }
        photon_block_copy_row(d->now, b, i);
    }
    b->n = left;
    give_rows(d, d->now);
    d->now->n = 0;
}

static bool is_present(const struct live_disk *d, const struct live_scan *s) { return d->scanning && d->scan == s->scan.number && d->scan_start_ns == s->scan.start_ns; }

/* True when it is over. */
static bool tell_scan(struct live_disk *d, const struct live_scan *s, bool ended, bool all) {
    const bool over = all || (ended && !s->open && s->n_final == s->scan.n_points);
    const uint32_t n = over && !s->open ? s->scan.n_points : s->n_final;
    if (!over && n == d->told_points)
        return false;
    d->told_points = n;
    for (unsigned i = 0; s->products != NULL && i < d->n_sinks; i++)
        if (d->sinks[i].scan != NULL)
            d->sinks[i].scan(d->sinks[i].context, s->products, n, over);
    return over;
}

void live_disk_scans(struct live_disk *d, const struct live_scan *const *scans, size_t n, bool closing, bool all) {
    if (d->kept == NULL || d->later == NULL)
        return;
    for (size_t k = 0; k < n; k++) {
        const struct live_scan *s = scans[k];
        if (s->scan.start_ns <= d->over_ns || s->products == NULL)   /* told to its end, or without any point yet */
            continue;
        if (!is_present(d, s))
            begin_scan(d, s);
        if (s->ended)
            d->scan_end_ns = s->scan.end_ns;
        if (!tell_scan(d, s, s->ended || closing || k + 1 < n, all))
            return;
        d->over_ns = s->scan.start_ns;
        d->scanning = false;
    }
}

void live_disk_step(struct live_disk *d) {
    for (unsigned i = 0; i < d->n_sinks; i++)
        d->sinks[i].step(d->sinks[i].context);
}

void live_disk_health(struct live_disk *d, struct sink_health out[LIVE_DISK_SINKS]) {
    memset(out, 0, LIVE_DISK_SINKS * sizeof *out);
    for (unsigned i = 0; i < d->n_sinks; i++)
        d->sinks[i].health(d->sinks[i].context, &out[i]);
    if (d->ring != NULL)
        d->raw.health(d->raw.context, &out[LIVE_DISK_SINKS - 1]);
}

/* ---- raw thread ---- */

struct ring *live_disk_ring(struct live_disk *d) { return d->ring; }

const _Atomic bool *live_disk_recording(const struct live_disk *d) { return &d->recording; }

/* Another run, or none. What is in the ring came before it was told, as far as a run's end goes. Files are closed when the disk answers. */
static void take_change(struct live_disk *d) {
    pthread_mutex_lock(&d->lock);
    const bool changed = d->changed && (d->recorded == NULL || disk_probe_answers(d->raw_probe));
    struct kept_session *k = d->wanted;
    d->changed = d->changed && !changed;
    d->wanted = changed ? NULL : k;
    pthread_mutex_unlock(&d->lock);
    if (!changed)
        return;
    if (d->recorded != NULL)
        d->raw.run(d->raw.context, &d->recorded->session, false);
    if (k != NULL)
        d->raw.run(d->raw.context, &k->session, true);
    kept_session_free(d->recorded);   /* the recorder has let go of it at the latest now */
    d->recorded = k;
}

bool live_disk_record(void *disk) {
    struct live_disk *d = disk;
    struct record_block *b = ring_take_full(d->ring);
    if (b == NULL || d->recorded == NULL)
        take_change(d);
    const bool taken = b != NULL && (d->raw.ready == NULL || d->raw.ready(d->raw.context, b));
    if (taken) {
        d->raw.records(d->raw.context, b);
        record_block_clear(b);
        ring_mark_empty(d->ring);
    }
    d->raw.step(d->raw.context);
    return taken;
}

/* ---- archive thread ---- */

bool live_disk_has_archive(const struct live_disk *d) { return d->desk != NULL; }

/* On the thread that may wait for a disk: one that is gone does not answer this either. */
static void look_at_room(struct live_disk *d) {
    struct statvfs v;
    const int64_t now = clock_ms();
    if (now - atomic_load(&d->room_ms) < ROOM_MS || statvfs(d->options->output.folder, &v) != 0)
        return;
    atomic_store(&d->free_bytes, (int64_t)((uint64_t)v.f_bavail * v.f_frsize));
    atomic_store(&d->total_bytes, (int64_t)((uint64_t)v.f_blocks * v.f_frsize));
    atomic_store(&d->room_ms, now);
}

struct disk_room live_disk_room(const struct live_disk *d) {
    const int64_t seen = atomic_load(&d->room_ms);
    if (seen == 0 || clock_ms() - seen > ROOM_OLD_MS)
        return (struct disk_room){ -1, -1 };
    return (struct disk_room){ atomic_load(&d->free_bytes), atomic_load(&d->total_bytes) };
}

bool live_disk_archive(void *disk) {
    look_at_room(disk);
    return sink_desk_step(((struct live_disk *)disk)->desk);
}

uint64_t live_disk_model_used(const struct live_disk *d) { return d->desk != NULL ? sink_desk_model(d->desk) : UINT64_MAX; }

void live_disk_drain(struct live_disk *d) {
    while (d->desk != NULL && sink_desk_step(d->desk))
        continue;
}

/* ---- the end ---- */

/* What is in the ring waits for the disk, for a while. */
static bool wait_for_raw(struct live_disk *d) { return ring_filled(d->ring) > 0 && disk_probe_wait(d->raw_probe, ANSWER_MS); }

void live_disk_free(struct live_disk *d) {
    if (d == NULL)
        return;
    live_disk_end(d);
    while (d->ring != NULL && (live_disk_record(d) || wait_for_raw(d)))
        continue;
    if (d->raw.context != NULL) {
        if (d->ring != NULL && disk_probe_wait(d->raw_probe, ANSWER_MS))
            take_change(d);
        d->raw.done(d->raw.context);
    }
    for (unsigned i = 0; i < d->n_sinks; i++)
        d->sinks[i].done(d->sinks[i].context);
    disk_probe_free(d->probe);
    disk_probe_free(d->raw_probe);
    photon_block_free(d->now);
    photon_block_free(d->later);
    ring_free(d->ring);
    for (size_t i = 0; i < RAW_BLOCKS; i++)
        record_block_free(d->blocks[i]);
    kept_session_free(d->recorded);
    pthread_mutex_destroy(&d->lock);
    free(d);
}
