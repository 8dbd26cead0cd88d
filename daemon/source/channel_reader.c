#include "daemon/source/channel_reader.h"

#include <stdlib.h>

#include "daemon/log.h"
#include "daemon/source/record_order.h"

struct channel_reader {
    uint32_t pixel;
    size_t n_files, at_file;          /* at_file: the one that the walk is in */
    struct source_file **files;
    const char **paths;               /* borrowed */
    struct record_order order;        /* of the walk under way, or of the index */
    bool walked;                      /* to the end at least once */
    bool indexed;
    struct record_index index;
    size_t at_place;
    struct channel_place place;       /* of the last record */
    uint64_t torn_before;             /* in the file of the walk, when the last record came */
    int64_t last_frame;               /* of the walk; meaningful behind its first record */
    bool begun;
    uint64_t duplicates, unreadable;
    struct source_run run;            /* of the file of the walk; run_at: the next of it */
    size_t run_at;
    bool gap_before[SOURCE_RUN];      /* of those given as a run */
};

static void complain(struct channel_reader *r, const char *path, enum status s, const struct complaint *why) {
    log_warning("%s: byte %llu: %s; its records from there on are missing", path, (unsigned long long)why->offset,
                why->text[0] ? why->text : status_text(s));
    r->unreadable++;
}

static bool add_file(struct channel_reader *r, const char *path) {
    struct complaint why = { 0 };
    struct source_file *f;
    enum status s = source_file_open(path, &f, &why);
    if (s == STATUS_NO_MEMORY)
        return false;
    if (s != STATUS_OK) {
        complain(r, path, s, &why);
        return true;
    }
    r->paths[r->n_files] = path;
    r->files[r->n_files++] = f;
    return true;
}

bool channel_reader_open(const struct channel_input *input, uint32_t pixel, struct channel_reader **out) {
    struct channel_reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return false;
    r->pixel = pixel;
    r->files = calloc(input->n_files + 1, sizeof(struct source_file *));
    r->paths = calloc(input->n_files + 1, sizeof *r->paths);
    bool good = r->files != NULL && r->paths != NULL;
    for (size_t i = 0; good && i < input->n_files; i++)
        good = add_file(r, input->files[i].path);
    if (!good) {
        channel_reader_close(r);
        return false;
    }
    *out = r;
    return true;
}

static void note(struct channel_reader *r, const struct source_file *f, int64_t time_ns, int64_t frame) {
    record_order_note(&r->order, f->info.shape.sample_period_s, time_ns, frame);
}

static void begin_run(struct channel_reader *r, struct source_file *f) {
    r->run_at = 0;
    source_file_run(f, &r->run);
    record_order_note_all(&r->order, f->info.shape.sample_period_s, r->run.stamps, r->run.n);
}

/* As source_file_fetch would. */
static void take_in_place(const struct channel_reader *r, const struct source_file *f, struct channel_record *out) {
    const struct channel_shape *shape = &f->info.shape;
    out->coefficients = false;
    out->samples.samples = (const sample_u16 *)(r->run.samples + r->run_at * f->info.record_bytes);
    out->samples.n_samples = shape->n_samples;
    out->samples.n_presamples = shape->n_presamples;
    out->samples.pixel = r->pixel;
    out->samples.next = NULL;
    out->samples.sample_period_s = (float)shape->sample_period_s;
    out->time_ns = out->samples.trigger_time_ns = r->run.stamps[r->run_at].time_ns;
    out->frame = out->samples.trigger_frame = r->run.stamps[r->run_at].frame;
}

