#include "daemon/sink/disk_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/clock.h"
#include "daemon/log.h"

enum { ALLOCATE_LEAST = 1 << 20, ALLOCATE_MOST = 16 << 20 };
static const double PATIENCE_S = 2;

enum job_kind { JOB_WRITE, JOB_PUNCH, JOB_SYNC };

struct job {
    struct job *next;
    enum job_kind kind;
    uint8_t *data;
    size_t n, done;
    uint64_t offset;
    bool release;
};

struct disk_file {
    struct disk_file *next;
    struct disk_queue *queue;
    char *path;
    int fd;
    bool direct;              /* bypassing the cache is possible, as far as is known */
    bool direct_now;          /* the handle's present mode */
    bool allocates;           /* so is allocating */
    uint64_t allocated_bytes;
    struct job *first, **last;
    unsigned waiting;
    bool closing;             /* when the line is empty */
    bool under_way;
    int64_t since_ns;         /* when the request under way was started */
    struct disk_request request;
    int error;
    int64_t retry_ns;
    uint64_t acked_bytes, synced_bytes;
};

struct disk_queue {
    const struct disk_engine *engine;
    void *state;
    struct disk_arena arena;
    int64_t retry_ns, patience_ns;
    unsigned *free_buffers, n_free;
    struct job *jobs, *free_jobs;
    struct disk_file *files, *turn;   /* turn: whose request is started next */
    unsigned under_way, failing;
    uint64_t errors, written_bytes;
};

/* ---- making ---- */

static bool start_engine(struct disk_queue *q, const struct disk_engine *wanted, unsigned depth) {
    q->engine = wanted != NULL ? wanted : &disk_engine_uring;
    if (q->engine->start(&q->arena, depth, &q->state))
        return true;
    q->engine = wanted != NULL ? wanted : &disk_engine_pwrite;
    return wanted == NULL && q->engine->start(&q->arena, depth, &q->state);
}

