#include "daemon/sink/raw_recorder.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/clock.h"
#include "daemon/folder.h"
#include "daemon/log.h"
#include "daemon/sink/disk_queue.h"
#include "daemon/sink/raw_gaps.h"
#include "daemon/version.h"
#include "pulse/record_ljh.h"

static const double PATIENCE_S = 2;
enum { LEAST_BLOCK = 16384, SPARE_BUFFERS = 16, RECORD_HEADER = 16, ACCOUNT_S = 5 };

struct raw_channel {
    struct disk_file *file;       /* NULL: not made yet, or closed */
    uint32_t n_samples;
    size_t header_bytes, record_bytes;
    uint8_t *buffer;              /* being filled; NULL: none */
    uint64_t at_bytes;            /* of the file, where the buffer begins */
    size_t fill, from;            /* in the buffer: filled, and from where it is still to be given to the disk */
    int64_t dirty_ns;             /* when the oldest byte not given came */
    uint64_t accepted, acked, other_length;
};

struct raw_recorder {
    struct raw_settings settings;
    struct disk_queue *queue;     /* of the present run, or of the last one until it is through */
    char folder[PATH_MAX], base[128];
    bool recording, account_waits; /* account_waits: of a run that has ended, for a disk that takes it */
    int64_t open_ns, account_ns;   /* last failure to make a file; last account written */
    int64_t asked_ns;              /* since when the disk has been asked whether it answers; 0: it does */
    const struct live_array *array;
    uint32_t n_channels;
    struct raw_channel *channels;
    struct raw_gaps *gaps;
    uint8_t *record;              /* one record as the file has it */
    size_t record_room;
    atomic_uint_fast64_t accepted, lost, bytes;
    atomic_int error;
};

bool raw_recorder_new(const struct raw_settings *settings, struct raw_recorder **out) {
    struct raw_recorder *r = calloc(1, sizeof *r);
    if (r == NULL)
        return false;
    r->settings = *settings;
    if (r->settings.patience_s <= 0)
        r->settings.patience_s = PATIENCE_S;
    *out = r;
    return true;
}

/* ---- one channel to the disk ---- */

/* What was not given yet; `last`: nothing more comes into this buffer. What is on the way is the file's own affair, so a buffer whose bytes
 * were all given early is let go by giving its last part once more. */
static bool give(struct raw_recorder *r, struct raw_channel *c, bool last) {
    if (c->buffer == NULL || c->file == NULL)
        return true;
    if (last && c->from == c->fill && c->from > 0)
        c->from -= c->from < DISK_ALIGN ? c->from : DISK_ALIGN;
    if (!disk_queue_write(r->queue, c->file, c->buffer + c->from, c->fill - c->from, c->at_bytes + c->from, last))
        return false;
    c->from = c->fill / DISK_ALIGN * DISK_ALIGN;   /* the bytes beyond are given again with their whole block of 4 KiB */
    c->dirty_ns = INT64_MAX;
    if (last) {
        c->at_bytes += c->fill;
        c->buffer = NULL;
        c->fill = c->from = 0;
    }
    return true;
}

static bool has_room(const struct raw_recorder *r, const struct raw_channel *c, size_t n) {
    const size_t block = disk_queue_buffer_bytes(r->queue), here = c->buffer != NULL ? block - c->fill : 0;
    return n <= here || (n - here + block - 1) / block <= disk_queue_free_buffers(r->queue);
}

static bool append(struct raw_recorder *r, struct raw_channel *c, const uint8_t *bytes, size_t n) {
    const size_t block = disk_queue_buffer_bytes(r->queue);
    if (!has_room(r, c, n) || (c->buffer != NULL && c->fill == block && !give(r, c, true)))
        return false;
    while (n > 0) {
        if (c->buffer == NULL)
            c->buffer = disk_queue_take(r->queue);
        const size_t room = block - c->fill, part = n < room ? n : room;
        memcpy(c->buffer + c->fill, bytes, part);
        c->fill += part;
        bytes += part;
        n -= part;
        if (c->fill == block && !give(r, c, true))
            return n == 0;   /* the line of requests has room for every buffer twice: not reached */
    }
    return true;
}

/* ---- files ---- */

