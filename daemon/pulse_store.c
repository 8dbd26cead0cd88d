/* Rows come on the thread that publishes: a disk that does not answer must not stop it, so the file is made in the background and written through a
 * disk_queue. Buffers that are full before there is a file wait for it.
 * The file is one array of entries: a pulse, then the inner events found in its record. Settling counts the entries of each pixel and
 * copies them into a second array, pixel by pixel, in their order. */
#include "daemon/pulse_store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/clock.h"
#include "daemon/log.h"
#include "daemon/pipeline.h"
#include "daemon/scratch.h"
#include "daemon/sink/disk_queue.h"
#include "daemon/source/record_order.h"
#include "pulse/cut.h"

enum { BUFFER = 8192, BUFFERS = 16, DEPTH = 4, SETTLE_BUDGET = 64 << 20, PATIENCE_S = 60, SETTLE_S = 5, SETTLE_PATIENT_S = 600, ANSWER_NS = 500000000, NAMES = 1000, RETRY_MS = 1000 };
enum entry_kind { ENTRY_PULSE, ENTRY_SECOND };

struct entry {
    struct measured_pulse pulse;   /* of an inner event: its time alone */
    uint16_t pixel;
    uint8_t flags, kind;
};

_Static_assert(BUFFER * sizeof(struct entry) % DISK_ALIGN == 0, "whole buffers bypass the page cache");

/* Where a pulse stands in the true order: the epoch of its channel's frame counter, and the frame. */
struct stored_place { int32_t epoch; int64_t frame, time_ns; };
struct stored_pixel { uint64_t first, n, n_pulses; int32_t epoch; struct stored_place oldest, newest; };   /* epoch: while counting, that of the row that came last */

/* A file without a name: it has one until it is open twice, for the queue and for reading. */
struct opening {
    struct pipeline_job_thread *job;      /* NULL: nobody opens it now */
    char folder[PATH_MAX / 2], path[PATH_MAX];
    int write_fd, read_fd, error;         /* -1: not open; errno of the last try */
    int64_t tried_ms;
};

struct pulse_store {
    const char *folder;
    size_t n_pixels;
    bool patient;
    struct disk_queue *queue;             /* writes */
    struct disk_file *file;               /* NULL: not there yet */
    struct opening opening;
    int fd;                               /* reads */
    struct { struct entry *entries; uint64_t at; } waiting[BUFFERS];   /* full, for the file */
    unsigned n_waiting;
    bool complained;                      /* that there is none */
    uint64_t n_entries, first, lost;      /* entries before `first` are forgotten */
    int64_t heights_from_ns;
    struct pulse_bounds bounds;
    struct pulse_store *to;               /* while pouring */
    size_t n_buffered;
    struct entry *buffer;                 /* being filled, of the queue; NULL: none was free */
    struct stored_pixel *pixels;
    struct scratch scratch;
    struct scratch_piece settled;
};

/* ---- making ---- */

/* On a thread that may wait. */
static void open_file(void *opening) {
    struct opening *o = opening;
    o->write_fd = o->read_fd = -1;
    for (unsigned k = 0; o->write_fd < 0 && k < NAMES; k++) {
        if (snprintf(o->path, sizeof o->path, "%s/.tesd_pulses_%d_%u", o->folder, (int)getpid(), k) >= PATH_MAX) {
            o->error = ENAMETOOLONG;
            return;
        }
        o->write_fd = disk_queue_open(o->path);
        if (o->write_fd < 0 && errno != EEXIST)
            break;
    }
    o->error = errno;
    if (o->write_fd < 0)
        return;
    o->read_fd = open(o->path, O_RDWR | O_CLOEXEC);
    o->error = errno;
    unlink(o->path);
}

static void begin_opening(struct pulse_store *s) {
    s->opening.tried_ms = clock_ms();
    if (!pipeline_background("tesd-pulses", open_file, &s->opening, &s->opening.job))
        open_file(&s->opening);
}

