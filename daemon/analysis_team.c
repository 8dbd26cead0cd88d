#include "daemon/analysis_team.h"

#include <assert.h>
#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/log.h"
#include "daemon/ring.h"

enum { RING = 2, WAIT_NS = 100000000, SECOND_NS = 1000000000, PATIENCE_S = 1 };

struct share {
    struct live_analyse *analyse;
    struct record_block part;      /* rows from..end-1 of the batch */
    size_t reached;                /* of those */
    struct row_block *rows;
};

struct analysis_member {
    struct ring *ring;             /* of shares: ingest -> member; given back when analysed */
    struct share shares[RING];
    struct row_block *rows;
    sem_t given, done;             /* so that nobody spins */
};

struct analysis_team {
    unsigned n;
    struct share own;              /* the caller's */
    struct row_block *rows;
    struct analysis_member *members;
    size_t *ends;                  /* n + 1 */
};

static bool member_init(struct analysis_member *m, size_t batch) {
    void *const shares[RING] = { &m->shares[0], &m->shares[1] };
    sem_init(&m->given, 0, 0);
    sem_init(&m->done, 0, 0);
    return row_block_new(batch, &m->rows) && ring_new(shares, RING, &m->ring);
}

bool analysis_team_new(unsigned n_members, size_t batch, struct analysis_team **out) {
    struct analysis_team *t = calloc(1, sizeof *t);
    bool good = t != NULL;
    if (good) {
        t->n = n_members;
        t->members = calloc(n_members, sizeof *t->members);
        t->ends = calloc(n_members + (size_t)1, sizeof *t->ends);
        good = t->members != NULL && t->ends != NULL && row_block_new(batch, &t->rows);
    }
    for (unsigned k = 0; good && k < n_members; k++)
        good = member_init(&t->members[k], batch);
    if (!good) {
        analysis_team_free(t);
        return false;
    }
    *out = t;
    return true;
}

void analysis_team_free(struct analysis_team *t) {
    if (t == NULL)
        return;
    for (unsigned k = 0; t->members != NULL && k < t->n; k++) {
        ring_free(t->members[k].ring);
        row_block_free(t->members[k].rows);
    }
    row_block_free(t->rows);
    free(t->members);
    free(t->ends);
    free(t);
}

unsigned analysis_team_size(const struct analysis_team *t) { return t->n; }
struct analysis_member *analysis_team_member(struct analysis_team *t, unsigned k) { return &t->members[k]; }

static void work(struct share *s) {
    row_block_clear(s->rows);
    s->reached = live_analyse_block(s->analyse, &s->part, 0, s->rows);
}

/* False: not within the time. */
static bool wait_ns(sem_t *s, int64_t ns) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ns / SECOND_NS;
    until.tv_nsec += ns % SECOND_NS;
    until.tv_sec += until.tv_nsec / SECOND_NS;
    until.tv_nsec %= SECOND_NS;
    return sem_timedwait(s, &until) == 0;
}

bool analysis_team_step(void *member) {
    struct analysis_member *m = member;
    if (!wait_ns(&m->given, WAIT_NS))
        return true;
    struct share *s = ring_take_full(m->ring);
    assert(s != NULL);
    work(s);
    ring_mark_empty(m->ring);
    sem_post(&m->done);
    return true;
}

/* Where each share ends: at equal numbers of records, moved on to the end of the pixel. */
static void cut(struct analysis_team *t, const struct record_block *b) {
    for (unsigned k = 0; k <= t->n; k++) {
        size_t end = b->n * (k + 1) / (t->n + 1);
        if (k > 0 && end < t->ends[k - 1])
            end = t->ends[k - 1];
        while (end > 0 && end < b->n && b->rows[end].pixel == b->rows[end - 1].pixel)
            end++;
        t->ends[k] = end;
    }
}

static struct share share_of(const struct analysis_team *t, unsigned k, struct live_analyse *a, const struct record_block *b, struct row_block *rows) {
    const size_t from = k > 0 ? t->ends[k - 1] : 0;
    struct share s = { .analyse = a, .part = *b, .rows = rows };
    s.part.rows = b->rows + from;
    s.part.n = t->ends[k] - from;
    return s;
}

static struct share *give(struct analysis_member *m, struct share s) {
    struct share *to = ring_take_empty(m->ring);
    assert(to != NULL);
    *to = s;
    ring_mark_full(m->ring);
    sem_post(&m->given);
    return to;
}

static void wait_for(struct analysis_member *m, unsigned k) {
    if (wait_ns(&m->done, (int64_t)PATIENCE_S * SECOND_NS))
        return;
    log_warning("worker %u has not given back its share for %d s: analysis waits for it, and what the connections cannot hold is lost at the server", k, PATIENCE_S);
    while (sem_wait(&m->done) != 0 && errno == EINTR)
        continue;
    log_note("worker %u goes on", k);
}

void analysis_team_run(struct analysis_team *t, struct live_analyse *a, const struct record_block *b, struct analysis_share *shares) {
    const struct share *given[ANALYSIS_MEMBERS_MAX];
    assert(t->n <= ANALYSIS_MEMBERS_MAX && b->n <= t->rows->capacity);
    cut(t, b);
    for (unsigned k = 0; k < t->n; k++)
        given[k] = give(&t->members[k], share_of(t, k + 1, a, b, t->members[k].rows));
    t->own = share_of(t, 0, a, b, t->rows);
    work(&t->own);
    shares[0] = (struct analysis_share){ t->own.reached, t->ends[0], t->rows };
    for (unsigned k = 0; k < t->n; k++) {
        wait_for(&t->members[k], k);
        shares[k + 1] = (struct analysis_share){ t->ends[k] + given[k]->reached, t->ends[k + 1], given[k]->rows };
    }
}