static size_t format_header(const struct raw_recorder *r, const struct block_record *first, uint8_t *out) {
    const struct live_channel *named = &r->array->channels[first->channel_index];
    struct ljh_header h = { .n_samples = first->n_samples, .n_presamples = first->n_presamples, .sample_period_s = (double)first->sample_period_s, .channel = named->number,
                            .channel_index = first->channel_index, .subframe_divisions = 1, .timestamp_offset_s = (double)(first->time_ns / 1000000000), .dastard = true };
    snprintf(h.software, sizeof h.software, "tesd %.20s", version_number);
    snprintf(h.channel_name, sizeof h.channel_name, "%s", named->name);
    return ljh_header_format(&h, out, LJH_HEADER_LIMIT);
}

/* A name already taken (a restart within the run) gets a number behind it. */
static struct disk_file *create(struct raw_recorder *r, const char *name) {
    char path[PATH_MAX + 256];
    if (!folder_make(r->folder))
        return NULL;
    snprintf(path, sizeof path, "%s/%s_%s.ljh", r->folder, r->base, name);
    struct disk_file *f = disk_queue_create(r->queue, path);
    for (unsigned k = 2; f == NULL && errno == EEXIST && k < 1000; k++) {
        snprintf(path, sizeof path, "%s/%s_part%u_%s.ljh", r->folder, r->base, k, name);
        f = disk_queue_create(r->queue, path);
    }
    return f;
}

static bool open_channel(struct raw_recorder *r, struct raw_channel *c, const struct block_record *first, int64_t now_ns) {
    uint8_t header[LJH_HEADER_LIMIT];
    if (now_ns - r->open_ns < (int64_t)(r->settings.retry_s * 1e9) || disk_queue_free_buffers(r->queue) == 0)
        return false;
    c->file = create(r, r->array->channels[first->channel_index].name);
    const int before = atomic_load(&r->error);
    if (c->file == NULL) {
        r->open_ns = now_ns;
        if (before == 0)
            log_warning("%s: raw records cannot be kept: %s; tried again every %.3g s", r->folder, strerror(errno), r->settings.retry_s);
        atomic_store(&r->error, errno);
        return false;
    }
    c->n_samples = first->n_samples;
    c->record_bytes = RECORD_HEADER + 2 * (size_t)first->n_samples;
    c->header_bytes = format_header(r, first, header);
    return append(r, c, header, c->header_bytes);
}

/* ---- records ---- */

static bool room_for_record(struct raw_recorder *r, size_t n) {
    if (n <= r->record_room)
        return true;
    uint8_t *more = realloc(r->record, n);
    if (more == NULL)
        return false;
    r->record = more;
    r->record_room = n;
    return true;
}

static bool add_record(struct raw_recorder *r, struct raw_channel *c, const struct record_block *b, size_t i, int64_t now_ns) {
    static const struct ljh_header whole_frames = { .subframe_divisions = 1 };
    const struct channel_record record = record_block_at(b, i);
    if ((c->file == NULL && !open_channel(r, c, &b->rows[i], now_ns)) || !room_for_record(r, c->record_bytes))
        return false;
    ljh_record_format(&whole_frames, &record.samples, r->record);
    if (!append(r, c, r->record, c->record_bytes))
        return false;
    if (c->dirty_ns > now_ns)
        c->dirty_ns = now_ns;
    return true;
}

/* Never given to us: who gave, counts them; the account has them as well. */
static void note_left_out(struct raw_recorder *r, const struct record_block *b) {
    for (size_t i = 0; r->recording && i < b->n_left_out; i++) {
        const struct left_out *l = &b->left_out[i];
        if (l->channel_index < r->n_channels)
            raw_gaps_add(r->gaps, l->channel_index, l->from_ns, l->to_ns, l->n);
    }
}

static bool needs_file(const struct raw_recorder *r, const struct record_block *b) {
    for (size_t i = 0; i < b->n; i++)
        if (b->rows[i].channel_index < r->n_channels && r->channels[b->rows[i].channel_index].file == NULL)
            return true;
    return false;
}

static bool answers(const struct raw_recorder *r) { return r->settings.answers == NULL || r->settings.answers(r->settings.answers_context); }

bool raw_recorder_ready(struct raw_recorder *r, const struct record_block *b) {
    if (!r->recording || !needs_file(r, b) || answers(r)) {
        r->asked_ns = 0;
        return true;
    }
    if (r->asked_ns == 0)
        r->asked_ns = clock_ns(CLOCK_MONOTONIC);
    return false;
}