bool pulse_store_new(const char *folder, size_t n_pixels, struct pulse_store **out) {
    const struct disk_queue_settings settings = { .n_buffers = BUFFERS, .buffer_bytes = BUFFER * sizeof(struct entry), .depth = DEPTH, .retry_s = 1 };
    struct pulse_store *s = calloc(1, sizeof *s);
    bool good = s != NULL;
    if (good) {
        *s = (struct pulse_store){ .heights_from_ns = INT64_MIN, .folder = folder, .n_pixels = n_pixels, .fd = -1, .scratch = { .folder = folder, .budget = SETTLE_BUDGET },
                                   .opening = { .write_fd = -1, .read_fd = -1 } };
        s->pixels = calloc(n_pixels + 1, sizeof *s->pixels);
        good = s->pixels != NULL && snprintf(s->opening.folder, sizeof s->opening.folder, "%s", folder) < (int)sizeof s->opening.folder && disk_queue_new(&settings, &s->queue);
    }
    if (!good) {
        log_error("%s: cannot keep the run's pulses there: out of memory", folder);
        pulse_store_free(s);
        return false;
    }
    begin_opening(s);
    *out = s;
    return true;
}

void pulse_store_free(struct pulse_store *s) {
    if (s == NULL)
        return;
    pipeline_background_join(s->opening.job);
    disk_queue_free(s->queue);
    if (s->opening.write_fd >= 0)
        close(s->opening.write_fd);
    if (s->opening.read_fd >= 0)
        close(s->opening.read_fd);
    if (s->fd >= 0)
        close(s->fd);
    scratch_give(&s->scratch, &s->settled);
    free(s->pixels);
    free(s);
}

void pulse_store_patient(struct pulse_store *s) { s->patient = true; }

uint64_t pulse_store_lost(const struct pulse_store *s) { return s->lost; }

/* ---- the file ---- */

/* The queue has room for a request of each of its buffers. */
static void give_waiting(struct pulse_store *s) {
    for (unsigned k = 0; k < s->n_waiting; k++) {
        const bool taken = disk_queue_write(s->queue, s->file, (uint8_t *)s->waiting[k].entries, BUFFER * sizeof(struct entry), s->waiting[k].at * sizeof(struct entry), true);
        assert(taken);
        (void)taken;
    }
    s->n_waiting = 0;
}

/* A folder that refuses may take a file later. */
static void opening_failed(struct pulse_store *s, bool first) {
    if (first)
        log_error("%s: the run's pulses cannot be kept there: %s; tried again every %d s, and some seconds of them wait in memory", s->folder, strerror(s->opening.error), RETRY_MS / 1000);
    if (s->opening.write_fd >= 0)
        close(s->opening.write_fd);
    s->opening.write_fd = -1;
}

/* The file as soon as it is there. */
static bool has_file(struct pulse_store *s) {
    struct opening *o = &s->opening;
    if (s->file != NULL)
        return true;
    if (o->job == NULL && o->read_fd < 0) {
        if (clock_ms() - o->tried_ms < RETRY_MS)
            return false;
        begin_opening(s);
    }
    if (o->job != NULL && !pipeline_background_over(o->job))
        return false;
    pipeline_background_join(o->job);   /* NULL: it was opened at once, for want of a thread */
    o->job = NULL;
    if (o->read_fd < 0) {
        opening_failed(s, !s->complained);
        s->complained = true;
        return false;
    }
    s->file = disk_queue_adopt(s->queue, o->path, o->write_fd);
    if (s->file == NULL)
        return false;
    s->fd = o->read_fd;
    o->write_fd = o->read_fd = -1;
    give_waiting(s);
    return true;
}

/* Waits for the file while somebody opens it. */
static bool wait_for_file(struct pulse_store *s, int limit_s) {
    const int64_t until_ms = clock_ms() + limit_s * INT64_C(1000);
    while (!has_file(s) && s->opening.job != NULL && clock_ms() < until_ms)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    return s->file != NULL;
}

bool pulse_store_answers(struct pulse_store *s) {
    return has_file(s) && disk_queue_health(s->queue, clock_ns(CLOCK_MONOTONIC)).waited_ns < ANSWER_NS;
}

/* ---- adding ---- */

