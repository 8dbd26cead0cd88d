#include "daemon/sink/journal.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/folder.h"
#include "daemon/log.h"
#include "daemon/scan_event_json.h"
#include "daemon/sink/disk_queue.h"

enum { BLOCK_BYTES = 512 * 1024, PAYLOAD = BLOCK_BYTES - JOURNAL_HEADER_BYTES, TEXTS = 4096 };
enum { ROWS_IN_BLOCK = PAYLOAD / sizeof(struct journal_row), SECONDS_IN_BLOCK = PAYLOAD / sizeof(struct journal_second) };

/* A block with its header, waiting for the file, for the disk, or for being noticed there. */
struct sealed {
    uint8_t *buffer;
    size_t size;
    uint64_t end_bytes;      /* of the file, with it; known once sent */
    uint64_t rows;           /* of all given, with it */
};

struct waiting_text { enum journal_kind kind; char *text; };

/* Rows refused since blocks ran out. */
struct open_gap { uint64_t lost; int64_t from_ns, to_ns; };

struct journal {
    struct journal_settings settings;
    struct disk_queue *queue;
    struct disk_file *file;
    char path[PATH_MAX], folder[PATH_MAX];
    bool wanted;                       /* between begin and end: rows are taken */
    bool ending;                       /* after the end, until the file has everything */
    uint64_t session, sequence, session_rows, end_bytes;
    uint8_t *rows, *seconds;           /* buffers being filled, NULL: none */
    uint32_t n_rows, n_seconds;
    struct sealed *sealed;             /* ring of n_blocks */
    size_t first, n_sealed, n_sent;
    struct waiting_text *texts;        /* ring of TEXTS */
    size_t first_text, n_texts;
    struct open_gap gap;
    int64_t flushed_ns, synced_ns, tried_ns;
    bool sync_wanted, sync_under_way;
    uint64_t sync_bytes, sync_rows;    /* in the file when the sync under way will be through */
    uint64_t sent_rows;
    struct journal_counts counts;
    int open_error;
};

