#include "daemon/client/stream_yield.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

bool stream_yield_is(const struct stream_state *s) {
    const struct data_array *y = stream_state_array(s, "yield"), *x = stream_state_array(s, "incident_energy"), *n = stream_state_array(s, "counts");
    return strncmp(s->topic, "pfy/", 4) == 0 && y != NULL && x != NULL && n != NULL && y->rank == 1 && x->rank == 1 && n->rank == 1 && y->shape[0] == x->shape[0] &&
           n->shape[0] == x->shape[0];
}

void stream_yield_region(const struct stream_state *s, char out[STREAM_REGION_TEXT]) {
    snprintf(out, STREAM_REGION_TEXT, "%s", s->topic + strlen("pfy/"));
    out[strcspn(out, "/")] = '\0';
}

struct stream_yield_facts stream_yield_facts(const struct stream_state *s) {
    const struct data_array *y = stream_state_array(s, "yield"), *x = stream_state_array(s, "incident_energy"), *n = stream_state_array(s, "counts");
    const struct data_array *e = stream_state_array(s, "yield_errors");
    struct stream_yield_facts f = { .top = NAN, .at = NAN, .top_error = NAN, .lo = INFINITY, .hi = -INFINITY };
    for (uint64_t k = 0; k < y->shape[0]; k++) {
        double v = stream_state_value(y, k), at = stream_state_value(x, k);
        f.counts += stream_state_value(n, k);
        f.lo = fmin(f.lo, at);
        f.hi = fmax(f.hi, at);
        if (isfinite(v) && !(v <= f.top)) {
            f.top = v;
            f.at = at;
            f.top_error = e != NULL && k < data_array_elements(e) ? stream_state_value(e, k) : NAN;
        }
    }
    return f;
}

struct stream_yields stream_yields_of(const struct subscriber *s) {
    struct stream_yields y = { .n = 0 };
    for (size_t k = 0; k < subscriber_topics(s) && y.n < STREAM_YIELDS; k++) {
        const struct stream_state *state = subscriber_state(s, k);
        if (!stream_yield_is(state))
            continue;
        double counts = strcmp(state->topic, "pfy/tfy/") == 0 ? -1 : stream_yield_facts(state).counts;
        size_t at = y.n++;
        for (; at > 0 && y.counts[at - 1] < counts; at--) {
            y.list[at] = y.list[at - 1];
            y.counts[at] = y.counts[at - 1];
        }
        y.list[at] = state;
        y.counts[at] = counts;
    }
    return y;
}

static size_t place(const struct stream_yields *y, const char *region) {
    char name[STREAM_REGION_TEXT];
    size_t k = 0;
    for (; k < y->n && region != NULL; k++) {
        stream_yield_region(y->list[k], name);
        if (strcmp(name, region) == 0)
            return k;
    }
    return 0;   /* what is not there shows the first */
}

const struct stream_state *stream_yields_find(const struct stream_yields *y, const char *region) {
    return y->n == 0 ? NULL : y->list[place(y, region)];
}

const struct stream_state *stream_yields_next(const struct stream_yields *y, const char *region) {
    return y->n == 0 ? NULL : y->list[(place(y, region) + 1) % y->n];
}
