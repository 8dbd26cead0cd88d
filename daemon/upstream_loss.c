#include "daemon/upstream_loss.h"

#include <math.h>
#include <stdlib.h>

#include "daemon/trigger_window.h"

enum { PAST = 16, FAR_WINDOWS = 10 };   /* past: segments that a file may still fill */

struct segment { int64_t from_ns, to_ns; };   /* (from, to]; to grows with each window */

struct coupling { uint32_t source, receiver; };

struct upstream_loss {
    uint32_t n_channels;
    struct upstream_tally *channels;
    bool open, seen_start, met;     /* a segment is open; we were there before the source began; a record has come */
    struct segment now, past[PAST];
    unsigned n_past;
    int64_t newest_ns;              /* of the last record that came by port */
    int64_t before_ns;              /* what that was when an epoch's stamps were set back: no record of the time before is much later */
    int64_t settled_ns, first_ns, duration_ns, turned_to_ns, told_ns;   /* told: end of the last window; duration: of a window; 0 not known. turned to: end of the window that told that the clock was set back */
    int64_t epoch_ns, zero_ns;      /* where the present epoch begins, and a little before: INT64_MIN not known */
    bool stopped, interrupted;      /* interrupted: it has been, since the last window */
    bool awaits_epoch;              /* it has been, and no epoch was told since */
    size_t n_couplings;
    struct coupling *couplings;
};

bool upstream_loss_new(uint32_t n_channels, struct upstream_loss **out) {
    struct upstream_loss *l = calloc(1, sizeof *l);
    struct upstream_tally *t = calloc(n_channels + 1, sizeof *t);
    if (l == NULL || t == NULL) {
        free(l);
        free(t);
        return false;
    }
    *l = (struct upstream_loss){ .n_channels = n_channels, .channels = t, .epoch_ns = INT64_MIN, .turned_to_ns = INT64_MIN / 2 };
    *out = l;
    return true;
}

void upstream_loss_free(struct upstream_loss *l) {
    if (l == NULL)
        return;
    free(l->channels);
    free(l->couplings);
    free(l);
}

/* ---- records ---- */

/* A file fills in what an earlier segment lacked. */
static void credit_past(struct upstream_loss *l, struct upstream_tally *t, int64_t time_ns) {
    for (unsigned i = 0; i < l->n_past && i < PAST; i++)
        if (time_ns > l->past[i].from_ns && time_ns <= l->past[i].to_ns) {
            t->past_had++;
            return;
        }
}

/* One that the port brings late: from before the clock was set back. */
static bool is_from_before(const struct upstream_loss *l, const struct upstream_tally *t, int64_t time_ns) {
    return t->behind || (t->awaits_turn && time_ns > l->turned_to_ns + FAR_WINDOWS * l->duration_ns);
}

void upstream_loss_record(struct upstream_loss *l, uint32_t index, int64_t time_ns, bool by_port) {
    if (index >= l->n_channels)
        return;
    struct upstream_tally *t = &l->channels[index];
    t->by_port += by_port;
    t->behind = t->behind && time_ns <= l->before_ns + l->duration_ns;
    if (by_port && is_from_before(l, t, time_ns)) {
        credit_past(l, t, time_ns);
        return;
    }
    if (by_port) {
        upstream_tally_came(t, time_ns, FAR_WINDOWS * l->duration_ns);
        l->newest_ns = time_ns;
    }
    if (!l->met)
        l->first_ns = time_ns;
    l->met = true;
    if (l->open && time_ns <= l->now.from_ns && !t->has_turned) {
        credit_past(l, t, time_ns);
        return;
    }
    upstream_tally_add(t, time_ns);
}

void upstream_loss_late_port(struct upstream_loss *l, uint32_t index) {
    if (index < l->n_channels)
        l->channels[index].by_port++;
}

/* ---- windows ---- */