void raw_recorder_add(struct raw_recorder *r, const struct record_block *b) {
    uint64_t accepted = 0, lost = 0;
    const int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    note_left_out(r, b);
    for (size_t i = 0; r->recording && i < b->n; i++) {
        const uint32_t k = b->rows[i].channel_index;
        if (k >= r->n_channels)
            continue;
        struct raw_channel *c = &r->channels[k];
        if (c->file != NULL && c->n_samples != b->rows[i].n_samples) {
            c->other_length++;
        } else if (add_record(r, c, b, i, now_ns)) {
            c->accepted++;
            accepted++;
            raw_gaps_close(r->gaps, k);
        } else {
            raw_gaps_add(r->gaps, k, b->rows[i].time_ns, b->rows[i].time_ns, 1);
            lost++;
        }
    }
    atomic_fetch_add(&r->accepted, accepted);
    atomic_fetch_add(&r->lost, lost);
}

/* ---- run and time ---- */

static void note_acked(struct raw_channel *c) {
    if (c->file == NULL)
        return;
    const uint64_t bytes = disk_file_state(c->file).acked_bytes;
    c->acked = bytes > c->header_bytes ? (bytes - c->header_bytes) / c->record_bytes : 0;
}

static void write_account(struct raw_recorder *r, int64_t now_ns) {
    char path[PATH_MAX + 256];
    snprintf(path, sizeof path, "%s/%s_recorded.txt", r->folder, r->base);
    FILE *f = folder_make(r->folder) ? raw_gaps_open(path) : NULL;
    for (uint32_t k = 0; f != NULL && k < r->n_channels; k++)
        if (r->channels[k].accepted + raw_gaps_lost(r->gaps, k) + r->channels[k].other_length > 0)
            fprintf(f, "%d %s %llu %llu %llu\n", r->array->channels[k].number, r->array->channels[k].name, (unsigned long long)r->channels[k].accepted,
                    (unsigned long long)raw_gaps_lost(r->gaps, k), (unsigned long long)r->channels[k].other_length);
    for (uint32_t k = 0; f != NULL && k < r->n_channels; k++)
        raw_gaps_print(r->gaps, k, r->array->channels[k].number, f);
    const bool good = f != NULL && raw_gaps_finish(f, path);
    if (!good && !r->account_waits)
        log_warning("%s: cannot be written: %s; tried again every %.3g s", path, strerror(errno), r->settings.retry_s);
    r->account_waits = !good;
    r->account_ns = now_ns;
    raw_gaps_written(r->gaps);
}

static size_t block_for(const struct raw_settings *s, uint32_t n_channels) {
    size_t block = s->memory_bytes / (n_channels + SPARE_BUFFERS) / DISK_ALIGN * DISK_ALIGN;
    block = block > s->block_bytes ? s->block_bytes : block;
    return block < LEAST_BLOCK ? LEAST_BLOCK : block;
}

static void forget_run(struct raw_recorder *r) {
    disk_queue_free(r->queue);
    free(r->channels);
    raw_gaps_free(r->gaps);
    r->queue = NULL;
    r->channels = NULL;
    r->gaps = NULL;
    r->n_channels = 0;
}

/* Files of a run that ended get their last bytes, for a while; what they do not get is lost and said. */
static void settle_run(struct raw_recorder *r, double limit_s) {
    raw_recorder_end(r);
    if (r->queue != NULL && !disk_queue_drain(r->queue, limit_s))
        log_error("%s: the last raw blocks could not be written", r->folder);
    if (r->account_waits)
        write_account(r, clock_ns(CLOCK_MONOTONIC));
    r->account_waits = false;
    forget_run(r);
}

void raw_recorder_begin(struct raw_recorder *r, const struct live_session *session) {
    settle_run(r, 2);
    const uint32_t n = session->array->n_channels;
    const size_t block = block_for(&r->settings, n), in_memory = r->settings.memory_bytes / block, least = n + SPARE_BUFFERS;
    const struct disk_queue_settings disk = { .engine = r->settings.engine, .n_buffers = (unsigned)(in_memory > least ? in_memory : least), .buffer_bytes = block, .depth = 8,
                                              .retry_s = r->settings.retry_s, .patience_s = r->settings.patience_s };
    r->channels = calloc(n + (size_t)1, sizeof *r->channels);
    if (r->channels == NULL || !raw_gaps_new(n, &r->gaps) || !disk_queue_new(&disk, &r->queue)) {
        log_error("%s: no memory to record raw pulses", session->folder);
        forget_run(r);
        return;
    }
    for (uint32_t k = 0; k < n; k++)
        r->channels[k].dirty_ns = INT64_MAX;
    snprintf(r->folder, sizeof r->folder, "%s", session->folder);
    snprintf(r->base, sizeof r->base, "%s", session->base_name);
    r->array = session->array;
    r->n_channels = n;
    r->open_ns = r->account_ns = INT64_MIN / 2;
    r->recording = true;
}

