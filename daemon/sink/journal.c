#include "daemon/sink/journal.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/clock.h"
#include "daemon/folder.h"
#include "daemon/log.h"
#include "daemon/scan_event_json.h"
#include "daemon/sink/disk_queue.h"

static const double PATIENCE_S = 2;
enum { PAGE_BYTES = 512 * 1024, PAYLOAD = PAGE_BYTES - JOURNAL_HEADER_BYTES, TEXTS = 4096, STAGED_ROWS = 4000, STAGED_SECONDS = 4000 };
enum { MARKS_IN_PAGE = PAGE_BYTES / JOURNAL_ALIGN };

/* A buffer with blocks one behind the other. Places are counted from the session's first block. */
struct page {
    uint8_t *buffer;
    uint64_t at;             /* place of its first byte */
    size_t fill, from;       /* blocks up to here; given to the disk up to here */
};

/* When the file holds everything before `end`, it holds so many rows. */
struct mark { uint64_t end, rows; };

struct waiting_text { enum journal_kind kind; char *text; };

/* Rows refused since pages ran out. */
struct open_gap { uint64_t lost; int64_t from_ns, to_ns; };

struct journal {
    struct journal_settings settings;
    struct disk_queue *queue;
    struct disk_file *file;
    char path[PATH_MAX], folder[PATH_MAX];
    bool wanted;                       /* between begin and end: rows are taken */
    bool ending;                       /* after the end, until the file has everything */
    uint64_t session, sequence, session_rows;
    uint64_t base;                     /* of the file, where the session begins */
    struct page *pages;                /* ring of n_blocks; the last one is being filled */
    size_t first_page, n_pages;
    struct mark *marks;                /* ring */
    size_t first_mark, n_marks, most_marks;
    struct journal_row *rows;          /* on their way into a block */
    struct journal_second *seconds;
    uint32_t n_rows, n_seconds;
    struct waiting_text *texts;        /* ring of TEXTS */
    size_t first_text, n_texts;
    struct open_gap gap;
    int64_t staged_ns, synced_ns, tried_ns;
    bool sync_wanted, sync_under_way;
    uint64_t sync_end, sync_rows;      /* what the sync under way makes sure of */
    struct journal_counts counts;
    int open_error;
    int64_t asked_ns;             /* since then it waits for the disk to answer; 0: it does not */
};

bool journal_new(const struct journal_settings *settings, struct journal **out) {
    struct journal *j = calloc(1, sizeof *j);
    const struct disk_queue_settings disk = { .engine = settings->engine, .n_buffers = settings->n_blocks, .buffer_bytes = PAGE_BYTES, .depth = 4, .retry_s = settings->retry_s,
                                              .patience_s = settings->patience_s };
    if (j == NULL)
        return false;
    j->settings = *settings;
    if (j->settings.patience_s <= 0)
        j->settings.patience_s = PATIENCE_S;
    j->most_marks = (size_t)MARKS_IN_PAGE * (settings->n_blocks + 1);
    j->pages = calloc(settings->n_blocks, sizeof *j->pages);
    j->marks = calloc(j->most_marks, sizeof *j->marks);
    j->texts = calloc(TEXTS, sizeof *j->texts);
    j->rows = calloc(STAGED_ROWS, sizeof *j->rows);
    j->seconds = calloc(STAGED_SECONDS, sizeof *j->seconds);
    if (j->pages == NULL || j->marks == NULL || j->texts == NULL || j->rows == NULL || j->seconds == NULL || !disk_queue_new(&disk, &j->queue)) {
        journal_free(j);
        return false;
    }
    *out = j;
    return true;
}

/* ---- to the disk ---- */

static struct page *page_at(struct journal *j, size_t k) { return &j->pages[(j->first_page + k) % j->settings.n_blocks]; }

/* Whole pages at once, the one being filled when the disk has nothing else to do: few large writes under load, prompt ones otherwise. */
static void send(struct journal *j) {
    while (j->file != NULL && j->n_pages > 0) {
        struct page *p = page_at(j, 0);
        const bool whole = j->n_pages > 1;
        if (p->from == p->fill || (!whole && disk_file_state(j->file).waiting > 0) ||
            !disk_queue_write(j->queue, j->file, p->buffer + p->from, p->fill - p->from, j->base + p->at + p->from, whole))
            return;
        p->from = p->fill;
        if (!whole)
            return;
        j->first_page = (j->first_page + 1) % j->settings.n_blocks;
        j->n_pages--;
    }
}

static void notice(struct journal *j) {
    if (j->file == NULL)
        return;
    const struct disk_file_state state = disk_file_state(j->file);
    for (; j->n_marks > 0 && j->base + j->marks[j->first_mark].end <= state.acked_bytes; j->n_marks--) {
        j->counts.acked = j->marks[j->first_mark].rows;
        j->first_mark = (j->first_mark + 1) % j->most_marks;
    }
    if (j->sync_under_way && state.synced_bytes >= j->base + j->sync_end) {
        j->sync_under_way = false;
        j->counts.synced = j->sync_rows;
    }
}

