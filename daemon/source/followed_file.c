#include "daemon/source/followed_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/source/source.h"
#include "pulse/off_projection.h"

static const int64_t RETRY_NS = INT64_C(500000000);   /* after a read or an open that failed */
enum { FAILURES_AFTER_END = 20 };                      /* then a file whose run is over is given up */

bool followed_file_new(const char *folder, const char *name, int64_t now_ns, struct followed_file **out) {
    struct followed_file *f = calloc(1, sizeof *f);
    if (f == NULL || asprintf(&f->path, "%s/%s", folder, name) < 0) {
        free(f);
        return false;
    }
    f->fd = -1;
    if (!growing_records_new(0, &f->records)) {
        followed_file_free(f);
        return false;
    }
    f->name = f->path + strlen(folder) + 1;
    f->channel = source_channel_of_name(name);
    f->off = strlen(name) > 4 && strcmp(name + strlen(name) - 4, ".off") == 0;
    f->seen_ns = f->grew_ns = now_ns;
    f->dirty = true;
    *out = f;
    return true;
}

void followed_file_free(struct followed_file *f) {
    if (f == NULL)
        return;
    if (f->fd >= 0)
        close(f->fd);
    growing_records_free(f->records);
    free(f->path);
    free(f);
}

void followed_file_notice(struct followed_file *f, bool ask_anew) {
    f->dirty = true;
    f->ask_anew = f->ask_anew || ask_anew;
}

void followed_file_end(struct followed_file *f) {
    f->dirty = f->dirty || !f->ended;
    f->ended = true;
}

bool followed_file_has_records(const struct followed_file *f) { return growing_records_info(f->records)->records > 0; }

bool followed_file_busy(const struct followed_file *f, int64_t now_ns) {
    return !f->over && !f->unwanted && (f->draining || f->held || (f->dirty && !f->reading && now_ns >= f->retry_ns));
}

static void complain(struct followed_file *f, const char *what, const char *consequence) {
    if (!f->complained)
        log_warning("%s: byte %llu: %s; %s", f->path, (unsigned long long)growing_records_offset(f->records), what, consequence);
    f->complained = true;
}

/* What it held is counted, its memory and its descriptor go back. */
static void give_up(struct followed_file *f, struct follow_counts *counts) {
    counts->tail_bytes += growing_records_info(f->records)->tail_bytes;
    growing_records_rest(f->records);
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
    f->over = true;
    f->draining = f->held = f->dirty = false;
}

static void fail(struct followed_file *f, int error, int64_t now_ns, struct follow_counts *counts) {
    counts->read_errors++;
    complain(f, strerror(error), "it is tried again until it can be read");
    if (error == ENOENT || (f->ended && ++f->failures > FAILURES_AFTER_END)) {
        complain(f, strerror(error), "it is not followed any more");
        give_up(f, counts);
        return;
    }
    f->retry_ns = now_ns + RETRY_NS;
    f->dirty = true;
    if (error == ESTALE || error == EBADF) {   /* the server forgot the handle: ask by name */
        close(f->fd);
        f->fd = -1;
    }
}

/* The same file under the old name, as its server has it now; whatever goes wrong, the old descriptor stays good. */
static void open_again(struct followed_file *f) {
    struct stat was, is;
    int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return;
    bool same = fstat(fd, &is) == 0 && fstat(f->fd, &was) == 0 && is.st_ino == was.st_ino && is.st_dev == was.st_dev;
    close(same ? f->fd : fd);
    f->fd = same ? fd : f->fd;
}

static bool open_first(struct followed_file *f, int64_t now_ns, struct follow_counts *counts) {
    struct stat st;
    f->fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (f->fd >= 0 && fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode))
        return true;
    if (f->fd >= 0) {
        complain(f, "not a regular file", "the file is left out");
        counts->refused++;
        give_up(f, counts);
    } else {
        fail(f, errno, now_ns, counts);
    }
    return false;
}

bool followed_file_request(struct followed_file *f, int64_t now_ns, struct read_request *out, struct follow_counts *counts) {
    if (f->over || f->unwanted || f->reading || f->held || f->draining || !f->dirty || now_ns < f->retry_ns)
        return false;
    if (f->fd < 0 && !open_first(f, now_ns, counts))
        return false;
    if (f->ask_anew && f->at_end)
        open_again(f);
    f->ask_anew = false;
    size_t n;
    uint8_t *room = growing_records_room(f->records, &n);
    if (room == NULL) {
        f->retry_ns = now_ns + RETRY_NS;
        return false;
    }
    *out = (struct read_request){ .fd = f->fd, .offset = growing_records_offset(f->records), .buffer = room, .n = n };
    f->reading = true;
    f->dirty = false;   /* a notice from now on asks for another read */
    f->asked_since_end = f->ended;
    return true;
}