void raw_recorder_end(struct raw_recorder *r) {
    if (!r->recording)
        return;
    for (uint32_t k = 0; k < r->n_channels; k++) {
        struct raw_channel *c = &r->channels[k];
        if (c->file == NULL)
            continue;
        give(r, c, true);
        disk_queue_close(r->queue, c->file);
        c->file = NULL;
    }
    write_account(r, clock_ns(CLOCK_MONOTONIC));
    r->recording = false;
}

void raw_recorder_step(struct raw_recorder *r) {
    const int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    if (r->queue == NULL)
        return;
    for (uint32_t k = 0; r->recording && k < r->n_channels; k++) {
        struct raw_channel *c = &r->channels[k];
        if (c->dirty_ns < now_ns - (int64_t)(r->settings.flush_s * 1e9) && c->file != NULL && disk_file_state(c->file).waiting == 0)
            give(r, c, false);
        note_acked(c);
    }
    disk_queue_step(r->queue, now_ns, 0);
    const struct disk_health h = disk_queue_health(r->queue, now_ns);
    const bool opening_fails = now_ns - r->open_ns < 2 * (int64_t)(r->settings.retry_s * 1e9);
    const bool silent = r->asked_ns != 0 && now_ns - r->asked_ns > (int64_t)(r->settings.patience_s * 1e9);
    const int trouble = silent ? ETIMEDOUT : disk_health_trouble(&h);
    if (trouble != 0 || !opening_fails)
        atomic_store(&r->error, trouble);
    atomic_store(&r->bytes, h.written_bytes);
    if (!r->recording && r->account_waits && now_ns - r->account_ns > (int64_t)(r->settings.retry_s * 1e9) && answers(r))
        write_account(r, now_ns);
    if (r->recording && trouble == 0 && raw_gaps_news(r->gaps) && now_ns - r->account_ns > ACCOUNT_S * INT64_C(1000000000) && answers(r))
        write_account(r, now_ns);
}

bool raw_recorder_settled(const struct raw_recorder *r) { return r->queue == NULL || disk_queue_idle(r->queue); }

struct raw_counts raw_recorder_counts(const struct raw_recorder *r, uint32_t k) {
    const struct raw_channel *c = &r->channels[k];
    const bool through = !r->recording && raw_recorder_settled(r);
    return (struct raw_counts){ .accepted = c->accepted, .acked = through ? c->accepted : c->acked, .other_length = c->other_length, .lost = raw_gaps_lost(r->gaps, k), .gaps = raw_gaps_count(r->gaps, k) };
}

void raw_recorder_free(struct raw_recorder *r) {
    if (r == NULL)
        return;
    settle_run(r, 3);
    free(r->record);
    free(r);
}

/* ---- as a sink ---- */

static void run(void *context, const struct live_session *session, bool begins) {
    if (begins && session->folder[0] != '\0')
        raw_recorder_begin(context, session);
    else
        raw_recorder_end(context);
}

static void records(void *context, const struct record_block *block) { raw_recorder_add(context, block); }

static bool ready(void *context, const struct record_block *block) { return raw_recorder_ready(context, block); }

static void step(void *context) { raw_recorder_step(context); }

static void health(void *context, struct sink_health *out) {
    struct raw_recorder *r = context;
    const int error = atomic_load(&r->error);
    *out = (struct sink_health){ .name = "raw", .failing = error != 0, .accepted = atomic_load(&r->accepted), .lost = atomic_load(&r->lost), .bytes = atomic_load(&r->bytes) };
    if (error != 0)
        snprintf(out->trouble, sizeof out->trouble, "cannot be written: %s", strerror(error));
}

static void done(void *context) { raw_recorder_free(context); }

struct record_sink raw_recorder_sink(struct raw_recorder *r) {
    return (struct record_sink){ .context = r, .run = run, .ready = ready, .records = records, .step = step, .health = health, .done = done };
}