void upstream_loss_running(struct upstream_loss *l, bool running) {
    if (!running && !l->open)
        l->seen_start = true;
    l->stopped = !running;
    l->interrupted = l->interrupted || l->stopped;
    if (l->stopped && l->open) {
        l->settled_ns = l->now.to_ns;
        l->awaits_epoch = true;
        for (uint32_t i = 0; i < l->n_channels; i++) {
            upstream_tally_settle(&l->channels[i]);
            l->channels[i].since_stop = 0;
        }
    }
}

void upstream_loss_uncouple(struct upstream_loss *l) {
    l->n_couplings = 0;
}

bool upstream_loss_couple(struct upstream_loss *l, uint32_t source, uint32_t receiver) {
    if (source >= l->n_channels || receiver >= l->n_channels)
        return false;
    struct coupling *grown = realloc(l->couplings, (l->n_couplings + 1) * sizeof *grown);
    if (grown == NULL)
        return false;
    l->couplings = grown;
    l->couplings[l->n_couplings++] = (struct coupling){ source, receiver };
    return true;
}

static void end_segment(struct upstream_loss *l) {
    l->past[l->n_past % PAST] = l->now;
    l->n_past++;
    l->open = false;
}

static void part_at_turn(struct upstream_loss *l, int64_t hi_ns) {
    for (uint32_t i = 0; i < l->n_channels; i++)
        upstream_tally_turn(&l->channels[i]);
    end_segment(l);
    l->epoch_ns = INT64_MIN;
    l->turned_to_ns = hi_ns;
}

/* The clock was set back while the source was away. Windows run ahead of rows: those of the new epoch that seemed to follow the old one's are nobody's. Each connection of the port brings its own channels: those that have told no epoch yet may be behind. */
static void part_at_epoch(struct upstream_loss *l, int64_t time_ns) {
    l->before_ns = l->newest_ns;
    for (uint32_t i = 0; i < l->n_channels && l->awaits_epoch; i++)
        l->channels[i].sent -= l->channels[i].since_stop;
    part_at_turn(l, time_ns);
    for (uint32_t i = 0; i < l->n_channels; i++)
        l->channels[i].behind = l->channels[i].by_port > 0;
}

/* Sample clocks are off by up to 24 ppm, stamps by tens of ms. */
void upstream_loss_epoch(struct upstream_loss *l, uint32_t index, int64_t time_ns, int64_t frame, double period_s) {
    double age_ns = (double)frame * period_s * 1e9, zero_ns = (double)time_ns - age_ns;
    if (index < l->n_channels)
        l->channels[index].behind = false;
    if (l->epoch_ns != INT64_MIN && fabs(zero_ns - (double)l->zero_ns) < 1e9 + 1e-4 * age_ns)
        return;
    if (l->open && l->met && time_ns < l->newest_ns - UPSTREAM_LOSS_EDGE_NS) {
        part_at_epoch(l, time_ns);
        if (index < l->n_channels)
            l->channels[index].behind = false;
    }
    l->awaits_epoch = false;
    l->zero_ns = (int64_t)zero_ns;
    l->epoch_ns = l->zero_ns - UPSTREAM_LOSS_EDGE_NS;
}

/* What was counted up to the last window's end is past; later records go with the next segment, if they lie in it. */
static void close_segment(struct upstream_loss *l) {
    const int64_t end_ns = l->now.to_ns + UPSTREAM_LOSS_EDGE_NS;
    for (uint32_t i = 0; i < l->n_channels; i++)
        upstream_tally_close(&l->channels[i], upstream_tally_until(&l->channels[i], end_ns));
    end_segment(l);
}

static void open_segment(struct upstream_loss *l, int64_t from_ns) {
    l->now = (struct segment){ from_ns, from_ns };
    l->settled_ns = from_ns;
    l->open = true;
    for (uint32_t i = 0; i < l->n_channels; i++)
        upstream_tally_open(&l->channels[i], from_ns);
}

static void add_counts(struct upstream_loss *l, const uint32_t *counts, size_t n) {
    for (uint32_t i = 0; i < l->n_channels; i++) {
        upstream_tally_settle(&l->channels[i]);
        l->channels[i].sent += i < n ? counts[i] : 0;
    }
    for (size_t k = 0; k < l->n_couplings; k++)
        if (l->couplings[k].source < n)
            l->channels[l->couplings[k].receiver].sent += counts[l->couplings[k].source];
    for (uint32_t i = 0; i < l->n_channels && l->awaits_epoch; i++)
        l->channels[i].since_stop += l->channels[i].sent - l->channels[i].settled;
}

