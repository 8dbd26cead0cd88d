#include "daemon/upstream_tally.h"

static uint64_t lesser(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static void forget(struct upstream_tally *t) {
    t->kept = t->next = 0;
}

void upstream_tally_came(struct upstream_tally *t, int64_t time_ns, int64_t far_ns) {
    if (t->came && far_ns > 0 && time_ns < t->newest_ns - far_ns) {
        t->turned = t->n;
        t->has_turned = true;
        forget(t);
    }
    t->newest_ns = time_ns;
    t->came = true;
    t->awaits_turn = false;
}

void upstream_tally_add(struct upstream_tally *t, int64_t time_ns) {
    t->n++;
    if (t->kept == UPSTREAM_TALLY_RECENT && time_ns < t->recent[t->next])
        return;   /* old, from a file: it must not drive out what the newest window's end is to be found among */
    t->recent[t->next] = time_ns;
    t->next = (t->next + 1) % UPSTREAM_TALLY_RECENT;
    t->kept += t->kept < UPSTREAM_TALLY_RECENT;
}

static uint64_t recent_after(const struct upstream_tally *t, int64_t time_ns) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < t->kept; i++)
        n += t->recent[i] > time_ns;
    return n;
}

uint64_t upstream_tally_until(const struct upstream_tally *t, int64_t time_ns) {
    return t->n - recent_after(t, time_ns);
}

void upstream_tally_open(struct upstream_tally *t, int64_t from_ns) {
    uint64_t after = recent_after(t, from_ns);
    t->n = t->kept < UPSTREAM_TALLY_RECENT || after < UPSTREAM_TALLY_RECENT ? after : t->n;
}

void upstream_tally_settle(struct upstream_tally *t) {
    t->settled = t->sent;
}

void upstream_tally_close(struct upstream_tally *t, uint64_t had) {
    t->past_sent += t->sent;
    t->past_had += lesser(had, t->sent);
    t->n -= had;
    t->sent = t->settled = t->since_stop = 0;
}

void upstream_tally_turn(struct upstream_tally *t) {
    upstream_tally_close(t, t->has_turned ? t->turned : t->n);
    t->awaits_turn = !t->has_turned;
    if (t->awaits_turn) {
        forget(t);
        t->came = false;
    }
    t->has_turned = false;
}

struct upstream_channel upstream_tally_sum(const struct upstream_tally *t, bool open, int64_t until_ns) {
    const uint64_t sent = open ? t->settled : 0, had = open ? upstream_tally_until(t, until_ns) : 0;
    struct upstream_channel c = { .sent = t->past_sent + sent, .by_port = t->by_port };
    c.had = lesser(t->past_had, t->past_sent) + lesser(had, sent);
    c.lost = c.sent - c.had;
    return c;
}