/* The walk is behind the run already. End: there is none now. */
static enum source_step next_in_run(struct channel_reader *r, struct source_file *f, struct channel_record *out, uint64_t *where, struct complaint *why) {
    if (r->run_at == r->run.n)
        begin_run(r, f);
    if (r->run_at == r->run.n)
        return SOURCE_END;
    *where = r->run.where + r->run_at * f->info.record_bytes;
    if (r->run.samples != NULL) {
        take_in_place(r, f, out);
    } else if (!source_file_fetch(f, *where, r->pixel, out)) {
        r->run_at = r->run.n;
        complaint_set(why, *where, 0, "a record that was just there cannot be read");
        return SOURCE_FAILED;
    }
    out->time_ns = out->samples.trigger_time_ns = r->run.stamps[r->run_at].time_ns;
    out->frame = out->samples.trigger_frame = r->run.stamps[r->run_at].frame;
    r->run_at++;
    return SOURCE_RECORD;
}

static enum source_step next_in_file(struct channel_reader *r, struct source_file *f, struct channel_record *out, uint64_t *where, struct complaint *why) {
    enum source_step step = next_in_run(r, f, out, where, why);
    if (step != SOURCE_END)
        return step;
    step = source_file_next(f, r->pixel, out, where, why);
    if (step == SOURCE_RECORD)
        note(r, f, out->time_ns, out->frame);
    return step;
}

/* In the order of the files. A file that fails on the way is left, and said so once. */
static bool next_in_files(struct channel_reader *r, struct channel_record *out, uint64_t *where) {
    for (; r->at_file < r->n_files; r->at_file++) {
        struct source_file *f = r->files[r->at_file];
        struct complaint why;   /* not cleared whole: that would cost as much as the walk */
        why.offset = 0;
        why.text[0] = 0;
        enum source_step step = next_in_file(r, f, out, where, &why);
        if (step == SOURCE_RECORD)
            return true;
        if (step == SOURCE_FAILED && !r->walked)
            complain(r, r->paths[r->at_file], STATUS_IO, &why);
        source_file_rest(f);
    }
    r->walked = true;
    return false;
}

/* `where` grows by the record's length along a file; by more where something torn was skipped. */
static bool gap_between(const struct channel_reader *r, const struct record_place *a, const struct record_place *b) {
    const struct source_info *info = &r->files[b->file]->info;
    return b->frame < a->frame ||
           (a->file == b->file && info->torn > 0 && (b->where < a->where || b->where - a->where > 2 * (uint64_t)info->shape.n_samples + 16));
}

static bool next_in_index(struct channel_reader *r, struct channel_record *out) {
    while (r->at_place < r->index.n) {
        const struct record_place *p = &r->index.places[r->at_place++];
        if (!source_file_fetch(r->files[p->file], p->where, r->pixel, out))
            continue;
        out->time_ns = out->samples.trigger_time_ns = p->time_ns;
        out->frame = out->samples.trigger_frame = p->frame;
        out->gap_before = r->at_place > 1 && gap_between(r, p - 1, p);
        r->place = (struct channel_place){ p->where, p->file };
        return true;
    }
    return false;
}

bool channel_reader_next(struct channel_reader *r, struct channel_record *out) {
    if (r->indexed)
        return next_in_index(r, out);
    if (!next_in_files(r, out, &r->place.where))
        return false;
    r->place.file = (uint32_t)r->at_file;
    const struct source_info *info = &r->files[r->at_file]->info;
    out->gap_before = r->begun && (out->frame < r->last_frame || info->torn > r->torn_before);
    r->torn_before = info->torn;
    r->last_frame = out->frame;
    r->begun = true;
    return true;
}

/* As next does for each: a frame that goes back, or something torn since the record before. */
static void mark_gaps(struct channel_reader *r, const struct ljh_stamp *stamps, size_t n, uint64_t torn) {
    r->gap_before[0] = r->begun && (stamps[0].frame < r->last_frame || torn > r->torn_before);
    for (size_t i = 1; i < n; i++)
        r->gap_before[i] = stamps[i].frame < stamps[i - 1].frame;
    r->torn_before = torn;
    r->last_frame = stamps[n - 1].frame;
    r->begun = true;
}