/* Room for a block in the page being filled, or in another one. A page that was given early and never grew again keeps its last block to be
 * given once more: that lets its buffer go. */
static struct page *room_for(struct journal *j, size_t size) {
    struct page *p = j->n_pages > 0 ? page_at(j, j->n_pages - 1) : NULL;
    if (p != NULL && p->fill + size <= PAGE_BYTES)
        return p;
    uint8_t *buffer = j->n_pages < j->settings.n_blocks && j->n_marks < j->most_marks ? disk_queue_take(j->queue) : NULL;
    if (buffer == NULL)
        return NULL;
    struct page *next = page_at(j, j->n_pages);
    *next = (struct page){ .buffer = buffer, .at = p != NULL ? p->at + p->fill : 0 };
    if (p != NULL && p->from == p->fill)
        p->from -= JOURNAL_ALIGN;
    j->n_pages++;
    return next;
}

static bool seal(struct journal *j, enum journal_kind kind, const void *payload, uint32_t rows, size_t payload_bytes, uint64_t rows_until) {
    struct page *p = room_for(j, journal_block_size(payload_bytes));
    if (p == NULL)
        return false;
    const struct journal_block b = { .kind = kind, .session = j->session, .sequence = j->sequence++, .rows_before = j->session_rows, .rows = rows,
                                     .written_ns = clock_ns(CLOCK_REALTIME), .payload_bytes = payload_bytes };
    memcpy(p->buffer + p->fill + JOURNAL_HEADER_BYTES, payload, payload_bytes);
    const size_t size = journal_block_seal(&b, p->buffer + p->fill);
    p->fill += size;
    j->counts.bytes += size;
    j->marks[(j->first_mark + j->n_marks++) % j->most_marks] = (struct mark){ p->at + p->fill, rows_until };
    send(j);
    return true;
}

