#include "daemon/sink/dastard_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/sink/dastard_off.h"
#include "daemon/sink/growing_file.h"
#include "pulse/record_ljh.h"

enum { PATH = 1024, FLUSH_BLOCKS = 20, FLUSH_MS = 3000, LABEL = 64 };

struct dastard_files {
    const struct dastard_array *channels;
    uint64_t torn_every;
    bool active, paused, complained;
    char base[PATH], prefix[PATH];   /* prefix: .../YYYYMMDD_runNNNN */
    char label[LABEL];
    int64_t label_ns, start_ns, last_ns, flushed_ms;
    int states_fd;
    struct dastard_formats formats;
    const struct off_projection *projections;   /* NULL: none */
    struct growing_file *files, *off;   /* one a channel; fd -1 until its first record */
    struct growing_file external, drops;
    uint64_t *written;
    uint8_t *bytes;                  /* a header or a record */
};

static void forget_files(struct dastard_files *f) {
    for (uint32_t i = 0; i < f->channels->n_channels; i++)
        f->files[i].fd = f->off[i].fd = -1;
    f->external.fd = f->drops.fd = f->states_fd = -1;
}

bool dastard_files_new(const struct dastard_array *channels, uint64_t torn_every, struct dastard_files **out) {
    struct dastard_files *f = calloc(1, sizeof *f);
    if (f == NULL)
        return false;
    *f = (struct dastard_files){.channels = channels, .torn_every = torn_every};
    f->files = calloc(channels->n_channels, sizeof *f->files);
    f->off = calloc(channels->n_channels, sizeof *f->off);
    f->written = calloc(channels->n_channels, sizeof *f->written);
    if (f->files == NULL || f->off == NULL || f->written == NULL) {
        free(f->files);
        free(f->off);
        free(f->written);
        free(f);
        return false;
    }
    forget_files(f);
    *out = f;
    return true;
}

void dastard_files_free(struct dastard_files *f) {
    if (f == NULL)
        return;
    if (f->active)
        dastard_files_stop(f, f->last_ns);
    free(f->files);
    free(f->off);
    free(f->written);
    free(f->bytes);
    free(f);
}

bool dastard_files_active(const struct dastard_files *f) { return f->active; }
bool dastard_files_paused(const struct dastard_files *f) { return f->paused; }
const uint64_t *dastard_files_written(const struct dastard_files *f) { return f->written; }

/* ---- start and stop ---- */

static void complain(struct dastard_files *f, const char *what) {
    if (!f->complained)
        log_warning("%s_%s: cannot be written: %m; writing goes on without it, as the acquisition server would", f->prefix, what);
    f->complained = true;
}

static bool make_path(const char *path) {
    char part[PATH];
    for (size_t i = 1; path[i] != '\0'; i++)
        if (path[i] == '/') {
            memcpy(part, path, i);
            part[i] = '\0';
            if (mkdir(part, 0777) != 0 && errno != EEXIST)
                return false;
        }
    return mkdir(path, 0777) == 0 || errno == EEXIST;
}

/* BASE/day/NNNN, the first number that is not there yet; sets the prefix. */
static bool make_run_folder(struct dastard_files *f, const char *base, int64_t now_ns) {
    char day[16], path[PATH];
    struct tm t;
    const time_t at = (time_t)(now_ns / 1000000000);
    strftime(day, sizeof day, "%Y%m%d", localtime_r(&at, &t));
    if (snprintf(path, sizeof path, "%s/%s", base, day) > PATH - 96) {
        errno = ENAMETOOLONG;
        return false;
    }
    if (!make_path(path))
        return false;
    for (int run = 0; run < 10000; run++) {
        snprintf(path, sizeof path, "%.900s/%s/%04d", base, day, run);
        if (mkdir(path, 0777) == 0) {
            snprintf(f->prefix, sizeof f->prefix, "%.900s/%s/%04d/%s_run%04d", base, day, run, day, run);
            return true;
        }
        if (errno != EEXIST)
            return false;
    }
    errno = EEXIST;
    return false;
}

