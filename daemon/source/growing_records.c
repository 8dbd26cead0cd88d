/* The window holds the file's bytes [first, first + n). Room is made behind them by moving what is still needed to the front, so
 * every byte is moved at most once per piece, and a piece is at least as long as what is kept. */
#include "daemon/source/growing_records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/source/off_header.h"
#include "pulse/record_ljh.h"

enum { NEEDED_RECORDS = 12 };   /* more than ljh_cursor_window ever has to see at once */

static const char ljh_magic[] = "#LJH Memorial File Format";

enum phase { IN_HEADER, IN_LJH, IN_OFF, REFUSED };

struct growing_records {
    uint32_t pixel;
    enum phase phase;
    uint8_t *window;
    size_t capacity, n;
    uint64_t first;
    size_t parsed;                /* header bytes in hand when it was last tried in vain */
    struct ljh_cursor ljh;
    struct off_header off;
    double *basis;
    uint64_t torn_before;         /* when the last record was delivered */
    struct growing_info info;
    struct complaint complaint;
};

bool growing_records_new(uint32_t pixel, struct growing_records **out) {
    struct growing_records *g = calloc(1, sizeof *g);
    if (g == NULL)
        return false;
    g->pixel = pixel;
    g->info.channel = g->info.channel_index = -1;
    *out = g;
    return true;
}

void growing_records_free(struct growing_records *g) {
    if (g == NULL)
        return;
    free(g->window);
    free(g->basis);
    free(g);
}

void growing_records_rest(struct growing_records *g) {
    free(g->window);
    g->window = NULL;
    g->capacity = g->n = 0;
    g->phase = REFUSED;
}

const struct growing_info *growing_records_info(const struct growing_records *g) { return &g->info; }
const struct complaint *growing_records_complaint(const struct growing_records *g) { return &g->complaint; }
uint64_t growing_records_offset(const struct growing_records *g) { return g->first + g->n; }

/* The first byte that decoding may still look at. */
static uint64_t needed_from(const struct growing_records *g) {
    switch (g->phase) {
    case IN_LJH: return ljh_cursor_needs(&g->ljh);
    case IN_OFF: return g->off.header_bytes + g->info.records * g->off.record_bytes;
    case REFUSED: return g->first + g->n;
    case IN_HEADER: break;
    }
    return 0;
}

static size_t wanted_capacity(const struct growing_records *g, size_t kept) {
    size_t window = g->phase == IN_LJH ? NEEDED_RECORDS * g->ljh.header.record_bytes : 0;
    if (window < kept)
        window = kept;
    return window + GROWING_PIECE;
}

uint8_t *growing_records_room(struct growing_records *g, size_t *n) {
    uint64_t from = needed_from(g), end = g->first + g->n;
    size_t drop = from > g->first ? (size_t)((from < end ? from : end) - g->first) : 0;
    if (drop > 0)
        memmove(g->window, g->window + drop, g->n - drop);
    g->first += drop;
    g->n -= drop;
    size_t capacity = wanted_capacity(g, g->n);
    if (capacity > g->capacity) {
        uint8_t *grown = realloc(g->window, capacity);
        if (grown == NULL)
            return NULL;
        g->window = grown;
        g->capacity = capacity;
    }
    *n = g->capacity - g->n < GROWING_PIECE ? g->capacity - g->n : GROWING_PIECE;
    return g->window + g->n;
}

void growing_records_add(struct growing_records *g, size_t n) {
    g->n += n;
}

/* ---- header ---- */

static enum growing_step refuse(struct growing_records *g) {
    if (g->complaint.text[0] == '\0')
        complaint_set(&g->complaint, g->n, 0, "neither an LJH nor an OFF file by its first bytes");
    g->phase = REFUSED;
    return GROWING_REFUSED;
}

static void begin_ljh(struct growing_records *g, const struct ljh_header *h) {
    ljh_cursor_init(&g->ljh, h);
    g->phase = IN_LJH;
    g->info.format = "ljh";
    g->info.channel = h->channel;
    g->info.channel_index = h->channel_index;
    snprintf(g->info.channel_name, sizeof g->info.channel_name, "%s", h->channel_name);
    g->info.shape = (struct channel_shape){ .n_samples = h->n_samples, .n_presamples = h->n_presamples, .sample_period_s = h->sample_period_s };
}

static void begin_off(struct growing_records *g) {
    const struct off_header *h = &g->off;
    g->phase = IN_OFF;
    g->info.format = "off";
    g->info.channel = h->channel;
    g->info.channel_index = h->channel_index;
    snprintf(g->info.channel_name, sizeof g->info.channel_name, "%s", h->channel_name);
    g->info.shape = (struct channel_shape){ .coefficients = true, .n_samples = h->n_samples, .n_presamples = h->n_presamples,
                                            .sample_period_s = h->frame_period_s, .n_bases = h->n_bases, .misfit = h->misfit, .basis = g->basis };
}