/* Two requests for each buffer: its last bytes, and an early look at its first ones. */
static bool make_room(struct disk_queue *q) {
    const size_t n = q->arena.n, n_jobs = 2 * n + 16;
    q->arena.memory = mmap(NULL, n * q->arena.buffer_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (q->arena.memory == MAP_FAILED)
        q->arena.memory = NULL;
    q->free_buffers = calloc(n, sizeof *q->free_buffers);
    q->jobs = calloc(n_jobs, sizeof *q->jobs);
    if (q->arena.memory == NULL || q->free_buffers == NULL || q->jobs == NULL)
        return false;
    for (unsigned i = 0; i < n; i++)
        q->free_buffers[q->n_free++] = (unsigned)n - 1 - i;
    for (size_t i = 0; i < n_jobs; i++) {
        q->jobs[i].next = q->free_jobs;
        q->free_jobs = &q->jobs[i];
    }
    return true;
}

bool disk_queue_new(const struct disk_queue_settings *settings, struct disk_queue **out) {
    struct disk_queue *q = calloc(1, sizeof *q);
    if (q == NULL)
        return false;
    q->arena.n = settings->n_buffers;
    q->arena.buffer_bytes = (settings->buffer_bytes + DISK_ALIGN - 1) / DISK_ALIGN * DISK_ALIGN;
    q->retry_ns = (int64_t)(settings->retry_s * 1e9);
    q->patience_ns = (int64_t)((settings->patience_s > 0 ? settings->patience_s : PATIENCE_S) * 1e9);
    if (!make_room(q) || !start_engine(q, settings->engine, settings->depth)) {
        disk_queue_free(q);
        return false;
    }
    *out = q;
    return true;
}

static struct disk_file *forget(struct disk_queue *q, struct disk_file *f) {
    struct disk_file **at = &q->files, *next = f->next;
    while (*at != f)
        at = &(*at)->next;
    *at = next;
    if (q->turn == f)
        q->turn = next;
    if (f->error != 0)
        q->failing--;
    if (f->fd >= 0)
        close(f->fd);
    free(f->path);
    free(f);
    return next;
}

void disk_queue_free(struct disk_queue *q) {
    int result;
    if (q == NULL)
        return;
    while (q->under_way > 0)
        if (q->engine->reap(q->state, 1000000000, &result) != NULL)
            q->under_way--;
    while (q->files != NULL)
        forget(q, q->files);
    if (q->state != NULL)
        q->engine->stop(q->state);
    if (q->arena.memory != NULL)
        munmap(q->arena.memory, q->arena.n * q->arena.buffer_bytes);
    free(q->free_buffers);
    free(q->jobs);
    free(q);
}

const char *disk_queue_engine(const struct disk_queue *q) { return q->engine->name; }

size_t disk_queue_buffer_bytes(const struct disk_queue *q) { return q->arena.buffer_bytes; }

/* ---- files ---- */

/* With O_DIRECT where the file system knows it. */
static int open_handle(const char *path, int flags) {
    int fd = open(path, flags | O_WRONLY | O_CLOEXEC | O_DIRECT, 0666);
    if (fd < 0 && errno == EINVAL)
        fd = open(path, (flags & ~O_EXCL) | O_WRONLY | O_CLOEXEC, 0666);   /* some file systems have made it by then */
    return fd;
}

static void take_handle(struct disk_file *f, int fd) {
    const int flags = fcntl(fd, F_GETFL);
    f->fd = fd;
    f->direct = f->direct_now = flags >= 0 && (flags & O_DIRECT) != 0;
}

int disk_queue_open(const char *path) { return open_handle(path, O_CREAT | O_EXCL); }

struct disk_file *disk_queue_adopt(struct disk_queue *q, const char *path, int fd) {
    struct disk_file *f = calloc(1, sizeof *f);
    if (f != NULL)
        *f = (struct disk_file){ .queue = q, .fd = -1, .allocates = true, .path = strdup(path) };
    if (f == NULL || f->path == NULL) {
        free(f);
        errno = ENOMEM;
        return NULL;
    }
    take_handle(f, fd);
    f->last = &f->first;
    f->next = q->files;
    q->files = f;
    return f;
}

static struct disk_file *add_file(struct disk_queue *q, const char *path, int flags) {
    const int fd = open_handle(path, flags);
    struct disk_file *f = fd >= 0 ? disk_queue_adopt(q, path, fd) : NULL;
    if (fd >= 0 && f == NULL)
        close(fd);
    return f;
}

struct disk_file *disk_queue_create(struct disk_queue *q, const char *path) {
    return add_file(q, path, O_CREAT | O_EXCL);
}

struct disk_file *disk_queue_continue(struct disk_queue *q, const char *path, uint64_t *end) {
    struct stat facts;
    struct disk_file *f = add_file(q, path, 0);
    if (f == NULL)
        return NULL;
    if (fstat(f->fd, &facts) != 0) {
        const int error = errno;
        forget(q, f);
        errno = error;
        return NULL;
    }
    *end = ((uint64_t)facts.st_size + DISK_ALIGN - 1) / DISK_ALIGN * DISK_ALIGN;
    f->acked_bytes = f->synced_bytes = f->allocated_bytes = *end;
    return f;
}

struct disk_file_state disk_file_state(const struct disk_file *f) {
    return (struct disk_file_state){ .acked_bytes = f->acked_bytes, .synced_bytes = f->synced_bytes, .waiting = f->waiting, .error = f->error };
}

/* ---- buffers and requests ---- */

uint8_t *disk_queue_take(struct disk_queue *q) {
    return q->n_free > 0 ? q->arena.memory + q->free_buffers[--q->n_free] * q->arena.buffer_bytes : NULL;
}

static unsigned buffer_of(const struct disk_queue *q, const uint8_t *data) {
    return (unsigned)((size_t)(data - q->arena.memory) / q->arena.buffer_bytes);
}

void disk_queue_give(struct disk_queue *q, uint8_t *buffer) { q->free_buffers[q->n_free++] = buffer_of(q, buffer); }

unsigned disk_queue_free_buffers(const struct disk_queue *q) { return q->n_free; }

static bool append(struct disk_queue *q, struct disk_file *f, struct job what) {
    struct job *j = q->free_jobs;
    if (j == NULL)
        return false;
    q->free_jobs = j->next;
    *j = what;
    *f->last = j;
    f->last = &j->next;
    f->waiting++;
    return true;
}

bool disk_queue_write(struct disk_queue *q, struct disk_file *f, uint8_t *data, size_t n, uint64_t offset, bool release) {
    return append(q, f, (struct job){ .kind = JOB_WRITE, .data = data, .n = n, .offset = offset, .release = release });
}

bool disk_queue_sync(struct disk_queue *q, struct disk_file *f) {
    return append(q, f, (struct job){ .kind = JOB_SYNC });
}

bool disk_queue_punch(struct disk_queue *q, struct disk_file *f, uint64_t from, uint64_t to) {
    return append(q, f, (struct job){ .kind = JOB_PUNCH, .offset = from, .n = (size_t)(to - from) });
}

static void remove_first(struct disk_file *f) {
    struct disk_queue *q = f->queue;
    struct job *j = f->first;
    f->first = j->next;
    if (f->first == NULL)
        f->last = &f->first;
    f->waiting--;
    if (j->release)
        disk_queue_give(q, q->arena.memory + buffer_of(q, j->data) * q->arena.buffer_bytes);
    j->next = q->free_jobs;
    q->free_jobs = j;
}

/* ---- failing and healing ---- */

static void fail(struct disk_file *f, int error, int64_t now_ns) {
    struct disk_queue *q = f->queue;
    q->errors++;
    f->retry_ns = now_ns + q->retry_ns;
    if (f->error == 0 && q->failing++ == 0)
        log_warning("%s: cannot be written: %s; it waits, is tried every %.3g s, and goes on when that is mended", f->path, strerror(error), (double)q->retry_ns * 1e-9);
    f->error = error;
}

static void heal(struct disk_file *f) {
    if (f->error != 0 && --f->queue->failing == 0)
        log_note("%s: can be written again", f->path);
    f->error = 0;
}

/* A handle that is dead for good: the server came back as another one, or the device went away. The same path must lead to the
 * same data, or else the file waits on. */
static bool revive(struct disk_file *f) {
    struct stat facts;
    if (f->error != ESTALE && f->error != EBADF && f->error != ENODEV && f->error != ENXIO)
        return true;
    const int fd = open_handle(f->path, 0);
    if (fd < 0)
        return false;
    if (fstat(fd, &facts) != 0 || (uint64_t)facts.st_size < f->acked_bytes) {
        close(fd);
        return false;
    }
    close(f->fd);
    take_handle(f, fd);
    return true;
}

/* ---- one request of a file ---- */

static bool set_mode(struct disk_file *f, bool direct) {
    if (f->direct_now == direct)
        return true;
    const int flags = fcntl(f->fd, F_GETFL);
    if (flags < 0 || fcntl(f->fd, F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT) != 0)
        return false;
    f->direct_now = direct;
    return true;
}

static bool aligned(const struct job *j) {
    return (j->offset + j->done) % DISK_ALIGN == 0 && (uintptr_t)(j->data + j->done) % DISK_ALIGN == 0 && j->n - j->done >= DISK_ALIGN;
}

/* As much again as there is, within limits: large files get large extents. Small ones get none, since giving back what is not used
 * takes some file systems milliseconds. */
static bool wants_space(struct disk_file *f, const struct job *j) {
    const uint64_t end = j->offset + j->n;
    if (!f->allocates || end <= f->allocated_bytes || end < ALLOCATE_LEAST)
        return false;
    const uint64_t more = end > ALLOCATE_MOST ? ALLOCATE_MOST : end / DISK_ALIGN * DISK_ALIGN;
    f->request = (struct disk_request){ .op = DISK_ALLOCATE, .fd = f->fd, .offset = f->allocated_bytes, .n = end - f->allocated_bytes + more };
    return true;
}

static void next_write(struct disk_file *f, const struct job *j) {
    bool direct = f->direct && aligned(j);
    if (direct && !set_mode(f, true))
        direct = f->direct = false;
    if (!direct)
        set_mode(f, false);
    const size_t left = j->n - j->done;
    f->request = (struct disk_request){ .op = DISK_WRITE, .fd = f->fd, .data = j->data + j->done, .buffer = buffer_of(f->queue, j->data), .offset = j->offset + j->done,
                                        .n = direct ? left / DISK_ALIGN * DISK_ALIGN : left };
}

static bool start(struct disk_file *f, int64_t now_ns) {
    struct disk_queue *q = f->queue;
    const struct job *j = f->first;
    if (j->kind == JOB_SYNC)
        f->request = (struct disk_request){ .op = DISK_SYNC, .fd = f->fd };
    else if (j->kind == JOB_PUNCH)
        f->request = (struct disk_request){ .op = DISK_PUNCH, .fd = f->fd, .offset = j->offset, .n = j->n };
    else if (!wants_space(f, j))
        next_write(f, j);
    f->request.owner = f;
    f->since_ns = now_ns;
    if (!q->engine->submit(q->state, &f->request))
        return false;
    f->under_way = true;
    q->under_way++;
    return true;
}

/* Space that cannot be had is told by the write itself, which may still fit; asking again waits for the next larger file. */
static void allocated(struct disk_file *f, int result) {
    f->allocated_bytes = f->request.offset + f->request.n;
    if (result == -EOPNOTSUPP || result == -ENOSYS || result == -EINVAL)
        f->allocates = false;
}

static void written(struct disk_file *f, int result, int64_t now_ns) {
    struct job *j = f->first;
    if (result == -EINVAL && f->direct_now)
        f->direct = false;   /* it opened so, and does not write so */
    else if (result <= 0)
        fail(f, result == 0 ? ENOSPC : -result, now_ns);
    else {
        heal(f);
        j->done += (size_t)result;
        f->queue->written_bytes += (uint64_t)result;
        if (j->offset + j->done > f->acked_bytes)
            f->acked_bytes = j->offset + j->done;
        if (j->done == j->n)
            remove_first(f);
    }
}

static void finish(struct disk_file *f, int result, int64_t now_ns) {
    f->under_way = false;
    f->queue->under_way--;
    if (result == -EINTR || result == -EAGAIN)
        return;
    if (f->request.op == DISK_WRITE)
        written(f, result, now_ns);
    else if (f->request.op == DISK_ALLOCATE)
        allocated(f, result);
    else if (f->request.op == DISK_PUNCH)   /* room that is not given back now is when the file goes */
        remove_first(f);
    else if (result == 0 || result == -EINVAL || result == -EOPNOTSUPP) {   /* what cannot be synced (a pipe, a device) needs none */
        heal(f);
        f->synced_bytes = f->acked_bytes;
        remove_first(f);
    } else
        fail(f, -result, now_ns);
}

/* ---- all files ---- */

void disk_queue_close(struct disk_queue *q, struct disk_file *f) {
    (void)q;
    f->closing = true;
}

/* Space allocated beyond the end is given back; of one file at a time, which is slow enough. */
static bool close_some(struct disk_queue *q) {
    bool moved = false, truncated = false;
    for (struct disk_file *f = q->files, *next; f != NULL && !truncated; f = next) {
        next = f->next;
        if (!f->closing || f->first != NULL)
            continue;
        truncated = f->allocated_bytes > f->acked_bytes;
        if (truncated && ftruncate(f->fd, (off_t)f->acked_bytes) != 0)
            log_warning("%s: space beyond its end cannot be given back: %s", f->path, strerror(errno));
        forget(q, f);
        moved = true;
    }
    return moved;
}

static bool startable(const struct disk_file *f, int64_t now_ns) {
    return f->first != NULL && !f->under_way && (f->error == 0 || now_ns >= f->retry_ns);
}

/* Round the files, so that none is forgotten while others have much to write. */
static bool start_some(struct disk_queue *q, int64_t now_ns) {
    bool moved = false;
    struct disk_file *const begin = q->turn != NULL ? q->turn : q->files;
    for (struct disk_file *f = begin; f != NULL;) {
        q->turn = f;
        if (startable(f, now_ns)) {
            if (!revive(f))
                fail(f, f->error, now_ns);
            else if (start(f, now_ns))
                moved = true;
            else
                return moved;
        }
        f = f->next != NULL ? f->next : q->files;
        if (f == begin)
            break;
    }
    return moved;
}

bool disk_queue_step(struct disk_queue *q, int64_t now_ns, int64_t wait_ns) {
    struct disk_request *r;
    int result;
    bool moved = start_some(q, now_ns);
    while ((r = q->engine->reap(q->state, moved ? 0 : wait_ns, &result)) != NULL) {
        finish(r->owner, result, now_ns);
        moved = true;
    }
    moved = start_some(q, now_ns) || moved;
    return close_some(q) || moved;
}

bool disk_queue_idle(const struct disk_queue *q) {
    for (const struct disk_file *f = q->files; f != NULL; f = f->next)
        if (f->first != NULL || f->closing)
            return false;
    return true;
}

bool disk_queue_drain(struct disk_queue *q, double limit_s) {
    const int64_t until_ns = clock_ns(CLOCK_MONOTONIC) + (int64_t)(limit_s * 1e9);
    while (!disk_queue_idle(q) && clock_ns(CLOCK_MONOTONIC) < until_ns)
        if (!disk_queue_step(q, clock_ns(CLOCK_MONOTONIC), 10000000) && q->under_way == 0)
            nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    return disk_queue_idle(q);
}

struct disk_health disk_queue_health(const struct disk_queue *q, int64_t now_ns) {
    struct disk_health h = { .failing = q->failing, .errors = q->errors, .written_bytes = q->written_bytes, .patience_ns = q->patience_ns };
    for (const struct disk_file *f = q->files; f != NULL; f = f->next) {
        if (f->error != 0)
            h.error = f->error;
        if (f->under_way && now_ns - f->since_ns > h.waited_ns)
            h.waited_ns = now_ns - f->since_ns;
    }
    return h;
}

int disk_health_trouble(const struct disk_health *h) { return h->error != 0 ? h->error : h->waited_ns > h->patience_ns ? ETIMEDOUT : 0; }