static void write_label(struct dastard_files *f, const char *label, int64_t ns) {
    char line[LABEL + 32];
    const int n = snprintf(line, sizeof line, "%lld, %s\n", (long long)ns, label);
    if (f->states_fd >= 0 && write(f->states_fd, line, (size_t)n) != n)
        complain(f, "experiment_state.txt");
    snprintf(f->label, sizeof f->label, "%s", label);
    f->label_ns = ns;
    f->last_ns = ns;
}

static void open_states(struct dastard_files *f, int64_t now_ns) {
    static const char first[] = "# unix time in nanoseconds, state label\n";
    char path[PATH + 32];
    snprintf(path, sizeof path, "%s_experiment_state.txt", f->prefix);
    f->states_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (f->states_fd < 0 || write(f->states_fd, first, sizeof first - 1) != (ssize_t)(sizeof first - 1))
        complain(f, "experiment_state.txt");
    write_label(f, "START", now_ns);
}

void dastard_files_project(struct dastard_files *f, const struct off_projection *projections) { f->projections = projections; }

bool dastard_files_start(struct dastard_files *f, const char *base, struct dastard_formats formats, int64_t now_ns, char error[DASTARD_ERROR]) {
    if (f->active) {
        snprintf(error, DASTARD_ERROR, "writing already in progress, stop writing before starting again. Currently: %.150s", f->prefix);
        return false;
    }
    uint8_t *bytes = realloc(f->bytes, LJH_HEADER_LIMIT + 16 + 2 * (size_t)f->channels->n_samples);
    if (bytes != NULL)
        f->bytes = bytes;
    if (bytes == NULL || !make_run_folder(f, base, now_ns)) {
        snprintf(error, DASTARD_ERROR, "could not make a run folder in %.120s: %s", base, strerror(errno));
        return false;
    }
    snprintf(f->base, sizeof f->base, "%s", base);
    memset(f->written, 0, f->channels->n_channels * sizeof *f->written);
    f->formats = formats;
    f->active = true;
    f->paused = f->complained = false;
    f->start_ns = now_ns;
    open_states(f, now_ns);
    return true;
}

static void flush_one(struct dastard_files *f, struct growing_file *g, const char *what) {
    if (g->fd >= 0 && !growing_file_flush(g))
        complain(f, what);
}

static void flush_all(struct dastard_files *f) {
    for (uint32_t i = 0; i < f->channels->n_channels; i++) {
        flush_one(f, &f->files[i], f->channels->channels[i].name);
        flush_one(f, &f->off[i], f->channels->channels[i].name);
    }
    flush_one(f, &f->external, "external_trigger.bin");
    flush_one(f, &f->drops, "data_drop.txt");
}

static void close_all(struct dastard_files *f, bool flush) {
    if (flush)
        flush_all(f);
    for (uint32_t i = 0; i < f->channels->n_channels; i++) {
        growing_file_close(&f->files[i]);
        growing_file_close(&f->off[i]);
    }
    growing_file_close(&f->external);
    growing_file_close(&f->drops);
    if (f->states_fd >= 0)
        close(f->states_fd);
    f->states_fd = -1;
    f->active = f->paused = false;
    f->prefix[0] = '\0';
}

void dastard_files_stop(struct dastard_files *f, int64_t now_ns) {
    if (!f->active)
        return;
    write_label(f, "STOP", now_ns);
    close_all(f, true);
}

void dastard_files_abandon(struct dastard_files *f) {
    close_all(f, false);
}

void dastard_files_pause(struct dastard_files *f, bool paused) { f->paused = f->active && paused; }

bool dastard_files_label(struct dastard_files *f, const char *label, int64_t now_ns) {
    if (f->active)
        write_label(f, label, now_ns);
    return f->active;
}

/* ---- records ---- */

static struct ljh_header header_of(const struct dastard_files *f, const struct dastard_channel *c) {
    const struct dastard_array *a = f->channels;
    struct ljh_header h = {.version = 22, .n_samples = a->n_samples, .n_presamples = a->n_presamples, .sample_period_s = a->period_s, .channel = c->number,
                           .channel_index = c->index, .subframe_divisions = a->subframe_divisions, .subframe_offset = c->subframe_offset,
                           .timestamp_offset_s = (double)f->start_ns / 1e9, .dastard = true, .software = "DASTARD version 0.3.10 (simulated by tesd)"};
    snprintf(h.channel_name, sizeof h.channel_name, "%s", c->name);
    return h;
}

