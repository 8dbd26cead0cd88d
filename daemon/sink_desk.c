#include "daemon/sink_desk.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/clock.h"
#include "daemon/kept_session.h"
#include "daemon/log.h"
#include "daemon/ring.h"
#include "daemon/scan_copy.h"

enum parcel_kind { PARCEL_RUN, PARCEL_MODEL, PARCEL_ROWS, PARCEL_SCAN };

struct parcel {
    enum parcel_kind kind;
    bool flag;                       /* a run begins; rows are anew; a scan has ended */
    struct kept_session *session;    /* of a run that begins */
    const struct array_model *model;
    uint64_t version;
    struct photon_block *rows;       /* made when first used, and kept */
    struct scan_copy *scan;
    uint32_t n_points;
    int64_t lost_from_ns, lost_to_ns;
    uint64_t lost;                   /* rows before it that found no room */
};

struct sink_desk {
    struct live_sink sink;
    int64_t patience_ms;
    struct parcel parcels[DESK_PARCELS];
    struct ring *ring;
    /* book thread */
    int64_t lost_from_ns, lost_to_ns;
    uint64_t lost, lost_ever;        /* not told yet; all */
    bool complained;
    /* the other thread */
    struct kept_session *session;
    uint64_t told_lost;              /* rows that the sink counts as lost because it was told */
    /* both */
    _Atomic unsigned scans_out;      /* parcels with a scan that the other side has not done with */
    _Atomic uint64_t version;
    _Atomic int64_t busy_since_ms;   /* 0: in no call of the sink */
    pthread_mutex_t lock;            /* of health alone */
    struct sink_health health;
    uint64_t health_lost;            /* told_lost when it was taken */
};

bool sink_desk_new(const struct live_sink *sink, int64_t patience_ms, struct sink_desk **out) {
    struct sink_desk *d = calloc(1, sizeof *d);
    void *places[DESK_PARCELS];
    if (d == NULL)
        return false;
    for (size_t i = 0; i < DESK_PARCELS; i++)
        places[i] = &d->parcels[i];
    if (!ring_new(places, DESK_PARCELS, &d->ring)) {
        free(d);
        return false;
    }
    d->sink = *sink;
    d->patience_ms = patience_ms;
    pthread_mutex_init(&d->lock, NULL);
    d->sink.health(d->sink.context, &d->health);
    *out = d;
    return true;
}

/* ---- the other thread ---- */

static void note_health(struct sink_desk *d) {
    struct sink_health h;
    d->sink.health(d->sink.context, &h);
    pthread_mutex_lock(&d->lock);
    d->health = h;
    d->health_lost = d->told_lost;
    pthread_mutex_unlock(&d->lock);
}

static void change_run(struct sink_desk *d, struct parcel *p) {
    d->sink.run(d->sink.context, p->flag ? &p->session->session : d->session != NULL ? &d->session->session : NULL, p->flag);
    kept_session_free(d->session);
    d->session = p->session;
    p->session = NULL;
}

static void hand_on(struct sink_desk *d, struct parcel *p) {
    if (p->lost > 0 && d->sink.lost != NULL) {
        d->sink.lost(d->sink.context, p->lost_from_ns, p->lost_to_ns, p->lost);
        d->told_lost += p->lost;
    }
    switch (p->kind) {
    case PARCEL_RUN:
        if (p->flag || d->session != NULL)
            change_run(d, p);
        return;
    case PARCEL_MODEL:
        d->sink.model(d->sink.context, p->model, p->version);
        atomic_store_explicit(&d->version, p->version, memory_order_release);
        return;
    case PARCEL_ROWS: d->sink.graded(d->sink.context, p->rows, p->flag); return;
    case PARCEL_SCAN:
        d->sink.scan(d->sink.context, p->scan->products, p->n_points, p->flag);
        scan_copy_free(p->scan);
        p->scan = NULL;
        atomic_fetch_sub_explicit(&d->scans_out, 1, memory_order_release);
        return;
    }
}

bool sink_desk_step(void *desk) {
    struct sink_desk *d = desk;
    struct parcel *p = ring_take_full(d->ring);
    atomic_store_explicit(&d->busy_since_ms, clock_ms(), memory_order_relaxed);
    if (p != NULL) {
        hand_on(d, p);
        ring_mark_empty(d->ring);
    }
    d->sink.step(d->sink.context);
    atomic_store_explicit(&d->busy_since_ms, 0, memory_order_relaxed);
    note_health(d);
    return p != NULL;
}

uint64_t sink_desk_model(const struct sink_desk *d) { return atomic_load_explicit(&d->version, memory_order_acquire); }

/* ---- book thread ---- */

