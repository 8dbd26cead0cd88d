#include "daemon/model_reading.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/clock.h"
#include "daemon/log.h"
#include "daemon/model_store.h"
#include "daemon/pipeline.h"

enum { PATHS_MOST = 2, FIRST_ROOM = 1 << 20 };
static const size_t BYTES_MOST = (size_t)1 << 30;

struct model_reading {
    struct pipeline_job_thread *job;
    int64_t begun_ms;
    size_t n_paths;
    char paths[PATHS_MOST][OPTIONS_TEXT];
    _Atomic int64_t asked_ms;       /* the disk, last; 0: nothing is asked of it now */
    struct stored_model result;     /* the thread's until it is over */
};

struct bytes { uint8_t *data; size_t n, room; };

/* ---- the thread ---- */

static bool make_room(struct bytes *b) {
    const size_t room = b->room == 0 ? FIRST_ROOM : 2 * b->room;
    uint8_t *data = b->n < b->room ? b->data : room <= BYTES_MOST ? realloc(b->data, room) : NULL;
    if (data == NULL)
        return false;
    b->room = b->n < b->room ? b->room : room;
    b->data = data;
    return true;
}

/* To the file's end; 0, or the errno. */
static int read_all(struct model_reading *r, int fd, struct bytes *b) {
    for (;;) {
        if (!make_room(b))
            return b->room < BYTES_MOST ? ENOMEM : EFBIG;
        atomic_store(&r->asked_ms, clock_ms());
        const ssize_t n = read(fd, b->data + b->n, b->room - b->n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : 0;
        b->n += (size_t)n;
    }
}

static int read_first(struct model_reading *r, struct bytes *b) {
    int fd = -1, why = 0;
    for (size_t k = 0; k < r->n_paths && fd < 0; k++) {
        atomic_store(&r->asked_ms, clock_ms());
        fd = open(r->paths[k], O_RDONLY | O_CLOEXEC);
        why = fd < 0 && why == 0 ? errno : why;   /* of the first: it is the one that is wanted most */
        memcpy(r->result.path, r->paths[fd < 0 ? 0 : k], sizeof r->result.path);
    }
    if (fd < 0)
        return why;
    why = read_all(r, fd, b);
    close(fd);
    return why;
}

static void work(void *reading) {
    struct model_reading *r = reading;
    struct bytes b = { 0 };
    r->result.error = read_first(r, &b);
    atomic_store(&r->asked_ms, 0);
    if (r->result.error == 0 && !model_store_decode(r->result.path, b.data, b.n, &r->result.model))
        r->result.model = NULL;
    free(b.data);
}

/* ---- the owner ---- */

bool model_reading_begin(const char *const *paths, size_t n, struct model_reading **out) {
    struct model_reading *r = calloc(1, sizeof *r);
    if (r == NULL)
        return false;
    r->begun_ms = clock_ms();
    r->n_paths = n < PATHS_MOST ? n : PATHS_MOST;
    for (size_t k = 0; k < r->n_paths; k++)
        snprintf(r->paths[k], sizeof r->paths[k], "%s", paths[k]);
    if (!pipeline_background("tesd-model", work, r, &r->job)) {
        log_error("%s: no thread could be made that reads it", r->paths[0]);
        free(r);
        return false;
    }
    *out = r;
    return true;
}

bool model_reading_over(const struct model_reading *r) { return pipeline_background_over(r->job); }
int64_t model_reading_begun_ms(const struct model_reading *r) { return r->begun_ms; }
const char *model_reading_path(const struct model_reading *r) { return r->paths[0]; }

int64_t model_reading_silent_ms(const struct model_reading *r) {
    const int64_t asked_ms = atomic_load(&r->asked_ms);
    return asked_ms == 0 ? 0 : clock_ms() - asked_ms;
}

struct stored_model model_reading_end(struct model_reading *r) {
    pipeline_background_join(r->job);
    const struct stored_model result = r->result;
    free(r);
    return result;
}

void model_reading_free(struct model_reading *r) {
    if (r != NULL)
        array_model_free(model_reading_end(r).model);
}
