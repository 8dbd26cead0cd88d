#include "daemon/source/follow.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/source/followed_file.h"
#include "pulse/growing_list.h"

enum { STEP_RECORDS = 4096, DEPTH = 64 };

struct follow {
    struct follow_settings settings;
    int64_t poll_ns, rest_ns;
    struct read_queue *queue;
    struct run_folder *folder;          /* NULL: none yet */
    bool ended;                         /* the present folder's writer is done */
    bool to_end;                        /* nothing is to follow after it */
    char *base;                         /* what was asked for; NULL: nothing */
    char next[PATH_MAX];                /* the folder to read after the present one; "": none known */
    int64_t looked_ns;                  /* for newer runs */
    size_t n, capacity;
    struct followed_file **files;
    size_t at;                          /* whose turn it is to deliver */
    int64_t now_ns;                     /* of the present step */
    struct follow_counts counts;
};

bool follow_new(const struct follow_settings *settings, struct follow **out) {
    struct follow *f = calloc(1, sizeof *f);
    if (f == NULL)
        return false;
    f->settings = *settings;
    f->poll_ns = (int64_t)(settings->poll_s * 1e9);
    f->rest_ns = (int64_t)(settings->rest_s * 1e9);
    if (!read_queue_new(settings->means, settings->depth > 0 ? settings->depth : DEPTH, &f->queue)) {
        free(f);
        return false;
    }
    *out = f;
    return true;
}

static void forget_files(struct follow *f) {
    for (size_t i = 0; i < f->n; i++)
        followed_file_free(f->files[i]);
    f->n = f->at = 0;
}

void follow_free(struct follow *f) {
    if (f == NULL)
        return;
    if (!read_queue_free(f->queue)) {
        log_warning("%s: reads have not come back from a server that does not answer; their memory is left to them", follow_path(f));
        return;
    }
    forget_files(f);
    run_folder_free(f->folder);
    free(f->files);
    free(f->base);
    free(f);
}

struct follow_counts follow_count(const struct follow *f) { return f->counts; }
const char *follow_path(const struct follow *f) { return f->folder != NULL ? run_folder_path(f->folder) : ""; }
bool follow_is_polling(const struct follow *f) { return f->folder == NULL || run_folder_polls(f->folder); }
bool follow_is_uring(const struct follow *f) { return read_queue_is_uring(f->queue); }

bool follow_folder(struct follow *f, const char *path) {
    char *copy = strdup(path);
    if (copy == NULL)
        return false;
    free(f->base);
    f->base = copy;
    f->to_end = false;
    f->looked_ns = INT64_MIN;
    return true;
}

void follow_end(struct follow *f) {
    f->to_end = true;
}

/* ---- which folder ---- */

static void end_present(struct follow *f) {
    if (f->ended)
        return;
    f->ended = true;
    if (f->folder != NULL)
        run_folder_relist(f->folder);
}

/* One that was told and has not been looked at is looked for even when its end has been told as well: a short run. */
static void look_for_folder(struct follow *f) {
    char newest[PATH_MAX];
    if (f->base == NULL || (f->looked_ns != INT64_MIN && (f->to_end || f->now_ns - f->looked_ns < f->poll_ns)))
        return;
    f->looked_ns = f->now_ns;
    if (!run_folder_newest(f->base, newest, sizeof newest) || strcmp(newest, follow_path(f)) == 0)
        return;
    memcpy(f->next, newest, strlen(newest) + 1);
    end_present(f);
}

static bool all_over(const struct follow *f) {
    for (size_t i = 0; i < f->n; i++)
        if (!f->files[i]->over && !f->files[i]->unwanted)
            return false;
    return true;
}

static void begin_next(struct follow *f) {
    forget_files(f);
    run_folder_free(f->folder);
    f->folder = NULL;
    if (f->next[0] == '\0' || !run_folder_new(f->next, f->settings.notice, f->poll_ns, &f->folder))
        return;
    f->next[0] = '\0';
    f->ended = f->to_end;
    f->counts.runs++;
}

/* ---- which files ---- */

static bool is_error_channel(const char *name) {
    const char *last = strrchr(name, '_');
    return last != NULL && strncmp(last + 1, "err", 3) == 0;
}

static bool same_channel(const struct followed_file *a, const struct followed_file *b) {
    size_t n = strlen(a->name);
    return n == strlen(b->name) && n > 4 && strncmp(a->name, b->name, n - 4) == 0;
}