void channel_reader_run(struct channel_reader *r, size_t most, struct channel_run *out) {
    out->n = 0;
    if (r->indexed || r->at_file >= r->n_files)
        return;
    struct source_file *f = r->files[r->at_file];
    if (r->run_at == r->run.n)
        begin_run(r, f);
    const size_t left = r->run.n - r->run_at, n = left < most ? left : most;
    if (n == 0 || r->run.samples == NULL)
        return;
    out->n = n;
    take_in_place(r, f, &out->record);
    out->record_bytes = f->info.record_bytes;
    out->stamps = r->run.stamps + r->run_at;
    out->gap_before = r->gap_before;
    out->place = (struct channel_place){ r->run.where + r->run_at * f->info.record_bytes, (uint32_t)r->at_file };
    mark_gaps(r, out->stamps, n, f->info.torn);
    out->record.gap_before = r->gap_before[0];
    r->run_at += n;
    r->place = (struct channel_place){ out->place.where + (n - 1) * f->info.record_bytes, out->place.file };
}

struct channel_place channel_reader_place(const struct channel_reader *r) {
    return r->place;
}

bool channel_reader_again(struct channel_reader *r, struct channel_place place, struct channel_record *out) {
    r->run.samples = NULL;   /* the window may slide */
    return source_file_fetch(r->files[place.file], place.where, r->pixel, out);
}

void channel_reader_rewind(struct channel_reader *r) {
    r->at_place = 0;
    if (r->indexed)
        return;
    r->order = (struct record_order){ 0 };
    r->run_at = r->run.n = 0;
    r->begun = false;
    r->torn_before = 0;
    r->at_file = 0;
    for (size_t i = 0; i < r->n_files; i++)
        source_file_rewind(r->files[i]);
}

bool channel_reader_ordered(const struct channel_reader *r) {
    return r->indexed || !r->order.disorder;
}

static bool fill_index(struct channel_reader *r) {
    struct channel_record record;
    struct record_place p = { 0 };
    while (next_in_files(r, &record, &p.where)) {
        p.time_ns = record.time_ns;
        p.frame = record.frame;
        p.file = (uint32_t)r->at_file;
        if (!record_index_add(&r->index, p))
            return false;
    }
    return true;
}

bool channel_reader_sort(struct channel_reader *r) {
    struct channel_record record;
    if (!r->walked)
        while (channel_reader_next(r, &record))
            ;
    if (!channel_reader_ordered(r)) {
        channel_reader_rewind(r);
        if (!fill_index(r))
            return false;
        r->duplicates = record_index_settle(&r->index, channel_reader_info(r)->shape.sample_period_s, &r->order);
        r->indexed = true;
    }
    channel_reader_rewind(r);
    return true;
}

uint64_t channel_reader_most(const struct channel_reader *r) {
    uint64_t n = 0;
    for (size_t i = 0; i < r->n_files; i++)
        n += source_file_most(r->files[i]);
    return n;
}

const struct source_info *channel_reader_info(const struct channel_reader *r) {
    for (size_t i = 0; i < r->n_files; i++)
        if (r->files[i]->info.records > 0)
            return &r->files[i]->info;
    return r->n_files ? &r->files[0]->info : NULL;
}

struct channel_counts channel_reader_counts(const struct channel_reader *r) {
    struct channel_counts c = { .records = r->order.records, .duplicates = r->duplicates, .restarts = r->order.restarts,
                                .disagreements = r->order.disagreements, .unreadable = r->unreadable };
    for (size_t i = 0; i < r->n_files; i++) {
        c.torn += r->files[i]->info.torn;
        c.tail_bytes += r->files[i]->info.tail_bytes;
    }
    return c;
}

void channel_reader_close(struct channel_reader *r) {
    if (r == NULL)
        return;
    for (size_t i = 0; r->files != NULL && i < r->n_files; i++)
        source_file_close(r->files[i]);
    free(r->files);
    free(r->paths);
    record_index_done(&r->index);
    free(r);
}