/* Does the window lie wholly in the time in which we listened? */
static bool listened_to(const struct upstream_loss *l, int64_t lo_ns, int64_t duration_ns) {
    return l->seen_start || l->n_past > 0 || (l->met && lo_ns >= l->first_ns + duration_ns);
}

/* Windows follow one another. A gap of whole windows: their messages were lost, and their records are nobody's. Any other: the clock was set forward within
 * this window, which holds all since the last one. */
static bool clock_was_set(const struct upstream_loss *l, int64_t lo_ns, int64_t duration_ns) {
    const int64_t gap_ns = lo_ns - l->now.to_ns, rest_ns = gap_ns % duration_ns;
    return !l->interrupted && gap_ns > UPSTREAM_LOSS_EDGE_NS && rest_ns > UPSTREAM_LOSS_EDGE_NS && rest_ns < duration_ns - UPSTREAM_LOSS_EDGE_NS;
}

void upstream_loss_window(struct upstream_loss *l, int64_t hi_ns, int64_t duration_ns, const uint32_t *counts, size_t n) {
    int64_t lo_ns = hi_ns - duration_ns;
    l->duration_ns = duration_ns;
    if (hi_ns == l->told_ns)
        return;   /* said again */
    l->told_ns = hi_ns;
    if (l->open && hi_ns <= l->now.to_ns && hi_ns > l->now.to_ns - FAR_WINDOWS * duration_ns)
        return;   /* said again */
    if (l->open && hi_ns <= l->now.to_ns) {
        part_at_turn(l, hi_ns);
        return;   /* some of its records came before: nobody knows how many */
    }
    if (!l->open && l->n_past > 0 && hi_ns > l->turned_to_ns && lo_ns < l->turned_to_ns + duration_ns / 2)
        return;   /* its end may have been stamped later than it was cut */
    if (l->open && clock_was_set(l, lo_ns, duration_ns))
        lo_ns = l->now.to_ns;
    bool follows = l->open && lo_ns - l->now.to_ns <= UPSTREAM_LOSS_EDGE_NS && l->now.to_ns - lo_ns <= UPSTREAM_LOSS_EDGE_NS &&
                   l->epoch_ns <= l->now.from_ns + UPSTREAM_LOSS_EDGE_NS;   /* an epoch whose first window came before its first record begins with it */
    if (l->open && !follows)
        close_segment(l);
    if (!l->open) {
        if (!listened_to(l, lo_ns, duration_ns))
            return;
        lo_ns -= UPSTREAM_LOSS_EDGE_NS;
        open_segment(l, lo_ns > l->epoch_ns ? lo_ns : l->epoch_ns);
    }
    l->settled_ns = l->now.to_ns;
    add_counts(l, counts, n);
    l->now.to_ns = hi_ns;
    l->interrupted = l->stopped;
}

bool upstream_loss_message(struct upstream_loss *l, const json_t *body) {
    struct trigger_window w;
    if (!trigger_window_read(body, l->n_channels, &w))
        return false;
    upstream_loss_window(l, w.hi_ns, w.duration_ns, w.counts, w.n);
    trigger_window_done(&w);
    return true;
}

/* ---- what came of it ---- */

struct upstream_channel upstream_loss_channel(const struct upstream_loss *l, uint32_t index) {
    return upstream_tally_sum(&l->channels[index], l->open, l->settled_ns + UPSTREAM_LOSS_EDGE_NS);
}

struct upstream_channel upstream_loss_sum(const struct upstream_loss *l) {
    struct upstream_channel all = { 0 };
    for (uint32_t i = 0; i < l->n_channels; i++) {
        struct upstream_channel c = upstream_loss_channel(l, i);
        all.sent += c.sent;
        all.had += c.had;
        all.by_port += c.by_port;
        all.lost += c.lost;
    }
    return all;
}