/* Of two files of one channel the preferred one is read, unless the other has given records already. */
static void settle_rivals(struct follow *f, struct followed_file *fresh) {
    for (size_t i = 0; i < f->n; i++) {
        struct followed_file *other = f->files[i];
        if (other == fresh || !same_channel(other, fresh))
            continue;
        bool better = fresh->off == f->settings.prefer_off && other->off != f->settings.prefer_off && !followed_file_has_records(other);
        (better ? other : fresh)->unwanted = true;
    }
}

static void add_file(struct follow *f, const char *name) {
    struct followed_file **files = growing_list_room(f->files, f->n, &f->capacity, sizeof(void *), 256);
    if (files == NULL)
        return;   /* met again with the next listing */
    f->files = files;
    if (!followed_file_new(run_folder_path(f->folder), name, f->now_ns, &f->files[f->n]))
        return;
    settle_rivals(f, f->files[f->n]);
    f->n++;
    f->counts.files++;
}

static void told(void *context, const char *name, enum folder_event event) {
    struct follow *f = context;
    if (is_error_channel(name))
        return;
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->files[i]->name, name) == 0) {
            followed_file_notice(f->files[i], event == FOLDER_THERE && run_folder_polls(f->folder));
            return;
        }
    add_file(f, name);
}

/* ---- reading ---- */

/* A file that is not the preferred kind waits a little for one that is. */
static bool may_read(const struct follow *f, const struct followed_file *file) {
    return file->off == f->settings.prefer_off || f->now_ns - file->seen_ns >= f->rest_ns || f->ended;
}

static void take_results(struct follow *f) {
    struct read_result r;
    while (read_queue_take(f->queue, &r))
        followed_file_result(f->files[r.cookie & 0xFFFFFFFF], r.got, (size_t)(r.cookie >> 32), f->now_ns, &f->counts);
}

static void ask(struct follow *f) {
    struct read_request r;
    unsigned depth = f->settings.depth > 0 ? f->settings.depth : DEPTH;
    for (size_t i = 0; i < f->n && read_queue_under_way(f->queue) < depth; i++) {
        size_t k = (f->at + i) % f->n;
        if (!may_read(f, f->files[k]) || !followed_file_request(f->files[k], f->now_ns, &r, &f->counts))
            continue;
        r.cookie = (uint64_t)r.n << 32 | k;
        read_queue_put(f->queue, &r);
    }
    read_queue_submit(f->queue);
}

/* Files take turns, so that one that is long behind holds up no other. */
static bool deliver(struct follow *f, follow_take *take, void *context, unsigned *budget) {
    for (size_t i = 0; i < f->n && *budget > 0; i++) {
        struct followed_file *file = f->files[f->at % f->n];
        if (f->ended)
            followed_file_end(file);
        if (!followed_file_drain(file, f->now_ns, f->rest_ns, take, context, budget, &f->counts))
            return false;
        f->at = (f->at + 1) % f->n;
    }
    return true;
}

static bool busy(const struct follow *f) {
    for (size_t i = 0; i < f->n; i++)
        if (may_read(f, f->files[i]) && followed_file_busy(f->files[i], f->now_ns))
            return true;
    return false;
}

enum follow_state follow_step(struct follow *f, int64_t now_ns, follow_take *take, void *context) {
    unsigned budget = STEP_RECORDS;
    f->now_ns = now_ns;
    look_for_folder(f);
    if (f->to_end)
        end_present(f);
    if (f->folder != NULL)
        run_folder_step(f->folder, now_ns, told, f);
    if (!deliver(f, take, context, &budget))
        return FOLLOW_BLOCKED;
    ask(f);
    take_results(f);
    if (!deliver(f, take, context, &budget))
        return FOLLOW_BLOCKED;
    if ((f->folder == NULL || f->ended) && all_over(f) && read_queue_under_way(f->queue) == 0) {
        if (f->next[0] == '\0' && f->to_end)
            return FOLLOW_ENDED;
        if (f->next[0] != '\0')
            begin_next(f);
    }
    return budget < STEP_RECORDS || busy(f) ? FOLLOW_READING : FOLLOW_WAITING;
}

void follow_wait(struct follow *f, int timeout_ms) {
    struct pollfd p = { .fd = f->folder != NULL ? run_folder_fd(f->folder) : -1, .events = POLLIN };
    if (read_queue_under_way(f->queue) > 0)
        read_queue_wait(f->queue, timeout_ms < 20 ? timeout_ms : 20);
    else
        poll(&p, 1, timeout_ms);
}
