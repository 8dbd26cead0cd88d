#include "daemon/live_recount.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/stage/analyse.h"
#include "pulse/cut.h"

enum { EMIT_ROWS = 256 };
/* Rows before the scan say how isolated its first photons were. */
static const int64_t SETTLE_BEHIND_NS = 1000000000, BEFORE_NS = 5000000000;

struct live_recount {
    const struct array_model *model;
    struct analyse_track *tracks;      /* of each pixel, since the run's start or the calibration's end */
    struct photon_block *one;
    bool later;                        /* since the calibration's end: pixels that had jumped before are known to ingest alone */
};

/* ---- filters ---- */

/* Bit by bit: not a number is like itself. */
static bool alike(const void *a, const void *b, size_t bytes) { return a == b || (a != NULL && b != NULL && memcmp(a, b, bytes) == 0); }

static bool same_filter(const struct pixel_model *a, const struct pixel_model *b) {
    if (a == NULL || b == NULL)
        return a == b;
    return a->coefficients == b->coefficients && a->n_samples == b->n_samples && a->n_presamples == b->n_presamples && a->inverted == b->inverted && (a->tail == NULL) == (b->tail == NULL) &&
           alike(&a->limits, &b->limits, sizeof a->limits) && alike(&a->noise_sigma, &b->noise_sigma, sizeof a->noise_sigma) && alike(a->whitener, b->whitener, sizeof a->whitener) &&
           alike(&a->second_limit, &b->second_limit, sizeof a->second_limit) && alike(a->template_pulse, b->template_pulse, a->n_samples * sizeof *a->template_pulse) &&
           alike(a->lag_rows, b->lag_rows, sizeof a->lag_rows) && alike(a->slice_limit, b->slice_limit, sizeof a->slice_limit);
}

bool live_recount_same_filters(const struct array_model *a, const struct array_model *b) {
    bool same = a->n_channels == b->n_channels;
    for (size_t i = 0; same && i < a->n_channels; i++)
        same = same_filter(a->channels[i].model, b->channels[i].model);
    return same;
}

/* ---- rows ---- */

/* Its jump is over with a calibration of where it stands now. */
static bool calibrated_anew(const struct array_model *m, uint16_t pixel) {
    const struct calibration_table *t = m->n_tables > 0 ? m->tables[m->n_tables - 1] : NULL;
    return t != NULL && pixel < t->n_pixels && t->pixels[pixel].curve != NULL && t->pixels[pixel].verdict != VERDICT_STALE;
}

void live_recount_one(struct live_recount *r, uint16_t pixel, const struct measured_pulse *pulse, struct photon_block *into) {
    const struct analyse_settings s = { .pixel = pixel, .model = r->model->channels[pixel].model, .n_tables = r->model->n_tables, .tables = r->model->tables, .causal = true };
    const bool jumped = r->later && (pulse->cuts & CUT_BIT(CUT_JUMPED)) != 0 && !calibrated_anew(r->model, pixel);
    struct measured_pulse p = *pulse;
    analyse_next(&s, &r->tracks[pixel], &p, 1, into);
    into->cuts[into->n - 1] |= jumped ? CUT_BIT(CUT_JUMPED) : 0;
}

void live_recount_rows(struct live_recount *r, struct row_block *rows) {
    for (size_t i = 0; i < rows->n; i++) {
        const uint16_t pixel = rows->photons->pixel[i];
        if (pixel >= r->model->n_channels)
            continue;
        r->one->n = 0;
        live_recount_one(r, pixel, &rows->pulses[i], r->one);
        photon_block_put(rows->photons, i, r->one, 0, 1);
    }
}

/* ---- the scan so far ---- */

/* A row of the scan with its new energy, before rows of all pixels are put in the order of their times. */
struct scan_row { int64_t time_ns, second_ns; uint32_t at; uint8_t flags; };
struct scan_rows { struct scan_row *list; struct photon_block *photons; struct measured_pulse *pulses; size_t n, room; };

static void scan_rows_done(struct scan_rows *s) {
    photon_block_free(s->photons);
    free(s->list);
    free(s->pulses);
}

static bool scan_rows_new(size_t room, struct scan_rows *s) {
    *s = (struct scan_rows){ .list = calloc(room + 1, sizeof *s->list), .pulses = calloc(room + 1, sizeof *s->pulses), .room = room };
    if (s->list != NULL && s->pulses != NULL && photon_block_new(room + 1, &s->photons) == STATUS_OK)
        return true;
    scan_rows_done(s);
    return false;
}