/* A place for a parcel that may be left out, or for one that must not. NULL: none. */
static struct parcel *place(struct sink_desk *d, bool may_be_left_out, enum parcel_kind kind) {
    const bool room = !may_be_left_out || ring_filled(d->ring) + DESK_RESERVED < DESK_PARCELS;
    struct parcel *p = room ? ring_take_empty(d->ring) : NULL;
    if (p == NULL) {
        if (!may_be_left_out && !d->complained)
            log_error("the disk has not answered for very long: files of scans will lack runs or scans; the journal has them");
        d->complained = d->complained || !may_be_left_out;
        return NULL;
    }
    p->kind = kind;
    p->flag = false;
    p->lost = d->lost;
    p->lost_from_ns = d->lost_from_ns;
    p->lost_to_ns = d->lost_to_ns;
    return p;
}

static void send(struct sink_desk *d) {
    d->lost = 0;   /* the parcel told it */
    ring_mark_full(d->ring);
}

static void run(void *context, const struct live_session *session, bool begins) {
    struct sink_desk *d = context;
    struct parcel *p = place(d, false, PARCEL_RUN);
    if (p == NULL)
        return;
    p->flag = begins;
    p->session = begins ? kept_session_new(session) : NULL;
    if (begins && p->session == NULL)
        log_error("%s: no memory to keep the run's scans", session->folder);
    else
        send(d);
}

static void model(void *context, const struct array_model *m, uint64_t version) {
    struct sink_desk *d = context;
    struct parcel *p = place(d, false, PARCEL_MODEL);
    if (p == NULL)
        return;
    p->model = m;
    p->version = version;
    send(d);
}

static void lose(struct sink_desk *d, const struct photon_block *rows, size_t from) {
    for (size_t i = from; i < rows->n; i++) {
        if (d->lost == 0 || rows->time_ns[i] < d->lost_from_ns)
            d->lost_from_ns = rows->time_ns[i];
        if (d->lost == 0 || rows->time_ns[i] > d->lost_to_ns)
            d->lost_to_ns = rows->time_ns[i];
        d->lost++;
        d->lost_ever++;
    }
}

static bool has_rows(struct parcel *p) { return p->rows != NULL || photon_block_new(DESK_ROWS, &p->rows) == STATUS_OK; }

static void graded(void *context, const struct photon_block *rows, bool anew) {
    struct sink_desk *d = context;
    for (size_t i = 0; i < rows->n;) {
        struct parcel *p = place(d, !anew, PARCEL_ROWS);
        if (p == NULL || !has_rows(p)) {
            lose(d, rows, i);
            return;
        }
        const size_t n = rows->n - i < DESK_ROWS ? rows->n - i : DESK_ROWS;
        photon_block_put(p->rows, 0, rows, i, n);
        p->rows->n = n;
        p->flag = anew;
        send(d);
        anew = false;
        i += n;
    }
}

static void scan(void *context, const struct scan_products *products, uint32_t n_points, bool ended) {
    struct sink_desk *d = context;
    if (!ended && atomic_load_explicit(&d->scans_out, memory_order_acquire) > 0)
        return;   /* each is a copy of all maps: one at a time, or a disk that does not answer would fill the memory with them */
    struct parcel *p = place(d, !ended, PARCEL_SCAN);
    if (p == NULL)
        return;
    if (!scan_copy_make(products, n_points > 0 ? n_points : products->n_points, &p->scan)) {
        log_error("no memory to keep a scan's maps");
        return;
    }
    p->n_points = n_points;
    p->flag = ended;
    atomic_fetch_add_explicit(&d->scans_out, 1, memory_order_relaxed);
    send(d);
}

static void step(void *context) { (void)context; }

static void health(void *context, struct sink_health *out) {
    struct sink_desk *d = context;
    const int64_t since = atomic_load_explicit(&d->busy_since_ms, memory_order_relaxed), waits_ms = since > 0 ? clock_ms() - since : 0;
    pthread_mutex_lock(&d->lock);
    *out = d->health;
    out->lost += d->lost_ever - d->health_lost;
    pthread_mutex_unlock(&d->lock);
    if (waits_ms > d->patience_ms) {
        out->failing = true;
        snprintf(out->trouble, sizeof out->trouble, "the disk has not answered for %lld s", (long long)(waits_ms / 1000));
    }
}

static void done(void *context) {
    struct sink_desk *d = context;
    while (sink_desk_step(d))
        continue;
    d->sink.done(d->sink.context);
    for (size_t i = 0; i < DESK_PARCELS; i++)
        photon_block_free(d->parcels[i].rows);
    kept_session_free(d->session);
    pthread_mutex_destroy(&d->lock);
    ring_free(d->ring);
    free(d);
}

struct live_sink sink_desk_sink(struct sink_desk *d) {
    return (struct live_sink){ .context = d, .run = run, .model = model, .graded = graded, .scan = scan, .step = step, .health = health, .done = done };
}