static bool open_channel(struct dastard_files *f, const struct dastard_channel *c) {
    char path[PATH + 32];
    const struct ljh_header h = header_of(f, c);
    snprintf(path, sizeof path, "%s_%s.ljh", f->prefix, c->name);
    return growing_file_open(&f->files[c->index], path) && growing_file_add(&f->files[c->index], f->bytes, ljh_header_format(&h, f->bytes, LJH_HEADER_LIMIT));
}

/* The server queues a record in three pieces (8 and 8 bytes, samples); a full queue takes the first one or two. */
static size_t bytes_taken(const struct dastard_files *f, uint64_t k, size_t whole) {
    if (f->torn_every == 0 || (k + 1) % f->torn_every != 0)
        return whole;
    return (k + 1) / f->torn_every % 2 == 0 ? 8 : 16;
}

static bool open_off(struct dastard_files *f, const struct dastard_channel *c) {
    char path[PATH + 32];
    size_t n = 0;
    uint8_t *header = dastard_off_header(f->channels, c, &f->projections[c->index], f->start_ns, &n);
    snprintf(path, sizeof path, "%s_%s.off", f->prefix, c->name);
    bool good = header != NULL && growing_file_open(&f->off[c->index], path) && growing_file_add(&f->off[c->index], header, n);
    free(header);
    return good;
}

static void add_off(struct dastard_files *f, const struct dastard_record *r, const struct dastard_channel *c) {
    const struct off_projection *p = &f->projections[c->index];
    const struct off_header h = {.version = 30, .n_bases = p->n_bases, .record_bytes = 36 + 4 * (size_t)p->n_bases};
    struct off_record record;
    uint8_t bytes[36 + 4 * OFF_MAX_BASES];
    if (p->n_bases == 0 || p->n_samples != r->message.record.n_samples)
        return;
    off_projection_take(p, &r->message.record, r->message.is_signed, &record);
    off_record_encode(&h, &record, bytes);
    if ((f->off[c->index].fd < 0 && !open_off(f, c)) || !growing_file_add(&f->off[c->index], bytes, h.record_bytes))
        complain(f, c->name);
}

static void add_ljh(struct dastard_files *f, const struct dastard_record *r, const struct dastard_channel *c) {
    struct growing_file *g = &f->files[c->index];
    if (g->fd < 0 && !open_channel(f, c)) {
        complain(f, c->name);
        return;
    }
    const struct ljh_header h = {.subframe_divisions = f->channels->subframe_divisions, .subframe_offset = c->subframe_offset};
    ljh_record_format(&h, &r->message.record, f->bytes);
    if (!growing_file_add(g, f->bytes, bytes_taken(f, f->written[c->index], 16 + 2 * (size_t)r->message.record.n_samples)))
        complain(f, c->name);
}

static void add_record(struct dastard_files *f, const struct dastard_record *r) {
    const struct dastard_channel *c = &f->channels->channels[r->message.channel_index];
    if (f->formats.ljh)
        add_ljh(f, r, c);
    if (f->formats.off && f->projections != NULL)
        add_off(f, r, c);
    f->written[c->index]++;
}

static void flush_at(struct dastard_files *f, int64_t wall_ms) {
    flush_all(f);
    f->flushed_ms = wall_ms;
}

void dastard_files_add(struct dastard_files *f, const struct dastard_record *records, size_t n, uint64_t block_number, int64_t wall_ms) {
    if (!f->active)
        return;
    for (size_t i = 0; i < n && !f->paused; i++)
        add_record(f, &records[i]);
    if (block_number % FLUSH_BLOCKS == 0)
        flush_at(f, wall_ms);
}

void dastard_files_tick(struct dastard_files *f, int64_t wall_ms) {
    if (f->active && wall_ms - f->flushed_ms >= FLUSH_MS)
        flush_at(f, wall_ms);
}