/* One pixel's pulses since the run's start; those of the scan and shortly before it go on the list. */
static void walk_pixel(struct live_recount *r, uint16_t pixel, const struct measured_pulse *pulses, const struct stored_channel *c, int64_t since_ns, struct scan_rows *to) {
    for (size_t i = 0, k = 0; i < c->n; i++) {
        r->one->n = 0;
        live_recount_one(r, pixel, &pulses[i], r->one);
        while (k < c->n_seconds && c->seconds[k].row < i)
            k++;
        if (pulses[i].time_ns < since_ns || to->n == to->room)
            continue;
        to->list[to->n] = (struct scan_row){ .time_ns = pulses[i].time_ns, .at = (uint32_t)to->n, .second_ns = k < c->n_seconds && c->seconds[k].row == i ? c->seconds[k].time_ns : 0,
                                             .flags = (uint8_t)((c->flags[i] & ~ROW_GAP_BEFORE) | (c->gaps[i] ? ROW_GAP_BEFORE : 0)) };
        to->pulses[to->n] = pulses[i];
        photon_block_put(to->photons, to->n, r->one, 0, 1);
        to->photons->n = ++to->n;
    }
}

static bool walk_all(struct live_recount *r, const struct recount_from *from, int64_t since_ns, struct scan_rows *to) {
    for (size_t i = 0; i < r->model->n_channels; i++) {
        int64_t first_ns, last_ns;
        struct stored_channel c;
        struct measured_pulse *pulses = calloc(pulse_store_most(from->pulses, i, &first_ns, &last_ns) + 1, sizeof *pulses);
        bool good = pulses != NULL && pulse_store_channel(from->pulses, i, from->sample_period_s, pulses, &c);
        if (good) {
            walk_pixel(r, (uint16_t)i, pulses, &c, since_ns, to);
            stored_channel_done(&c);
        }
        free(pulses);
        if (!good)
            return false;
    }
    return true;
}

static int by_time(const void *va, const void *vb) {
    const struct scan_row *a = va, *b = vb;
    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? -1 : 1;
    return (a->at > b->at) - (a->at < b->at);
}

static void emit(const struct scan_rows *s, struct row_block *block, struct live_book *book) {
    for (size_t i = 0; i < s->n; i++) {
        const struct scan_row *row = &s->list[i];
        const size_t at = block->n++;
        photon_block_copy_row(block->photons, s->photons, row->at);
        block->pulses[at] = s->pulses[row->at];
        block->flags[at] = row->flags;
        if (row->second_ns != 0 && block->n_seconds < block->second_capacity)
            block->seconds[block->n_seconds++] = (struct inner_event){ .row = at, .time_ns = row->second_ns };
        if (block->n < block->capacity && i + 1 < s->n)
            continue;
        live_book_rows(book, block);
        live_book_settle(book, row->time_ns - SETTLE_BEHIND_NS, false);
        row_block_clear(block);
    }
}

static size_t room_for(const struct recount_from *from, size_t n_pixels) {
    size_t room = 0;
    int64_t first_ns, last_ns;
    for (size_t i = 0; i < n_pixels; i++)
        room += pulse_store_most(from->pulses, i, &first_ns, &last_ns);
    return room;
}

static bool give_scan(struct live_recount *r, const struct recount_from *from, int64_t since_ns, struct live_book *book) {
    struct scan_rows rows;
    struct row_block *block = NULL;
    if (!scan_rows_new(room_for(from, r->model->n_channels), &rows))
        return false;
    bool good = row_block_new(EMIT_ROWS, &block) && walk_all(r, from, since_ns, &rows);
    if (good) {
        if (rows.n > 0)
            qsort(rows.list, rows.n, sizeof *rows.list, by_time);
        emit(&rows, block, book);
        live_book_settle(book, from->watermark_ns, false);
    }
    row_block_free(block);
    scan_rows_done(&rows);
    return good;
}

bool live_recount_new(const struct array_model *m, struct live_recount **out) {
    struct live_recount *r = calloc(1, sizeof *r);
    if (r == NULL)
        return false;
    *r = (struct live_recount){ .model = m, .tracks = calloc(m->n_channels + 1, sizeof *r->tracks), .later = true };
    if (r->tracks == NULL || photon_block_new(1, &r->one) != STATUS_OK) {
        live_recount_free(r);
        return false;
    }
    *out = r;
    return true;
}

bool live_recount_begin(const struct recount_from *from, const struct array_model *m, struct live_book **again, struct live_recount **out, const char **why) {
    const struct live_scan *scan = live_book_scan(from->book);
    struct live_recount *r = NULL;
    *again = NULL;
    *why = "out of memory, or the run's pulses cannot be read back";
    bool good = scan != NULL && live_recount_new(m, &r);
    if (good)
        r->later = false;
    if (good && pulse_store_settle(from->pulses, &from->bounds))
        good = live_book_again(from->book, again) && give_scan(r, from, scan->scan.start_ns - BEFORE_NS, *again);
    else
        good = false;
    pulse_store_unsettle(from->pulses);
    if (!good) {
        live_book_free(*again);
        live_recount_free(r);
        *again = NULL;
        return false;
    }
    *out = r;
    return true;
}

void live_recount_free(struct live_recount *r) {
    if (r == NULL)
        return;
    photon_block_free(r->one);
    free(r->tracks);
    free(r);
}
