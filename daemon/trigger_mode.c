#include "daemon/trigger_mode.h"

#include <stdlib.h>
#include <string.h>

static const struct { const char *name; enum trigger_kind kind; } names[] = {
    { "auto", TRIGGER_KIND_UNKNOWN },           { "edge", TRIGGER_KIND_EDGE },
    { "edge-multi", TRIGGER_KIND_EDGE_MULTI },  { "edge-multi-short", TRIGGER_KIND_EDGE_MULTI },
    { "edge-multi-single", TRIGGER_KIND_SINGLE }, { "edge-multi-isolated", TRIGGER_KIND_ISOLATED },
    { "level", TRIGGER_KIND_LEVEL },
};

bool trigger_kind_named(const char *name, enum trigger_kind *out) {
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i].name, name) == 0) {
            *out = names[i].kind;
            return true;
        }
    return false;
}

const char *trigger_kind_text(enum trigger_kind kind) {
    static const char *const texts[N_TRIGGER_KINDS] = { "unknown", "edge", "edge-multi", "edge-multi single", "edge-multi isolated", "level" };
    return texts[kind];
}

bool trigger_kind_lossy(enum trigger_kind kind) { return kind == TRIGGER_KIND_SINGLE || kind == TRIGGER_KIND_ISOLATED; }
bool trigger_kind_hides(enum trigger_kind kind) { return kind == TRIGGER_KIND_EDGE || trigger_kind_lossy(kind); }

enum trigger_kind trigger_kind_of_frames(const int64_t *frames, size_t n, uint32_t n_samples) {
    for (size_t i = 1; i < n; i++)
        if (frames[i] > frames[i - 1] && frames[i] - frames[i - 1] < (int64_t)n_samples)
            return TRIGGER_KIND_EDGE_MULTI;
    return TRIGGER_KIND_EDGE;
}

struct channel_range { long first, last; };

/* Reads one item and moves *at behind it and its comma; false at the end of the list, *good tells whether it was well formed. */
static bool next_range(const char **at, struct channel_range *out, bool *good) {
    const char *c = *at + strspn(*at, " ");
    if (*c == '\0')
        return false;
    char *end;
    *good = *c >= '0' && *c <= '9';
    out->first = out->last = strtol(c, &end, 10);
    if (*end == '-') {
        *good = *good && end[1] >= '0' && end[1] <= '9';
        out->last = strtol(end + 1, &end, 10);
    }
    end += strspn(end, " ");
    *good = *good && (*end == '\0' || *end == ',') && out->first <= out->last && out->last <= INT32_MAX;
    *at = *end == ',' ? end + 1 : end;
    return *good;
}

bool trigger_list_has(const char *list, int32_t channel) {
    struct channel_range r;
    bool good = true;
    while (next_range(&list, &r, &good))
        if (channel >= r.first && channel <= r.last)
            return true;
    return false;
}

bool trigger_list_good(const char *list) {
    struct channel_range r;
    bool good = true;
    while (next_range(&list, &r, &good))
        continue;
    return good;
}
