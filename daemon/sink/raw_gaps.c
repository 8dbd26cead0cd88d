#include "daemon/sink/raw_gaps.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

struct raw_gap { int64_t from_ns, to_ns; uint64_t lost; };

struct channel_gaps {
    bool open;
    uint64_t lost, n, kept;
    struct raw_gap gaps[RAW_GAPS_KEPT];
};

struct raw_gaps {
    bool news;
    uint32_t n_channels;
    struct channel_gaps *of[];   /* NULL: this channel lost nothing */
};

bool raw_gaps_new(uint32_t n_channels, struct raw_gaps **out) {
    struct raw_gaps *g = calloc(1, sizeof *g + n_channels * sizeof(struct channel_gaps *));
    if (g == NULL)
        return false;
    g->n_channels = n_channels;
    *out = g;
    return true;
}

void raw_gaps_free(struct raw_gaps *g) {
    for (uint32_t k = 0; g != NULL && k < g->n_channels; k++)
        free(g->of[k]);
    free(g);
}

void raw_gaps_add(struct raw_gaps *g, uint32_t channel, int64_t from_ns, int64_t to_ns, uint64_t lost) {
    if (g->of[channel] == NULL)
        g->of[channel] = calloc(1, sizeof *g->of[channel]);
    struct channel_gaps *c = g->of[channel];
    g->news = true;
    if (c == NULL)
        return;
    if (!c->open) {
        c->n++;
        if (c->kept < RAW_GAPS_KEPT)
            c->gaps[c->kept++] = (struct raw_gap){ .from_ns = from_ns, .to_ns = to_ns };
    }
    struct raw_gap *gap = &c->gaps[c->kept - 1];
    gap->from_ns = from_ns < gap->from_ns ? from_ns : gap->from_ns;
    gap->to_ns = to_ns > gap->to_ns ? to_ns : gap->to_ns;
    gap->lost += lost;
    c->lost += lost;
    c->open = true;
}

void raw_gaps_close(struct raw_gaps *g, uint32_t channel) {
    if (g->of[channel] != NULL)
        g->of[channel]->open = false;
}

uint64_t raw_gaps_lost(const struct raw_gaps *g, uint32_t channel) { return g->of[channel] != NULL ? g->of[channel]->lost : 0; }

uint64_t raw_gaps_count(const struct raw_gaps *g, uint32_t channel) { return g->of[channel] != NULL ? g->of[channel]->n : 0; }

bool raw_gaps_news(const struct raw_gaps *g) { return g->news; }

void raw_gaps_written(struct raw_gaps *g) { g->news = false; }

void raw_gaps_print(const struct raw_gaps *g, uint32_t channel, int32_t number, FILE *f) {
    const struct channel_gaps *c = g->of[channel];
    for (uint64_t k = 0; c != NULL && k < c->kept; k++)
        fprintf(f, "gap %d %lld %lld %llu\n", number, (long long)c->gaps[k].from_ns, (long long)c->gaps[k].to_ns, (unsigned long long)c->gaps[k].lost);
}

static void beside(const char *path, char out[PATH_MAX]) { snprintf(out, PATH_MAX, "%s.part", path); }

FILE *raw_gaps_open(const char *path) {
    char part[PATH_MAX];
    beside(path, part);
    FILE *f = fopen(part, "w");
    if (f != NULL)
        fputs("# channel name records lost other_length\n", f);
    return f;
}

bool raw_gaps_finish(FILE *f, const char *path) {
    char part[PATH_MAX];
    beside(path, part);
    const bool written = fflush(f) == 0 && ferror(f) == 0;
    if (fclose(f) != 0 || !written) {
        remove(part);
        return false;
    }
    return rename(part, path) == 0;
}