/* A sibling file with its first line, made when it is first needed; its name is what follows the prefix. */
static bool sibling(struct dastard_files *f, struct growing_file *g, const char *name, const char *first_line) {
    char path[PATH + 32];
    if (g->fd >= 0)
        return true;
    snprintf(path, sizeof path, "%s_%s", f->prefix, name);
    if (growing_file_open(g, path) && growing_file_add(g, first_line, strlen(first_line)))
        return true;
    complain(f, name);
    return false;
}

void dastard_files_external(struct dastard_files *f, const int64_t *subframes, size_t n) {
    char line[160];
    snprintf(line, sizeof line, "# external trigger subframe counts as int64: subframe = frame * subframeDivisions + offset (subframeDivisions=%4u)\n",
             f->channels->subframe_divisions);
    if (f->active && n > 0 && sibling(f, &f->external, "external_trigger.bin", line) && !growing_file_add(&f->external, subframes, n * sizeof *subframes))
        complain(f, "external_trigger.bin");
}

void dastard_files_drop(struct dastard_files *f, int64_t first_frame_after, int64_t n_frames) {
    char line[64];
    const int n = snprintf(line, sizeof line, "%12lld %8lld\n", (long long)first_frame_after, (long long)n_frames);
    if (f->active && sibling(f, &f->drops, "data_drop.txt", "# firstFrameAfterDrop, number of dropped frames\n") && !growing_file_add(&f->drops, line, (size_t)n))
        complain(f, "data_drop.txt");
}

/* ---- what it says of itself ---- */

static json_t *file_name(const struct dastard_files *f, const char *end) {
    char path[PATH + 32];
    snprintf(path, sizeof path, "%s%s", f->prefix, end);
    return json_string(f->active ? path : "");
}

json_t *dastard_files_body(const struct dastard_files *f) {
    return json_pack("{s:b,s:b,s:s,s:o,s:b,s:b,s:b,s:b,s:o,s:s,s:I,s:o,s:s}", "Active", (int)f->active, "Paused", (int)f->paused, "BasePath", f->base, "FilenamePattern",
                     file_name(f, "_%s.%s"), "WriteLJH22", (int)f->formats.ljh, "WriteOFF", (int)f->formats.off, "WriteLJH3", 0, "FlushAlsoSyncs", 0, "ExperimentStateFilename",
                     file_name(f, "_experiment_state.txt"), "ExperimentStateLabel", f->label, "ExperimentStateLabelUnixNano", (json_int_t)f->label_ns,
                     "ExternalTriggerFilename", file_name(f, "_external_trigger.bin"), "DataDropFilename", "");
}

static bool comment_path(const struct dastard_files *f, char path[PATH]) {
    if (!f->active)
        return false;
    snprintf(path, PATH, "%.*scomment.txt", (int)(strrchr(f->prefix, '/') + 1 - f->prefix), f->prefix);
    return true;
}

bool dastard_files_write_comment(struct dastard_files *f, const char *text, char error[DASTARD_ERROR]) {
    char path[PATH];
    if (!comment_path(f, path))
        return true;   /* upstream says so too */
    FILE *to = fopen(path, "w");
    const size_t n = strlen(text);
    const bool good = to != NULL && fprintf(to, "%s%s", text, n > 0 && text[n - 1] == '\n' ? "" : "\n") >= 0;
    if ((to == NULL || fclose(to) != 0) || !good) {
        snprintf(error, DASTARD_ERROR, "open %.150s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

json_t *dastard_files_read_comment(const struct dastard_files *f, char error[DASTARD_ERROR]) {
    char path[PATH], text[8192];
    if (!comment_path(f, path)) {
        snprintf(error, DASTARD_ERROR, "cannot read comment when not actively writing");
        return NULL;
    }
    FILE *from = fopen(path, "r");
    if (from == NULL) {
        snprintf(error, DASTARD_ERROR, "open %.150s: %s", path, strerror(errno));
        return NULL;
    }
    const size_t n = fread(text, 1, sizeof text, from);
    fclose(from);
    return json_stringn(text, n);
}