static bool shrunk(const struct followed_file *f) {
    struct stat st;
    return fstat(f->fd, &st) == 0 && (uint64_t)st.st_size < growing_records_offset(f->records);
}

void followed_file_result(struct followed_file *f, int64_t got, size_t asked, int64_t now_ns, struct follow_counts *counts) {
    f->reading = false;
    f->at_end = got == 0;
    if (got < 0) {
        if (got == -EAGAIN || got == -EINTR)
            f->dirty = true;
        else
            fail(f, (int)-got, now_ns, counts);
        return;
    }
    f->draining = true;
    f->failures = 0;
    f->complained = false;
    if (got > 0) {
        growing_records_add(f->records, (size_t)got);
        counts->bytes += (uint64_t)got;
        f->grew_ns = now_ns;
        f->dirty = f->dirty || (size_t)got == asked || f->ended;
    } else if (shrunk(f)) {
        counts->shrunk++;
        complain(f, "the file is shorter than what was read of it", "it is not followed any more");
        give_up(f, counts);
    }
}

static void note_progress(struct followed_file *f, struct follow_counts *counts) {
    const struct growing_info *info = growing_records_info(f->records);
    counts->torn += info->torn - f->torn;
    f->torn = info->torn;
}

static enum growing_step decode(struct followed_file *f, bool complete) {
    const struct growing_info *info = growing_records_info(f->records);
    struct followed_record *p = &f->pending;
    enum growing_step step = growing_records_next(f->records, complete, &p->record);
    p->channel = f->channel >= 0 ? f->channel : info->channel;
    p->channel_index = info->channel_index;
    p->shape = &info->shape;
    p->mark = &f->mark;
    return step;
}

static void refuse(struct followed_file *f, uint64_t byte, const char *why, struct follow_counts *counts) {
    log_warning("%s: byte %llu: %s; the file is left out", f->path, (unsigned long long)byte, why);
    counts->refused++;
    give_up(f, counts);
}

/* Coefficients are numbers along the basis that the file brings, or nobody knows what they are. */
static bool is_misfit(const struct followed_file *f) {
    const struct channel_shape *s = &growing_records_info(f->records)->shape;
    return s->coefficients && !(s->misfit <= OFF_MISFIT_MOST);
}

static void refuse_misfit(struct followed_file *f, struct follow_counts *counts) {
    char why[160];
    snprintf(why, sizeof why, "the projectors before its records are not those of its basis (off by up to %.2g): load projectors and basis of one model into the acquisition", growing_records_info(f->records)->shape.misfit);
    refuse(f, growing_records_offset(f->records), why, counts);
}

/* All that can be had now: to the very end when its writer is done and a read since then found no more, or when it rests. */
static enum growing_step next_record(struct followed_file *f, int64_t now_ns, int64_t rest_ns) {
    bool complete = f->ended && f->asked_since_end && f->at_end;
    enum growing_step step = decode(f, complete);
    if (step == GROWING_NEED_MORE && !complete && now_ns - f->grew_ns >= rest_ns && growing_records_at_rest(f->records))
        step = decode(f, true);
    return step;
}

bool followed_file_drain(struct followed_file *f, int64_t now_ns, int64_t rest_ns, follow_take *take, void *context, unsigned *budget, struct follow_counts *counts) {
    bool resting = !f->draining && !f->held && !f->reading && !f->over && !f->dirty && now_ns - f->grew_ns >= rest_ns && growing_records_at_rest(f->records);
    if (f->over || f->reading || (!f->draining && !f->held && !resting))
        return true;
    while (*budget > 0) {
        enum growing_step step = f->held ? GROWING_RECORD : next_record(f, now_ns, rest_ns);
        note_progress(f, counts);
        if (step == GROWING_REFUSED || (step == GROWING_RECORD && is_misfit(f))) {
            const struct complaint *why = growing_records_complaint(f->records);
            if (step == GROWING_REFUSED)
                refuse(f, why->offset, why->text, counts);
            else
                refuse_misfit(f, counts);
            return true;
        }
        if (step != GROWING_RECORD) {
            f->draining = step == GROWING_NO_MEMORY;
            if (f->ended && f->asked_since_end && f->at_end && step == GROWING_NEED_MORE)
                give_up(f, counts);
            return true;
        }
        f->held = !take(context, &f->pending);
        if (f->held)
            return false;
        counts->records++;
        (*budget)--;
    }
    f->draining = true;
    return true;
}