static bool next_buffer(struct pulse_store *s) {
    s->buffer = (void *)disk_queue_take(s->queue);
    if (s->buffer == NULL && s->patient && wait_for_file(s, PATIENCE_S)) {
        disk_queue_drain(s->queue, PATIENCE_S);
        s->buffer = (void *)disk_queue_take(s->queue);
    }
    if (s->buffer == NULL) {
        const int error = s->file == NULL ? s->opening.error : disk_queue_health(s->queue, clock_ns(CLOCK_MONOTONIC)).error;
        errno = error != 0 ? error : EBUSY;
    }
    return s->buffer != NULL;
}

/* The queue has room for a request of each of its buffers. */
static bool give_buffer(struct pulse_store *s, bool full) {
    return disk_queue_write(s->queue, s->file, (uint8_t *)s->buffer, s->n_buffered * sizeof *s->buffer, s->n_entries * sizeof *s->buffer, full);
}

static void send_buffer(struct pulse_store *s) {
    if (s->file == NULL) {
        s->waiting[s->n_waiting].entries = s->buffer;
        s->waiting[s->n_waiting++].at = s->n_entries;
    } else {
        const bool taken = give_buffer(s, true);
        assert(taken);
        (void)taken;
    }
    s->n_entries += s->n_buffered;
    s->buffer = NULL;
    s->n_buffered = 0;
}

static bool add_entry(struct pulse_store *s, const struct entry *e) {
    if (s->buffer == NULL && !next_buffer(s)) {
        s->lost++;
        return false;
    }
    s->buffer[s->n_buffered++] = *e;
    if (s->n_buffered == BUFFER)
        send_buffer(s);
    return true;
}

/* A pulse that is left out takes its inner events with it. */
bool pulse_store_add(struct pulse_store *s, const struct row_block *rows) {
    bool good = true;
    if (has_file(s) && !disk_queue_idle(s->queue))
        disk_queue_step(s->queue, clock_ns(CLOCK_MONOTONIC), 0);
    for (size_t i = 0, k = 0; i < rows->n; i++) {
        struct entry e = { .pulse = rows->pulses[i], .pixel = rows->photons->pixel[i], .flags = rows->flags[i], .kind = ENTRY_PULSE };
        bool kept = add_entry(s, &e);
        for (; k < rows->n_seconds && rows->seconds[k].row == i; k++) {
            struct entry second = { .pulse.time_ns = rows->seconds[k].time_ns, .pixel = e.pixel, .kind = ENTRY_SECOND };
            kept = kept && add_entry(s, &second);
        }
        good = good && kept;
    }
    return good;
}

uint64_t pulse_store_mark(const struct pulse_store *s) { return s->n_entries + s->n_buffered; }

static void forget_waiting(struct pulse_store *s) {
    unsigned kept = 0;
    for (unsigned k = 0; k < s->n_waiting; k++)
        if (s->waiting[k].at + BUFFER <= s->first)
            disk_queue_give(s->queue, (uint8_t *)s->waiting[k].entries);
        else
            s->waiting[kept++] = s->waiting[k];
    s->n_waiting = kept;
}

void pulse_store_forget(struct pulse_store *s, uint64_t mark) {
    if (mark > s->n_entries)
        mark = s->n_entries;
    if (mark <= s->first)
        return;
    s->first = mark;
    forget_waiting(s);
    if (s->file != NULL && disk_queue_idle(s->queue))   /* else it is given back with the next mark, or with the file */
        disk_queue_punch(s->queue, s->file, 0, mark * sizeof *s->buffer);
}

/* ---- settling ---- */

const struct pulse_bounds pulse_bounds_none = { .from_ns = INT64_MIN, .until_ns = INT64_MAX, .over = UINT64_MAX };

static bool is_within(const struct pulse_bounds *b, uint64_t at, int64_t time_ns) { return (at >= b->begun || time_ns >= b->from_ns) && (at < b->over || time_ns <= b->until_ns); }

typedef void each_entry(struct pulse_store *s, const struct entry *e);