/* True when nothing is left on its way into a block. */
static bool flush_rows(struct journal *j) {
    if (j->n_rows > 0) {
        if (!seal(j, JOURNAL_ROWS, j->rows, j->n_rows, j->n_rows * sizeof *j->rows, j->counts.given))
            return false;
        j->session_rows += j->n_rows;
        j->n_rows = 0;
    }
    if (j->n_seconds > 0 && !seal(j, JOURNAL_SECONDS, j->seconds, j->n_seconds, j->n_seconds * sizeof *j->seconds, j->counts.given))
        return false;
    j->n_seconds = 0;
    return true;
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
    if (!seal(j, kind, text, 0, n, j->counts.given - j->n_rows))
        return false;
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
    if (j->n_texts == 0 && j->gap.lost == 0)
        return true;
    if (!flush_rows(j))
        return false;
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

/* Room in what is on its way: made by sealing it when it is full, after what must come before. */
static bool has_room(struct journal *j, uint32_t n, uint32_t most) {
    if (j->n_texts > 0 || j->gap.lost > 0)
        return settle(j) && n < most;
    return n < most || flush_rows(j);
}

static struct journal_row row_at(const struct row_block *b, size_t i) {
    const struct photon_block *p = b->photons;
    const struct measured_pulse *m = &b->pulses[i];
    return (struct journal_row){ .time_ns = p->time_ns[i], .frame = p->frame[i], .height = p->height[i], .energy_eV = p->energy_eV[i], .energy_sigma_eV = p->energy_sigma_eV[i],
                                 .arrival = p->arrival[i], .pretrigger_mean = p->pretrigger_mean[i], .residual = m->residual, .baseline = m->baseline,
                                 .baseline_offset = m->baseline_offset, .baseline_weight = m->baseline_weight, .noise_factor = m->noise_factor, .tail_share = m->tail_share, .cuts = p->cuts[i], .pulse_cuts = m->cuts, .pixel = p->pixel[i],
                                 .flags = p->flags[i], .row_flags = (uint8_t)(b->flags[i] | (m->on_tail ? JOURNAL_ON_TAIL : 0)) };
}

static bool add_row(struct journal *j, const struct row_block *b, size_t i) {
    if (!has_room(j, j->n_rows, STAGED_ROWS))
        return false;
    if (j->n_rows == 0 && j->n_seconds == 0)
        j->staged_ns = clock_ns(CLOCK_MONOTONIC);
    j->rows[j->n_rows++] = row_at(b, i);
    j->counts.given++;
    return true;
}

/* The second pulse of the row added last. Its number is taken before there is room for it: making room seals rows. */
static void add_second(struct journal *j, int64_t time_ns) {
    const struct journal_second second = { .row = j->session_rows + j->n_rows - 1, .time_ns = time_ns };
    if (j->n_seconds < STAGED_SECONDS || flush_rows(j))
        j->seconds[j->n_seconds++] = second;
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

static bool may_open(struct journal *j, int64_t now_ns) {
    if (j->settings.answers == NULL || j->settings.answers(j->settings.answers_context)) {
        j->asked_ns = 0;
        return true;
    }
    j->asked_ns = j->asked_ns != 0 ? j->asked_ns : now_ns;
    if (now_ns - j->asked_ns > (int64_t)(j->settings.patience_s * 1e9))
        j->open_error = ETIMEDOUT;
    return false;
}

static void open_file(struct journal *j) {
    if (!may_open(j, clock_ns(CLOCK_MONOTONIC)))
        return;
    j->tried_ns = clock_ns(CLOCK_MONOTONIC);
    j->base = 0;
    j->file = folder_make(j->folder) ? disk_queue_create(j->queue, j->path) : NULL;
    if (j->file == NULL && errno == EEXIST)
        j->file = disk_queue_continue(j->queue, j->path, &j->base);
    if (j->file == NULL && j->open_error == 0)
        log_warning("%s: the journal cannot be opened: %s; tried again every %.3g s", j->path, strerror(errno), j->settings.retry_s);
    if (j->file != NULL && j->open_error != 0)
        log_note("%s: could be opened now", j->path);
    j->open_error = j->file != NULL ? 0 : errno;
}

/* What is in the file, or was given to it: a sync waits behind that. */
static struct mark given_to_disk(const struct journal *j) {
    const struct page *last = j->n_pages > 0 ? &j->pages[(j->first_page + j->n_pages - 1) % j->settings.n_blocks] : NULL;
    struct mark m = { .end = 0, .rows = j->counts.acked };
    for (size_t k = 0; last != NULL && k < j->n_marks; k++) {
        const struct mark *x = &j->marks[(j->first_mark + k) % j->most_marks];
        if (x->end <= last->at + last->from)
            m = *x;
    }
    return m;
}

static void sync_when_due(struct journal *j, int64_t now_ns) {
    if (j->file == NULL || j->sync_under_way || j->n_pages > 1 || (j->n_pages == 1 && page_at(j, 0)->from < page_at(j, 0)->fill))
        return;
    const struct disk_file_state state = disk_file_state(j->file);
    const bool due = j->sync_wanted || (state.acked_bytes > state.synced_bytes && now_ns - j->synced_ns >= (int64_t)(j->settings.sync_s * 1e9));
    if (!due || !disk_queue_sync(j->queue, j->file))
        return;
    const struct mark m = given_to_disk(j);
    j->sync_end = m.end;
    j->sync_rows = m.rows;
    j->sync_under_way = true;
    j->sync_wanted = false;
    j->synced_ns = now_ns;
}

/* Pages go back: what they held is in the file, or given up. A page of which something still waits for the disk goes when that is
 * through: its last block is given once more for that. */
static void close_session(struct journal *j) {
    const bool waiting = j->file != NULL && disk_file_state(j->file).waiting > 0;
    for (; j->n_pages > 0; j->n_pages--) {
        struct page *p = page_at(j, j->n_pages - 1);
        const size_t n = p->from < JOURNAL_ALIGN ? p->from : JOURNAL_ALIGN;
        if (!waiting || n == 0 || !disk_queue_write(j->queue, j->file, p->buffer + p->from - n, n, j->base + p->at + p->from - n, true))
            disk_queue_give(j->queue, p->buffer);
    }
    if (j->file != NULL)
        disk_queue_close(j->queue, j->file);
    j->file = NULL;
    j->first_mark = j->n_marks = 0;
    j->n_rows = j->n_seconds = 0;
    j->ending = false;
}

void journal_step(struct journal *j) {
    const int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    if ((j->wanted || j->ending) && j->file == NULL && now_ns - j->tried_ns >= (int64_t)(j->settings.retry_s * 1e9))
        open_file(j);
    if ((j->n_rows > 0 || j->n_seconds > 0) && now_ns - j->staged_ns >= (int64_t)(j->settings.flush_s * 1e9))
        flush_rows(j);
    disk_queue_step(j->queue, now_ns, 0);
    notice(j);
    settle(j);
    send(j);
    sync_when_due(j, now_ns);
    if (j->ending && flush_rows(j) && j->n_marks == 0 && j->n_texts == 0 && j->file != NULL && !j->sync_wanted && !j->sync_under_way)
        close_session(j);
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
    for (; j->n_texts > 0; j->n_texts--, j->first_text = (j->first_text + 1) % TEXTS)
        free(j->texts[j->first_text].text);
    j->gap = (struct open_gap){ 0 };
    j->counts.acked = j->counts.given;
    close_session(j);
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
    j->tried_ns = 0;
    open_file(j);
}

void journal_end(struct journal *j) {
    if (!j->wanted)
        return;
    settle(j);
    flush_rows(j);
    j->wanted = false;
    j->ending = j->sync_wanted = true;
}

struct journal_counts journal_counts(const struct journal *j) {
    struct journal_counts c = j->counts;
    const struct disk_health h = disk_queue_health(j->queue, clock_ns(CLOCK_MONOTONIC));
    const int trouble = disk_health_trouble(&h);
    c.error = trouble != 0 ? trouble : j->open_error;
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
    free(j->pages);
    free(j->marks);
    free(j->rows);
    free(j->seconds);
    free(j);
}