static int64_t clock_ns(clockid_t which) {
    struct timespec t;
    clock_gettime(which, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

bool journal_new(const struct journal_settings *settings, struct journal **out) {
    struct journal *j = calloc(1, sizeof *j);
    const struct disk_queue_settings disk = { .engine = settings->engine, .n_buffers = settings->n_blocks, .buffer_bytes = BLOCK_BYTES, .depth = 4, .retry_s = settings->retry_s };
    if (j == NULL)
        return false;
    j->settings = *settings;
    j->sealed = calloc(settings->n_blocks, sizeof *j->sealed);
    j->texts = calloc(TEXTS, sizeof *j->texts);
    if (j->sealed == NULL || j->texts == NULL || !disk_queue_new(&disk, &j->queue)) {
        journal_free(j);
        return false;
    }
    *out = j;
    return true;
}

/* ---- to the disk ---- */

static void send(struct journal *j) {
    for (; j->file != NULL && j->n_sent < j->n_sealed; j->n_sent++) {
        struct sealed *s = &j->sealed[(j->first + j->n_sent) % j->settings.n_blocks];
        if (!disk_queue_write(j->queue, j->file, s->buffer, s->size, j->end_bytes, true))
            return;
        j->end_bytes += s->size;
        s->end_bytes = j->end_bytes;
        j->sent_rows = s->rows;
    }
}

static void notice(struct journal *j) {
    if (j->file == NULL)
        return;
    const struct disk_file_state state = disk_file_state(j->file);
    for (; j->n_sent > 0 && j->sealed[j->first].end_bytes <= state.acked_bytes; j->n_sent--, j->n_sealed--) {
        j->counts.acked = j->sealed[j->first].rows;
        j->counts.bytes += j->sealed[j->first].size;
        j->first = (j->first + 1) % j->settings.n_blocks;
    }
    if (j->sync_under_way && state.synced_bytes >= j->sync_bytes) {
        j->sync_under_way = false;
        j->counts.synced = j->sync_rows;
    }
}

static void seal(struct journal *j, enum journal_kind kind, uint8_t *buffer, uint32_t rows, size_t payload_bytes) {
    const struct journal_block b = { .kind = kind, .session = j->session, .sequence = j->sequence++, .rows_before = j->session_rows, .rows = rows,
                                     .written_ns = clock_ns(CLOCK_REALTIME), .payload_bytes = payload_bytes };
    struct sealed *s = &j->sealed[(j->first + j->n_sealed++) % j->settings.n_blocks];
    if (kind == JOURNAL_ROWS)
        j->session_rows += rows;
    *s = (struct sealed){ .buffer = buffer, .size = journal_block_seal(&b, buffer), .rows = j->counts.given };
    send(j);
}

static void flush_rows(struct journal *j) {
    if (j->rows != NULL)
        seal(j, JOURNAL_ROWS, j->rows, j->n_rows, j->n_rows * sizeof(struct journal_row));
    if (j->seconds != NULL)
        seal(j, JOURNAL_SECONDS, j->seconds, j->n_seconds, j->n_seconds * sizeof(struct journal_second));
    j->rows = j->seconds = NULL;
    j->n_rows = j->n_seconds = 0;
    j->flushed_ns = clock_ns(CLOCK_MONOTONIC);
}

/* ---- texts ---- */

/* Kept in memory until there is a block for them: events are few, and a scan without its points is worth nothing. */
static void keep_text(struct journal *j, enum journal_kind kind, char *text) {
    if (text == NULL || j->n_texts == TEXTS) {
        free(text);
        j->counts.events_lost++;
        return;
    }
    j->texts[(j->first_text + j->n_texts++) % TEXTS] = (struct waiting_text){ kind, text };
}

static bool write_text(struct journal *j, enum journal_kind kind, const char *text) {
    const size_t n = strlen(text);
    if (n > PAYLOAD) {
        log_warning("%s: a text of %zu bytes is longer than a block and left out", j->path, n);
        j->counts.events_lost++;
        return true;
    }
    uint8_t *buffer = disk_queue_take(j->queue);
    if (buffer == NULL)
        return false;
    memcpy(buffer + JOURNAL_HEADER_BYTES, text, n);
    seal(j, kind, buffer, 0, n);
    j->counts.events++;
    return true;
}

static char *gap_text(const char *sink, int32_t channel, const struct open_gap *gap) {
    json_t *o = json_pack("{s:s, s:i, s:I, s:I, s:I}", "sink", sink, "channel", (int)channel, "from_ns", (json_int_t)gap->from_ns, "to_ns", (json_int_t)gap->to_ns, "lost",
                          (json_int_t)gap->lost);
    char *text = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    return text;
}

/* What must come before the next row: texts that waited, and the account of rows that were refused. True when nothing is left. */
static bool settle(struct journal *j) {
    while (j->n_texts > 0) {
        const struct waiting_text t = j->texts[j->first_text];
        if (!write_text(j, t.kind, t.text))
            return false;
        free(t.text);
        j->first_text = (j->first_text + 1) % TEXTS;
        j->n_texts--;
    }
    if (j->gap.lost > 0) {
        char *text = gap_text("journal", -1, &j->gap);
        const bool written = text != NULL && write_text(j, JOURNAL_GAP, text);
        free(text);
        if (!written)
            return false;
        log_warning("%s: goes on after a gap of %llu rows", j->path, (unsigned long long)j->gap.lost);
        j->gap = (struct open_gap){ 0 };
        j->counts.gaps++;
    }
    return true;
}

static void keep_json(struct journal *j, enum journal_kind kind, json_t *object) {
    flush_rows(j);
    keep_text(j, kind, object != NULL ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL);
    json_decref(object);
    settle(j);
}

void journal_text(struct journal *j, enum journal_kind kind, json_t *text) {
    if (j->wanted)
        keep_json(j, kind, text);
    else
        json_decref(text);
}

void journal_event(struct journal *j, const struct scan_event *e) {
    journal_text(j, JOURNAL_EVENT, scan_event_to_json(e));
    j->sync_wanted |= e->kind == SCAN_EVENT_POINT_END || e->kind == SCAN_EVENT_SCAN_END || e->kind == SCAN_EVENT_RUN_END;
}

void journal_gap(struct journal *j, const char *sink, int32_t channel, int64_t from_ns, int64_t to_ns, uint64_t lost) {
    if (!j->wanted)
        return;
    flush_rows(j);
    keep_text(j, JOURNAL_GAP, gap_text(sink, channel, &(struct open_gap){ .lost = lost, .from_ns = from_ns, .to_ns = to_ns }));
    settle(j);
}

/* ---- rows ---- */

static void refuse(struct journal *j, int64_t time_ns) {
    if (j->gap.lost == 0)
        j->gap.from_ns = j->gap.to_ns = time_ns;
    if (time_ns < j->gap.from_ns)
        j->gap.from_ns = time_ns;
    if (time_ns > j->gap.to_ns)
        j->gap.to_ns = time_ns;
    j->gap.lost++;
    j->counts.lost++;
}

/* The block being filled, another one when it is full. NULL: none is free. */
static uint8_t *room_in(struct journal *j, uint8_t **buffer, const uint32_t *n, uint32_t most) {
    if (*buffer != NULL && *n == most)
        flush_rows(j);
    if (*buffer == NULL && settle(j)) {
        if (j->rows == NULL && j->seconds == NULL)
            j->flushed_ns = clock_ns(CLOCK_MONOTONIC);
        *buffer = disk_queue_take(j->queue);
    }
    return *buffer;
}

static struct journal_row row_at(const struct row_block *b, size_t i) {
    const struct photon_block *p = b->photons;
    const struct measured_pulse *m = &b->pulses[i];
    return (struct journal_row){ .time_ns = p->time_ns[i], .frame = p->frame[i], .height = p->height[i], .energy_eV = p->energy_eV[i], .energy_sigma_eV = p->energy_sigma_eV[i],
                                 .arrival = p->arrival[i], .pretrigger_mean = p->pretrigger_mean[i], .residual = m->residual, .baseline = m->baseline,
                                 .baseline_offset = m->baseline_offset, .baseline_weight = m->baseline_weight, .cuts = p->cuts[i], .pulse_cuts = m->cuts, .pixel = p->pixel[i],
                                 .flags = p->flags[i], .row_flags = b->flags[i] };
}

static bool add_row(struct journal *j, const struct row_block *b, size_t i) {
    uint8_t *buffer = room_in(j, &j->rows, &j->n_rows, ROWS_IN_BLOCK);
    if (buffer == NULL)
        return false;
    const struct journal_row row = row_at(b, i);
    memcpy(buffer + JOURNAL_HEADER_BYTES + j->n_rows++ * sizeof row, &row, sizeof row);
    j->counts.given++;
    return true;
}

/* The second pulse of the row added last. Its number is taken before there is room for it: making room seals rows. */
static void add_second(struct journal *j, int64_t time_ns) {
    const struct journal_second second = { .row = j->session_rows + j->n_rows - 1, .time_ns = time_ns };
    uint8_t *buffer = room_in(j, &j->seconds, &j->n_seconds, SECONDS_IN_BLOCK);
    if (buffer != NULL)
        memcpy(buffer + JOURNAL_HEADER_BYTES + j->n_seconds++ * sizeof second, &second, sizeof second);
    else
        j->counts.events_lost++;
}

void journal_rows(struct journal *j, const struct row_block *b) {
    size_t second = 0;
    for (size_t i = 0; j->wanted && i < b->n; i++) {
        const bool added = add_row(j, b, i);
        if (!added)
            refuse(j, b->photons->time_ns[i]);
        for (; second < b->n_seconds && b->seconds[second].row <= i; second++)
            if (added)
                add_second(j, b->seconds[second].time_ns);
    }
}

/* ---- files and time ---- */

static void open_file(struct journal *j) {
    j->tried_ns = clock_ns(CLOCK_MONOTONIC);
    j->end_bytes = 0;
    j->file = folder_make(j->folder) ? disk_queue_create(j->queue, j->path) : NULL;
    if (j->file == NULL && errno == EEXIST)
        j->file = disk_queue_continue(j->queue, j->path, &j->end_bytes);
    if (j->file == NULL && j->open_error == 0)
        log_warning("%s: the journal cannot be opened: %s; tried again every %.3g s", j->path, strerror(errno), j->settings.retry_s);
    if (j->file != NULL && j->open_error != 0)
        log_note("%s: could be opened now", j->path);
    j->open_error = j->file != NULL ? 0 : errno;
}

static void sync_when_due(struct journal *j, int64_t now_ns) {
    if (j->file == NULL || j->sync_under_way || j->n_sent < j->n_sealed)
        return;
    const struct disk_file_state state = disk_file_state(j->file);
    const bool due = j->sync_wanted || (state.acked_bytes > state.synced_bytes && now_ns - j->synced_ns >= (int64_t)(j->settings.sync_s * 1e9));
    if (!due || !disk_queue_sync(j->queue, j->file))
        return;
    j->sync_bytes = j->end_bytes;
    j->sync_rows = j->sent_rows;
    j->sync_under_way = true;
    j->sync_wanted = false;
    j->synced_ns = now_ns;
}

void journal_step(struct journal *j) {
    const int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    if ((j->wanted || j->ending) && j->file == NULL && now_ns - j->tried_ns >= (int64_t)(j->settings.retry_s * 1e9))
        open_file(j);
    if ((j->rows != NULL || j->seconds != NULL) && now_ns - j->flushed_ns >= (int64_t)(j->settings.flush_s * 1e9))
        flush_rows(j);
    disk_queue_step(j->queue, now_ns, 0);
    notice(j);
    settle(j);
    send(j);
    sync_when_due(j, now_ns);
    if (j->ending && j->n_sealed == 0 && j->n_texts == 0 && j->file != NULL && !j->sync_wanted && !j->sync_under_way) {
        disk_queue_close(j->queue, j->file);
        j->file = NULL;
        j->ending = false;
    }
}

/* What the disk has not taken by then is lost; the next file must not get it. */
static void finish(struct journal *j, double limit_s) {
    const int64_t until_ns = clock_ns(CLOCK_MONOTONIC) + (int64_t)(limit_s * 1e9);
    while ((j->ending || !disk_queue_idle(j->queue)) && clock_ns(CLOCK_MONOTONIC) < until_ns) {
        journal_step(j);
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    if (!j->ending)
        return;
    log_error("%s: %llu rows could not be written before the end", j->path, (unsigned long long)(j->counts.given - j->counts.acked));
    j->counts.lost += j->counts.given - j->counts.acked;
    j->counts.events_lost += j->n_texts;
    for (; j->n_sealed > j->n_sent; j->n_sealed--)
        disk_queue_give(j->queue, j->sealed[(j->first + j->n_sealed - 1) % j->settings.n_blocks].buffer);
    for (; j->n_texts > 0; j->n_texts--, j->first_text = (j->first_text + 1) % TEXTS)
        free(j->texts[j->first_text].text);
    if (j->file != NULL)
        disk_queue_close(j->queue, j->file);
    j->n_sealed = j->n_sent = 0;
    j->file = NULL;
    j->gap = (struct open_gap){ 0 };
    j->counts.acked = j->counts.given;
    j->ending = false;
}

void journal_begin(struct journal *j, const struct live_session *session) {
    journal_end(j);
    finish(j, 1);   /* it may be the same file once more, whose end must stand still */
    snprintf(j->folder, sizeof j->folder, "%s", session->folder);
    if (snprintf(j->path, sizeof j->path, "%s/%s.journal", session->folder, session->base_name) >= (int)sizeof j->path)
        log_error("%.100s...: the path of the journal is too long", j->path);
    j->wanted = true;
    j->session = (uint64_t)clock_ns(CLOCK_REALTIME);
    j->sequence = j->session_rows = 0;
    open_file(j);
}

void journal_end(struct journal *j) {
    if (!j->wanted)
        return;
    flush_rows(j);
    settle(j);
    j->wanted = false;
    j->ending = j->sync_wanted = true;
}

struct journal_counts journal_counts(const struct journal *j) {
    struct journal_counts c = j->counts;
    const struct disk_health h = disk_queue_health(j->queue, clock_ns(CLOCK_MONOTONIC));
    c.error = h.error != 0 ? h.error : j->open_error;
    return c;
}

void journal_free(struct journal *j) {
    if (j == NULL)
        return;
    if (j->queue != NULL) {
        journal_end(j);
        finish(j, 3);
    }
    disk_queue_free(j->queue);
    free(j->texts);
    free(j->sealed);
    free(j);
}