/* Entries at .. at + n - 1 of the file. */
static bool read_entries(const struct pulse_store *s, uint64_t at, size_t n, struct entry *out) {
    for (size_t done = 0; done < n * sizeof *out;) {
        ssize_t got = pread(s->fd, (char *)out + done, n * sizeof *out - done, (off_t)(at * sizeof *out + done));
        if (got == 0)
            errno = EIO;
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static bool walk(struct pulse_store *s, struct entry *buffer, each_entry *each) {
    bool wanted = false;   /* inner events follow their pulse */
    const uint64_t end = pulse_store_mark(s);
    for (uint64_t at = s->first; at < end;) {
        size_t want = end - at < BUFFER ? (size_t)(end - at) : BUFFER;
        if (!read_entries(s, at, want, buffer))
            return false;
        for (size_t i = 0; i < want; i++) {
            if (buffer[i].kind == ENTRY_PULSE)
                wanted = is_within(&s->bounds, at + i, buffer[i].pulse.time_ns);
            if (wanted)
                each(s, &buffer[i]);
        }
        at += want;
    }
    return true;
}

/* Rows stand as they came, and say when their channel's frame counter began anew, and which still are of the epoch before. */
static struct stored_place next_place(const struct entry *e, int32_t *epoch) {
    *epoch += (e->flags & ROW_NEW_EPOCH) != 0;
    return (struct stored_place){ .epoch = *epoch - ((e->flags & ROW_OLD_EPOCH) != 0), .frame = e->pulse.frame, .time_ns = e->pulse.time_ns };
}

static bool is_before(const struct stored_place *a, const struct stored_place *b) { return a->epoch != b->epoch ? a->epoch < b->epoch : a->frame < b->frame; }

static void count_entry(struct pulse_store *s, const struct entry *e) {
    struct stored_pixel *p = &s->pixels[e->pixel];
    p->n++;
    if (e->kind != ENTRY_PULSE)
        return;
    const struct stored_place place = next_place(e, &p->epoch);
    if (p->n_pulses == 0 || is_before(&place, &p->oldest))
        p->oldest = place;
    if (p->n_pulses++ == 0 || is_before(&p->newest, &place))
        p->newest = place;
}

static void place_entry(struct pulse_store *s, const struct entry *e) {
    struct stored_pixel *p = &s->pixels[e->pixel];
    ((struct entry *)s->settled.data)[p->first + p->n++] = *e;
}

void pulse_store_heights_from(struct pulse_store *s, int64_t time_ns) {
    if (time_ns > s->heights_from_ns)
        s->heights_from_ns = time_ns;
}

int64_t pulse_store_heights_begin(const struct pulse_store *s) { return s->heights_from_ns; }

/* All that was added is in the file. A buffer that is not full stays ours, and is given once more when it is. */
static bool finish_writing(struct pulse_store *s) {
    const int limit_s = s->patient ? SETTLE_PATIENT_S : SETTLE_S;
    if (!wait_for_file(s, limit_s)) {
        errno = s->opening.job == NULL && s->opening.error != 0 ? s->opening.error : ETIMEDOUT;
        return false;
    }
    const bool good = (s->n_buffered == 0 || give_buffer(s, false)) && disk_queue_drain(s->queue, limit_s);
    if (!good)
        errno = ETIMEDOUT;
    return good;
}

bool pulse_store_settle(struct pulse_store *s, const struct pulse_bounds *bounds) {
    struct entry *buffer = calloc(BUFFER, sizeof *buffer);
    s->bounds = *bounds;
    bool good = buffer != NULL && finish_writing(s) && walk(s, buffer, count_entry);
    uint64_t first = 0;
    for (size_t i = 0; i < s->n_pixels; i++) {
        s->pixels[i].first = first;
        first += s->pixels[i].n;
        s->pixels[i].n = 0;
    }
    good = good && (first == 0 || (scratch_take(&s->scratch, first * sizeof(struct entry), &s->settled) && walk(s, buffer, place_entry)));
    if (!good)
        log_error("%s: the run's pulses cannot be read back: %s", s->folder, strerror(errno));
    free(buffer);
    return good;
}

static void pour_entry(struct pulse_store *s, const struct entry *e) {
    struct entry copy = *e;
    if (e->kind == ENTRY_PULSE && e->pulse.frame == s->pixels[e->pixel].oldest.frame && e->pulse.time_ns == s->pixels[e->pixel].oldest.time_ns)
        copy.flags |= ROW_GAP_BEFORE;
    add_entry(s->to, &copy);
}

bool pulse_store_pour(struct pulse_store *from, const struct pulse_bounds *bounds, struct pulse_store *to) {
    struct entry *buffer = calloc(BUFFER, sizeof *buffer);
    const uint64_t lost = to->lost;
    from->bounds = *bounds;
    from->to = to;
    const bool good = buffer != NULL && finish_writing(from) && walk(from, buffer, count_entry) && walk(from, buffer, pour_entry) && to->lost == lost;
    if (!good)
        log_error("%s: the run's pulses cannot be copied: %s", from->folder, strerror(errno));
    pulse_store_heights_from(to, from->heights_from_ns);
    free(buffer);
    return good;
}

void pulse_store_unsettle(struct pulse_store *s) {
    scratch_give(&s->scratch, &s->settled);
    memset(s->pixels, 0, s->n_pixels * sizeof *s->pixels);
}

size_t pulse_store_most(const struct pulse_store *s, size_t pixel, int64_t *first_ns, int64_t *last_ns) {
    const struct stored_pixel *p = &s->pixels[pixel];
    *first_ns = p->oldest.time_ns;
    *last_ns = p->newest.time_ns > p->oldest.time_ns ? p->newest.time_ns : p->oldest.time_ns;
    return p->n_pulses;
}

/* ---- a channel ---- */

void stored_channel_done(struct stored_channel *c) {
    free(c->gaps);
    free(c->flags);
    free(c->seconds);
    *c = (struct stored_channel){ 0 };
}

static bool index_pulses(const struct entry *entries, uint64_t n, struct record_index *x) {
    bool good = true;
    int32_t epoch = 0;
    for (uint64_t i = 0; good && i < n; i++) {
        if (entries[i].kind != ENTRY_PULSE)
            continue;
        const struct stored_place p = next_place(&entries[i], &epoch);
        good = record_index_add(x, (struct record_place){ .time_ns = p.time_ns, .frame = p.frame, .epoch = p.epoch, .where = n - 1 - i });   /* of two the later comes first, and stays */
    }
    return good;
}

static void take_height(struct measured_pulse *p) {
    p->height = p->arrival_samples = p->residual = NAN;
    p->cuts = CUT_BIT(CUT_NO_MODEL);
}

static void take_pulses(const struct pulse_store *s, const struct entry *entries, uint64_t n, const struct record_index *x, struct measured_pulse *pulses, struct stored_channel *c) {
    for (size_t i = 0; i < x->n; i++) {
        uint64_t at = n - 1 - x->places[i].where;
        pulses[i] = entries[at].pulse;
        if (pulses[i].time_ns < s->heights_from_ns)
            take_height(&pulses[i]);
        pulses[i].baseline = pulses[i].baseline_offset = pulses[i].baseline_weight = 0;   /* known anew from this order */
        c->flags[i] = entries[at].flags;
        c->gaps[i] = i > 0 && (pulses[i].frame < pulses[i - 1].frame || (entries[at].flags & ROW_GAP_BEFORE) != 0);
        while (++at < n && entries[at].kind == ENTRY_SECOND)
            c->seconds[c->n_seconds++] = (struct inner_event){ .row = i, .time_ns = entries[at].pulse.time_ns };
    }
}

bool pulse_store_channel(const struct pulse_store *s, size_t pixel, double sample_period_s, struct measured_pulse *pulses, struct stored_channel *out) {
    const struct stored_pixel *p = &s->pixels[pixel];
    const struct entry *entries = (const struct entry *)s->settled.data + p->first;
    struct record_index x = { 0 };
    struct record_order order;
    *out = (struct stored_channel){ .gaps = calloc(p->n_pulses + 1, sizeof(bool)), .flags = calloc(p->n_pulses + 1, 1),
                                    .seconds = calloc(p->n - p->n_pulses + 1, sizeof(struct inner_event)) };
    bool good = out->gaps != NULL && out->flags != NULL && out->seconds != NULL && index_pulses(entries, p->n, &x);
    if (good) {
        out->counts.duplicates = record_index_settle_told(&x, sample_period_s, &order);
        out->counts.restarts = order.restarts;
        out->counts.disagreements = order.disagreements;
        out->counts.records = out->n = x.n;
        take_pulses(s, entries, p->n, &x, pulses, out);
    } else {
        stored_channel_done(out);
    }
    record_index_done(&x);
    return good;
}
