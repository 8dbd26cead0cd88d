#include "daemon/source/record_order.h"
#include "pulse/growing_list.h"

#include <stdlib.h>

/* Records of one channel may stand out of order by about one processing block of the acquisition; more is a restart. */
static const double disorder_s = 1.0;
static const double disagreement_ns = 1e6;
static const double clock_tolerance = 1e-4;   /* of the time between two records: real sample clocks are off by up to 24 ppm */

/* A frame far behind the newest one begins a new epoch if its time is later than all before, else it is an old record again. */
static bool restarts(int64_t newest_frame, int64_t newest_time_ns, double period_s, int64_t time_ns, int64_t frame) {
    return time_ns > newest_time_ns && ((double)newest_frame - (double)frame) * period_s > disorder_s;
}

static bool disagrees(const struct record_order *o, int64_t time_ns, int64_t frame) {
    double by_frames = ((double)frame - (double)o->newest_frame) * o->period_s * 1e9;
    double difference = (double)(time_ns - o->last_time_ns) - by_frames, allowed = disagreement_ns + clock_tolerance * by_frames;
    return difference > allowed || difference < -allowed;
}

void record_order_note(struct record_order *o, double period_s, int64_t time_ns, int64_t frame) {
    if (o->records == 0)
        o->period_s = period_s;
    if (o->records++ > 0) {
        if (frame > o->newest_frame) {
            o->disagreements += disagrees(o, time_ns, frame);
        } else if (restarts(o->newest_frame, o->newest_time_ns, o->period_s, time_ns, frame)) {
            o->restarts++;
            o->newest_time_ns = time_ns;
        } else {
            o->disorder = true;
            return;
        }
    } else {
        o->newest_time_ns = time_ns;
    }
    o->newest_frame = frame;
    o->last_time_ns = time_ns;
    o->newest_time_ns = time_ns > o->newest_time_ns ? time_ns : o->newest_time_ns;
}

/* Frames that grow, of which nothing is to be decided, as nearly all do. Returns how many. */
static size_t note_growing(struct record_order *o, const struct ljh_stamp *stamps, size_t n) {
    struct record_order now = *o;   /* nothing else points at it */
    size_t i = 0;
    for (; i < n && stamps[i].frame > now.newest_frame; i++) {
        now.disagreements += disagrees(&now, stamps[i].time_ns, stamps[i].frame);
        now.newest_frame = stamps[i].frame;
        now.last_time_ns = stamps[i].time_ns;
        now.newest_time_ns = stamps[i].time_ns > now.newest_time_ns ? stamps[i].time_ns : now.newest_time_ns;
    }
    now.records += i;
    *o = now;
    return i;
}

void record_order_note_all(struct record_order *o, double period_s, const struct ljh_stamp *stamps, size_t n) {
    for (size_t i = 0; i < n;) {
        i += o->records > 0 ? note_growing(o, stamps + i, n - i) : 0;
        if (i < n) {
            record_order_note(o, period_s, stamps[i].time_ns, stamps[i].frame);
            i++;
        }
    }
}

bool record_index_add(struct record_index *x, struct record_place place) {
    struct record_place *places = growing_list_room(x->places, x->n, &x->capacity, sizeof *places, 1024);
    if (places == NULL)
        return false;
    x->places = places;
    x->places[x->n++] = place;
    return true;
}

void record_index_done(struct record_index *x) {
    free(x->places);
    *x = (struct record_index){ 0 };
}

/* By epoch, and by frame inside an epoch. */
static int by_frame(const void *a, const void *b) {
    const struct record_place *x = a, *y = b;
    if (x->epoch != y->epoch)
        return x->epoch < y->epoch ? -1 : 1;
    if (x->frame != y->frame)
        return x->frame < y->frame ? -1 : 1;
    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    return (x->where > y->where) - (x->where < y->where);
}

static size_t epoch_length(const struct record_place *p, size_t n, double period_s) {
    int64_t newest_frame = p[0].frame, newest_time_ns = p[0].time_ns;
    for (size_t i = 1; i < n; i++) {
        if (restarts(newest_frame, newest_time_ns, period_s, p[i].time_ns, p[i].frame))
            return i;
        newest_frame = p[i].frame > newest_frame ? p[i].frame : newest_frame;
        newest_time_ns = p[i].time_ns > newest_time_ns ? p[i].time_ns : newest_time_ns;
    }
    return n;
}

static void tell_epochs(struct record_index *x, double period_s) {
    int32_t epoch = 0;
    for (size_t i = 0; i < x->n; epoch++)
        for (const size_t end = i + epoch_length(x->places + i, x->n - i, period_s); i < end; i++)
            x->places[i].epoch = epoch;
}

static bool is_same(const struct record_place *a, const struct record_place *b) {
    return a->epoch == b->epoch && a->frame == b->frame && b->time_ns - a->time_ns <= (int64_t)disagreement_ns;
}

/* Of sorted places those of distinct records move to the front; returns how many. */
static size_t keep_distinct(struct record_place *p, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || !is_same(&p[kept - 1], &p[i]))
            p[kept++] = p[i];
    return kept;
}

static void note_epoch(struct record_order *o, double period_s, const struct record_place *p, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            o->disagreements += disagrees(o, p[i].time_ns, p[i].frame);
        o->newest_frame = p[i].frame;
        o->last_time_ns = p[i].time_ns;
        o->period_s = period_s;
    }
    o->records += n;
}

uint64_t record_index_settle_told(struct record_index *x, double period_s, struct record_order *order) {
    const size_t all = x->n;
    *order = (struct record_order){ .period_s = period_s };
    if (all > 0)
        qsort(x->places, all, sizeof *x->places, by_frame);
    x->n = keep_distinct(x->places, all);
    for (size_t i = 0, n; i < x->n; i += n) {
        for (n = 1; i + n < x->n && x->places[i + n].epoch == x->places[i].epoch; n++)
            ;
        note_epoch(order, period_s, x->places + i, n);
        order->restarts += i > 0;
    }
    return all - x->n;
}

uint64_t record_index_settle(struct record_index *x, double period_s, struct record_order *order) {
    tell_epochs(x, period_s);
    return record_index_settle_told(x, period_s, order);
}
