#include "pulse/lock_watch.h"

#include <math.h>

#include "pulse/cut.h"

enum { MEMORY = 32 };                          /* a power of two, pulses: ten seconds to two minutes; drifts are slow against that */
static const double drift_time_s = 3600;       /* a pause so long makes the limit twice as wide (SSRL: a quarter of it in six hours) */
static const double limit_share = 0.5;         /* of what baseline_rule calls a jump, 30 sigma of a step between neighbours */

static double step_of(const struct lock_watch *w, const struct baseline_rule *rule, double level) {
    double step = level - w->place_counts;
    return rule->quantum_counts > 0 && fabs(step) >= 0.5 * rule->quantum_counts ? step - rule->quantum_counts * rint(step / rule->quantum_counts) : step;
}

static double least(const struct baseline_rule *rule) { return limit_share * rule->jump_counts; }

static double limit_at(const struct lock_watch *w, const struct baseline_rule *rule, int64_t time_ns) {
    double pause_s = time_ns > w->place_ns ? (double)((uint64_t)time_ns - (uint64_t)w->place_ns) * 1e-9 : 0;
    return least(rule) * (1 + pause_s / drift_time_s);
}

static void stay(struct lock_watch *w, double step, int64_t time_ns) {
    w->n_place += w->n_place < MEMORY;
    w->place_counts += w->n_place == MEMORY ? step * (1. / MEMORY) : step / w->n_place;   /* the same bits, and the next pulse waits for no division */
    w->place_ns = time_ns;
    w->n_pending = 0;
}

/* One more pulse that is elsewhere. True: enough of them agree. */
static bool agree(struct lock_watch *w, double level, double limit, int64_t time_ns) {
    if (w->n_pending > 0 && fabs(level - w->pending_counts) > limit)
        w->n_pending = 0;
    if (w->n_pending++ == 0) {
        w->pending_counts = 0;
        w->pending_ns = time_ns;
    }
    w->pending_counts += (level - w->pending_counts) / w->n_pending;
    return w->n_pending == LOCK_AGREE;
}

/* The pixel is where its last pulses were. Of a place that fewer had said nobody knows whether it was one. */
static void move(struct lock_watch *w, const struct baseline_rule *rule, int64_t time_ns) {
    if (w->n_place >= LOCK_AGREE)
        w->moved_counts += step_of(w, rule, w->pending_counts);
    w->place_counts = w->pending_counts;
    w->n_place = LOCK_AGREE;
    w->place_ns = time_ns;
    w->n_pending = 0;
    const bool jumped = fabs(w->moved_counts) > least(rule);
    w->jumped_ns = !jumped ? 0 : w->jumped ? w->jumped_ns : w->pending_ns;
    w->moved_counts = jumped ? w->moved_counts : 0;
    w->jumped = jumped;
}

static void listen(struct lock_watch *w, const struct baseline_rule *rule, const struct measured_pulse *p) {
    const double level = (double)p->pretrigger_mean - (double)p->slow_counts, limit = limit_at(w, rule, p->time_ns);
    const double step = w->n_place > 0 ? step_of(w, rule, level) : level - w->place_counts;
    if (w->n_place == 0 || fabs(step) <= limit)
        stay(w, step, p->time_ns);
    else if (agree(w, level, limit, p->time_ns))
        move(w, rule, p->time_ns);
}

enum { PIECE = 64 };

/* What n <= PIECE pulses say that speak. */
struct piece { size_t n; int64_t last_ns; double level[PIECE], least, most; };

static void take_piece(struct piece *x, const struct lock_watch *w, const struct measured_pulse *p, size_t n) {
    x->n = 0;
    x->least = x->most = w->place_counts;
    for (size_t i = 0; i < n; i++)
        if (baseline_tells(&p[i])) {
            const double level = (double)p[i].pretrigger_mean - (double)p[i].slow_counts;
            x->least = level < x->least ? level : x->least;
            x->most = level > x->most ? level : x->most;
            x->level[x->n++] = level;
            x->last_ns = p[i].time_ns;
        }
}

/* No pulse is far from another one nor from the place, and so none will be from what the place becomes, which lies between them: all stay. */
static bool is_quiet(const struct lock_watch *w, const struct baseline_rule *rule, const struct piece *x) {
    const double extent = (x->most - x->least) * (1 + 1e-9);
    return w->n_place > 0 && extent <= least(rule) && (rule->quantum_counts <= 0 || extent < 0.5 * rule->quantum_counts);
}

static void stay_all(struct lock_watch *w, const struct piece *x) {
    size_t i = 0;
    for (; i < x->n && w->n_place < MEMORY; i++)
        stay(w, x->level[i] - w->place_counts, x->last_ns);
    double place = w->place_counts;
    for (; i < x->n; i++)
        place += (x->level[i] - place) * (1. / MEMORY);
    w->place_counts = place;
    w->place_ns = x->n > 0 ? x->last_ns : w->place_ns;
    w->n_pending = x->n > 0 ? 0 : w->n_pending;
}

/* As one by one, to the bit: how many of the n pulses at which nothing happened. */
static size_t pass_quiet(struct lock_watch *w, const struct baseline_rule *rule, const struct measured_pulse *pulses, size_t n) {
    struct piece x;
    size_t i = 0, some = 0;
    for (; i < n && !w->jumped && rule->jump_counts > 0; i += some) {
        some = n - i < PIECE ? n - i : PIECE;
        take_piece(&x, w, pulses + i, some);
        if (!is_quiet(w, rule, &x))
            break;
        stay_all(w, &x);
    }
    return i;
}

size_t lock_watch_next(struct lock_watch *w, const struct baseline_rule *rule, struct measured_pulse *pulses, size_t n) {
    const bool before = w->jumped;
    size_t i = pass_quiet(w, rule, pulses, n);
    while (i < n && w->jumped == before) {
        if (rule->jump_counts > 0 && baseline_tells(&pulses[i]))
            listen(w, rule, &pulses[i]);
        pulses[i++].cuts |= w->jumped ? CUT_BIT(CUT_JUMPED) : 0;
    }
    return i;
}