static bool could_be_ljh(const struct growing_records *g) {
    size_t n = g->n < sizeof ljh_magic - 1 ? g->n : sizeof ljh_magic - 1;
    return memcmp(g->window, ljh_magic, n) == 0;
}

static bool could_be_off(const struct growing_records *g) {
    size_t i = 0;
    while (i < g->n && i < 64 && (g->window[i] == ' ' || g->window[i] == '\t' || g->window[i] == '\r' || g->window[i] == '\n'))
        i++;
    return i == g->n || g->window[i] == '{';
}

/* LJH: whether lines end with CR alone is known when a header's length has passed without an LF. OFF: its JSON is parsed from the
 * start each time, so only when there is a good deal more of it. Or when no more will come. */
static bool worth_a_look(const struct growing_records *g, bool complete) {
    if (complete)
        return g->n > g->parsed;
    if (could_be_ljh(g))
        return g->n >= LJH_HEADER_LIMIT || memchr(g->window, '\n', g->n) != NULL;
    return g->parsed < GROWING_PIECE / 8 || g->n >= g->parsed + g->parsed / 4;
}

static enum growing_step read_header(struct growing_records *g, bool complete) {
    if (g->n == 0 || !worth_a_look(g, complete))
        return GROWING_NEED_MORE;
    enum status s = STATUS_BAD_VALUE;
    bool ljh = could_be_ljh(g);
    struct ljh_header h;
    g->complaint = (struct complaint){ 0 };
    if (ljh)
        s = ljh_header_parse(g->window, g->n, &h, &g->complaint);
    else if (could_be_off(g))
        s = off_header_parse(g->window, g->n, &g->off, NULL, &g->basis, &g->complaint);
    g->parsed = g->n;
    if (s == STATUS_NO_MEMORY) {
        g->parsed = 0;
        return GROWING_NO_MEMORY;
    }
    if (s == STATUS_TRUNCATED && g->n < GROWING_HEADER_LIMIT)
        return GROWING_NEED_MORE;
    if (s != STATUS_OK)
        return refuse(g);
    g->complaint = (struct complaint){ 0 };
    if (ljh)
        begin_ljh(g, &h);
    else
        begin_off(g);
    return GROWING_RECORD;
}

/* ---- records ---- */

static enum growing_step next_ljh(struct growing_records *g, bool complete, struct channel_record *out) {
    struct ljh_cursor *c = &g->ljh;
    if (ljh_cursor_window(c, g->window, g->first, g->first + g->n, complete, g->pixel, &out->samples) != LJH_RECORD)
        return GROWING_NEED_MORE;
    out->coefficients = false;
    out->time_ns = out->samples.trigger_time_ns;
    out->frame = out->samples.trigger_frame;
    out->gap_before = c->torn > g->torn_before;
    g->torn_before = c->torn;
    return GROWING_RECORD;
}

static enum growing_step next_off(struct growing_records *g, struct channel_record *out) {
    uint64_t at = needed_from(g);
    if (at + g->off.record_bytes > g->first + g->n)
        return GROWING_NEED_MORE;
    off_record_decode_at(&g->off, g->window + (at - g->first), &out->off);
    if (g->info.shape.n_presamples == 0 && out->off.n_presamples < g->info.shape.n_samples)
        g->info.shape.n_presamples = out->off.n_presamples;
    out->coefficients = true;
    out->gap_before = false;
    out->time_ns = channel_record_time(out->off.time_ns);
    out->frame = out->off.frame;
    return GROWING_RECORD;
}

static void note_progress(struct growing_records *g, bool delivered) {
    if (g->phase == IN_LJH) {
        g->info.records = g->ljh.records;
        g->info.torn = g->ljh.torn;
        g->info.tail_bytes = g->first + g->n - g->ljh.offset;
    } else if (g->phase == IN_OFF) {
        g->info.records += delivered;
        g->info.tail_bytes = g->first + g->n - needed_from(g);
    } else {
        g->info.tail_bytes = g->n;
    }
}

enum growing_step growing_records_next(struct growing_records *g, bool complete, struct channel_record *out) {
    enum growing_step step = GROWING_RECORD;
    if (g->phase == IN_HEADER)
        step = read_header(g, complete);
    if (step != GROWING_RECORD || g->phase == REFUSED)
        return g->phase == REFUSED ? GROWING_REFUSED : step;
    step = g->phase == IN_LJH ? next_ljh(g, complete, out) : next_off(g, out);
    note_progress(g, step == GROWING_RECORD);
    return step;
}

bool growing_records_at_rest(const struct growing_records *g) {
    if (g->phase != IN_LJH)
        return false;
    uint64_t left = g->first + g->n - g->ljh.offset;
    return left > 0 && left % g->ljh.header.record_bytes == 0;
}
