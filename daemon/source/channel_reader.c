#include "daemon/source/channel_reader.h"

#include <stdlib.h>

#include "daemon/log.h"

/* Records of one channel may stand out of order by about one processing block of the acquisition; more is a restart. */
static const double disorder_s = 1.0;
static const double disagreement_ns = 1e6;
static const double clock_tolerance = 1e-4;   /* of the time between two records: real sample clocks are off by up to 24 ppm */

struct channel_reader {
    uint32_t pixel;
    size_t n_files;
    struct source_file **files;
    struct record_index index;
    struct channel_counts counts;
};

/* Stable sort by frame inside an epoch: `where` grows along a file and `file` along first times. */
static int by_frame(const void *a, const void *b) {
    const struct record_place *x = a, *y = b;
    if (x->frame != y->frame)
        return x->frame < y->frame ? -1 : 1;
    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    return (x->where > y->where) - (x->where < y->where);
}

static bool in_order(const struct record_place *p, size_t n) {
    for (size_t i = 1; i < n; i++)
        if (p[i].frame <= p[i - 1].frame)
            return false;
    return true;
}

/* Sorts one epoch and moves its distinct records to `to`; returns how many. */
static size_t settle_epoch(struct channel_reader *r, struct record_place *to, struct record_place *from, size_t n) {
    if (!in_order(from, n))
        qsort(from, n, sizeof *from, by_frame);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && to[kept - 1].frame == from[i].frame)
            r->counts.duplicates++;
        else
            to[kept++] = from[i];
    }
    return kept;
}

/* A frame far behind the newest one begins a new epoch if its time is later than all before, else it is an old record again. */
static size_t epoch_length(const struct record_place *p, size_t n, double period_s) {
    int64_t newest_frame = p[0].frame, newest_time = p[0].time_ns;
    double allowed = disorder_s / period_s;
    for (size_t i = 1; i < n; i++) {
        if ((double)newest_frame - (double)p[i].frame > allowed && p[i].time_ns > newest_time)
            return i;
        newest_frame = p[i].frame > newest_frame ? p[i].frame : newest_frame;
        newest_time = p[i].time_ns > newest_time ? p[i].time_ns : newest_time;
    }
    return n;
}

static uint64_t count_disagreements(const struct record_place *p, size_t n, double period_s) {
    uint64_t count = 0;
    for (size_t i = 1; i < n; i++) {
        double by_frames = ((double)p[i].frame - (double)p[i - 1].frame) * period_s * 1e9;
        double by_stamps = (double)(p[i].time_ns - p[i - 1].time_ns);
        double difference = by_stamps - by_frames;
        count += difference > disagreement_ns + clock_tolerance * by_frames || difference < -disagreement_ns - clock_tolerance * by_frames;
    }
    return count;
}

static void settle(struct channel_reader *r) {
    const struct source_info *info = channel_reader_info(r);
    struct record_place *p = r->index.places;
    size_t kept = 0, epochs = 0;
    for (size_t i = 0; i < r->index.n; epochs++) {
        size_t n = epoch_length(p + i, r->index.n - i, info->shape.sample_period_s);
        size_t distinct = settle_epoch(r, p + kept, p + i, n);
        r->counts.disagreements += count_disagreements(p + kept, distinct, info->shape.sample_period_s);
        kept += distinct;
        i += n;
    }
    r->index.n = kept;
    r->counts.records = kept;
    r->counts.restarts = epochs ? epochs - 1 : 0;
}

static bool add_file(struct channel_reader *r, const char *path) {
    struct complaint why = { 0 };
    struct source_file *f;
    size_t before = r->index.n;
    enum status s = source_file_open(path, &f, &why);
    if (s == STATUS_OK && (s = source_file_index(f, &r->index, &why)) != STATUS_OK)
        source_file_close(f);
    if (s != STATUS_OK) {
        log_warning("%s: byte %llu: %s; its records are missing", path, (unsigned long long)why.offset, why.text[0] ? why.text : status_text(s));
        r->index.n = before;
        r->counts.unreadable++;
        return s != STATUS_NO_MEMORY;
    }
    for (size_t i = before; i < r->index.n; i++)
        r->index.places[i].file = (uint32_t)r->n_files;
    r->counts.torn += f->info.torn;
    r->counts.tail_bytes += f->info.tail_bytes;
    r->files[r->n_files++] = f;
    return true;
}

bool channel_reader_open(const struct channel_input *input, uint32_t pixel, struct channel_reader **out) {
    struct channel_reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return false;
    r->pixel = pixel;
    r->files = calloc(input->n_files ? input->n_files : 1, sizeof(struct source_file *));
    bool good = r->files != NULL;
    for (size_t i = 0; good && i < input->n_files; i++)
        good = add_file(r, input->files[i].path);
    if (!good) {
        channel_reader_close(r);
        return false;
    }
    if (r->index.n > 0)
        settle(r);
    *out = r;
    return true;
}

const struct source_info *channel_reader_info(const struct channel_reader *r) {
    for (size_t i = 0; i < r->n_files; i++)
        if (r->files[i]->info.records > 0)
            return &r->files[i]->info;
    return r->n_files ? &r->files[0]->info : NULL;
}

size_t channel_reader_count(const struct channel_reader *r) {
    return r->index.n;
}

void channel_reader_get(const struct channel_reader *r, size_t i, struct channel_record *out) {
    const struct record_place *p = &r->index.places[i];
    source_file_fetch(r->files[p->file], p->where, r->pixel, out);
    out->coefficients = r->files[p->file]->info.shape.coefficients;
    out->time_ns = out->samples.trigger_time_ns = p->time_ns;
    out->frame = out->samples.trigger_frame = p->frame;
}

/* `where` grows by the record's length along a file; by more where something torn was skipped. */
bool channel_reader_gap_before(const struct channel_reader *r, size_t i) {
    if (i == 0)
        return false;
    const struct record_place *a = &r->index.places[i - 1], *b = &r->index.places[i];
    if (b->frame < a->frame)
        return true;
    const struct source_file *f = r->files[b->file];
    return a->file == b->file && f->info.torn > 0 && (b->where < a->where || b->where - a->where > 2 * (uint64_t)f->info.shape.n_samples + 16);
}

struct channel_counts channel_reader_counts(const struct channel_reader *r) {
    return r->counts;
}

void channel_reader_close(struct channel_reader *r) {
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->n_files; i++)
        source_file_close(r->files[i]);
    free(r->files);
    record_index_done(&r->index);
    free(r);
}
