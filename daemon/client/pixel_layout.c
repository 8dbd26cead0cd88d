#include "daemon/client/pixel_layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A whole number of at most seven digits and what stands behind it; NULL: there is none. */
static const char *number(const char *at, const char *end, uint32_t *out) {
    unsigned digits = 0;
    *out = 0;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    for (; at < end && *at >= '0' && *at <= '9' && digits < 8; at++, digits++)
        *out = 10 * *out + (uint32_t)(*at - '0');
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
        at++;
    return digits > 0 && digits < 8 ? at : NULL;
}

static bool place_of(const char *at, const char *end, struct pixel_place *out) {
    uint32_t values[3];
    for (int k = 0; k < 3; k++) {
        at = number(at, end, &values[k]);
        if (at == NULL || (k < 2 ? at == end || *at++ != ',' : at != end))
            return false;
    }
    *out = (struct pixel_place){ values[0], (uint16_t)values[1], (uint16_t)values[2] };
    return values[1] < LAYOUT_SIDE && values[2] < LAYOUT_SIDE;
}

static bool is_empty(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
        at++;
    return at == end || *at == '#';
}

static int by_channel(const void *a, const void *b) {
    const struct pixel_place *x = a, *y = b;
    return (x->channel > y->channel) - (x->channel < y->channel);
}

static int by_place(const void *a, const void *b) {
    const struct pixel_place *x = a, *y = b;
    return x->row != y->row ? (x->row > y->row) - (x->row < y->row) : (x->column > y->column) - (x->column < y->column);
}

static bool has_no_pair(struct pixel_layout *l, char why[LAYOUT_WHY]) {
    qsort(l->places, l->n, sizeof *l->places, by_place);
    for (size_t k = 1; k < l->n; k++)
        if (by_place(&l->places[k - 1], &l->places[k]) == 0) {
            snprintf(why, LAYOUT_WHY, "row %u, column %u is given to channels %u and %u", l->places[k].row, l->places[k].column, l->places[k - 1].channel, l->places[k].channel);
            return false;
        }
    qsort(l->places, l->n, sizeof *l->places, by_channel);
    for (size_t k = 1; k < l->n; k++)
        if (l->places[k - 1].channel == l->places[k].channel) {
            snprintf(why, LAYOUT_WHY, "channel %u comes twice", l->places[k].channel);
            return false;
        }
    return true;
}

bool pixel_layout_read(const char *text, size_t n, struct pixel_layout *out, char why[LAYOUT_WHY]) {
    const char *at = text, *const end = text + n;
    struct pixel_layout l = { .places = calloc(LAYOUT_MOST, sizeof *l.places) };
    bool good = l.places != NULL;
    snprintf(why, LAYOUT_WHY, "%s", good ? "" : "out of memory");
    for (unsigned line = 1; good && at < end; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop != NULL ? stop : end;
        const bool heading = line == 1 && (size_t)(stop - at) >= 7 && memcmp(at, "channel", 7) == 0;
        if (!heading && !is_empty(at, stop)) {
            good = l.n < LAYOUT_MOST && place_of(at, stop, &l.places[l.n]);
            l.n += good;
            if (!good)
                snprintf(why, LAYOUT_WHY, "line %u: wanted are channel,row,column as whole numbers, rows and columns below %d", line, LAYOUT_SIDE);
        }
        at = stop < end ? stop + 1 : end;
    }
    if (good && l.n == 0)
        snprintf(why, LAYOUT_WHY, "no pixel is in it");
    good = good && l.n > 0 && has_no_pair(&l, why);
    if (good)
        *out = l;
    else
        free(l.places);
    return good;
}

void pixel_layout_done(struct pixel_layout *l) {
    free(l->places);
    *l = (struct pixel_layout){ 0 };
}
