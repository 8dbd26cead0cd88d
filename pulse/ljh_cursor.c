/* Walks LJH records and finds the next whole one behind a torn one.
 *
 * DASTARD queues a 2.2 record as three pieces (8 bytes count, 8 bytes time, the samples) and drops those that do not fit, so a
 * record may be short of any of them and all that follows stands too early (doc/methods.md, Records). So a header is believed when it
 * follows the last one, and a record when the header behind it follows its own:
 *   - the header here follows the last record, and the next one follows it: a whole record.
 *   - it does, but the next does not: either this record lost its samples or the next one is torn. If a header is found
 *     nearer than a record, it is this one.
 *   - it does not: look for the next header in steps of 2 bytes (the pieces have even lengths).
 * A header that was searched for needs more than to follow: count and time have moved on by the same stretch, or another
 * header stands where one must. A clock that was set, or a counter of another phase, is no tear: three headers one record apart
 * and in step with each other are believed whatever came before.
 *
 * Samples below about 30 counts can look like the upper half of a count or a time; then a tear may cost a neighbour too.
 *
 * A decision looks only at bytes it has waited for, so a file read in pieces gives the same records as the whole file. Each
 * byte is looked at a bounded number of times: a search ends in a jump to what it found, in accepting a record of the length it
 * searched, or it goes on from where it stopped.
 *
 * 2.0 and 2.1 records have no count and their writers are not known to tear. Their headers say little (any 32 bits may be
 * milliseconds), so a tear needs a row of rising times; failing that the record is believed where it stands. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/record_ljh.h"

static const int64_t day_us = INT64_C(86400) * 1000000;
static const int64_t year_2000_us = INT64_C(946684800) * 1000000;
static const int64_t year_2200_us = INT64_C(7258118400) * 1000000;
static const double disorder_s = 10;  /* records of one channel may change places within a block of data (doc/methods.md, Records) */
enum { HEADERS_IN_STEP = 3, OLD_HEADERS_RISING = 8, SCAN_STEP = 2 };

/* What a record's header says; count is 0 in 2.0 and 2.1. */
struct stamp {
    int64_t time_us;
    int64_t count;
    bool sound;   /* fields are in their ranges, whatever came before */
};

/* The file as one call sees it: the bytes at [first, n), complete: n is its end. Places are offsets in the file. */
struct view {
    const struct ljh_cursor *c;
    const uint8_t *bytes;
    size_t first, n;
    bool complete;
};

enum verdict { WHOLE, TORN, UNKNOWN };

static bool is_22(const struct view *v) {
    return v->c->header.version == 22;
}

static const uint8_t *byte_at(const struct view *v, size_t at) {
    return v->bytes + (at - v->first);
}

static bool has_header(const struct view *v, size_t at) {
    return at + (is_22(v) ? 16 : 6) <= v->n;
}

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

/* Whole divisions in a count, rounded down. By a product that is off by one at most, since dividing 64 bits costs more than all else
 * that is done for a record in its place. */
static int64_t divisions_in(const struct ljh_cursor *c, int64_t count) {
    int64_t divisions = c->header.subframe_divisions;
    if (count < 0 || count >= INT64_C(1) << 52)
        return floor_div(count, divisions);
    int64_t q = (int64_t)((double)count * c->per_division), rest = count - q * divisions;
    return rest < 0 ? q - 1 : rest >= divisions ? q + 1 : q;
}

static bool has_residue(const struct ljh_cursor *c, int64_t count) {
    return count >= 0 ? count - divisions_in(c, count) * c->header.subframe_divisions == c->residue : count % c->header.subframe_divisions == c->residue;
}

static int64_t old_time_us(const struct ljh_header *h, const uint8_t *at) {
    uint32_t ms;
    memcpy(&ms, at + 2, 4);
    int64_t ticks = h->version == 21 ? at[0] : 0;  /* of 4 us */
    return INT64_C(1000) * ms + 4 * ticks;
}

static inline struct stamp read_stamp(const struct view *v, size_t at) {
    const struct ljh_header *h = &v->c->header;
    const uint8_t *p = byte_at(v, at);
    struct stamp s = { .sound = true };
    if (is_22(v)) {
        memcpy(&s.count, p, 8);
        memcpy(&s.time_us, p + 8, 8);
        s.sound = s.count >= 0 && s.time_us >= 0 && s.time_us <= year_2200_us;
    } else {
        s.time_us = llround(h->timestamp_offset_s * 1e6) + old_time_us(h, p);
    }
    return s;
}

/* Count and time have moved on by the same stretch (real clocks differ by 24 ppm), the count in whole frames. */
static bool in_step(const struct view *v, struct stamp before, struct stamp s) {
    const struct ljh_header *h = &v->c->header;
    double counted_s = (double)(s.count - before.count) / h->subframe_divisions * h->sample_period_s;
    double clock_s = 1e-6 * (double)(s.time_us - before.time_us);
    return s.count > before.count && s.count % h->subframe_divisions == before.count % h->subframe_divisions &&
           clock_s < 400 * 86400 && fabs(counted_s - clock_s) <= disorder_s + 1e-3 * fabs(clock_s);
}

/* The count may step back a little, and go on by much more than the day that the time is given: a header may know the rate badly. */
static bool count_follows(const struct view *v, struct stamp before, struct stamp s) {
    const struct ljh_header *h = &v->c->header;
    if (h->subframe_divisions > 1 && !has_residue(v->c, s.count))
        return false;
    double counted_s = (double)(s.count - before.count) * h->sample_period_s * v->c->per_division;
    return counted_s >= -disorder_s && counted_s <= 100 * 86400;
}

static bool follows(const struct view *v, struct stamp before, struct stamp s) {
    if (!s.sound)
        return false;
    int64_t elapsed_us = s.time_us - before.time_us;
    if (!is_22(v))
        return elapsed_us <= day_us && elapsed_us >= -(int64_t)(1e6 * disorder_s);
    return llabs(elapsed_us) <= day_us ? count_follows(v, before, s) : in_step(v, before, s);
}

/* The first record of a file comes after the acquisition's start, often days after. */
static bool may_be_first(const struct view *v, struct stamp s) {
    const struct ljh_header *h = &v->c->header;
    if (!is_22(v))
        return true;
    int64_t start_us = llround(h->timestamp_offset_s * 1e6);
    return s.sound && s.count % h->subframe_divisions == v->c->residue && s.time_us >= start_us - day_us &&
           (start_us == 0 || s.time_us <= start_us + 1000 * day_us);
}

static bool has_last(const struct view *v) {
    return v->c->last_time_ns != INT64_MIN;
}

static struct stamp last_stamp(const struct view *v) {
    return (struct stamp){ .time_us = v->c->last_time_ns / 1000, .count = v->c->last_count, .sound = true };
}

static bool follows_last(const struct view *v, struct stamp s) {
    return has_last(v) ? follows(v, last_stamp(v), s) : may_be_first(v, s);
}

/* The headers at `at` and behind it stand one record apart and agree, whatever the last record said. */
static bool chain_in_step(const struct view *v, size_t at, size_t headers) {
    struct stamp s = read_stamp(v, at);
    if (is_22(v) && (!s.sound || s.time_us < year_2000_us))
        return false;
    for (size_t i = 1; i < headers; i++) {
        struct stamp next = read_stamp(v, at + i * v->c->header.record_bytes);
        if (is_22(v) ? !next.sound || !in_step(v, s, next) : !follows(v, s, next))
            return false;
        s = next;
    }
    return true;
}

/* A clock step or the like: `at` begins a chain of its own. */
static bool restarts_at(const struct view *v, size_t at) {
    return has_header(v, at + (HEADERS_IN_STEP - 1) * v->c->header.record_bytes) && chain_in_step(v, at, HEADERS_IN_STEP);
}

/* Old headers: ticks of 4 us fill a millisecond at 250, the second byte is unused. */
static bool old_header_at(const struct view *v, size_t at) {
    size_t bytes = v->c->header.record_bytes;
    if (!has_header(v, at + (OLD_HEADERS_RISING - 1) * bytes))
        return false;
    struct stamp s = read_stamp(v, at);
    for (size_t i = 0; i < OLD_HEADERS_RISING; i++) {
        const uint8_t *p = byte_at(v, at + i * bytes);
        struct stamp next = read_stamp(v, at + i * bytes);
        if (p[0] >= 250 || p[1] != 0 || (i > 0 && next.time_us <= s.time_us) || !follows(v, s, next))
            return false;
        s = next;
    }
    return true;
}

/* A header that follows s stands where the next one must, if the record at `at` is whole or has lost its samples, or if it is
 * whole and its neighbour has lost any of its three pieces. */
static bool has_successor(const struct view *v, size_t at, struct stamp s) {
    size_t bytes = v->c->header.record_bytes;
    const size_t places[] = { bytes, 16, bytes + 8, bytes + 16, 2 * bytes - 16, 2 * bytes - 8 };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (has_header(v, at + places[i]) && follows(v, s, read_stamp(v, at + places[i])))
            return true;
    return false;
}

/* Does a record begin at `at`, searched for behind a torn one? `before` is NULL when nothing is known to come before. */
static bool header_at(const struct view *v, size_t at, const struct stamp *before) {
    struct stamp s = read_stamp(v, at);
    if (before != NULL ? !follows(v, *before, s) : !may_be_first(v, s))
        return false;
    if (!is_22(v))
        return old_header_at(v, at);
    return (before != NULL && in_step(v, *before, s)) || has_successor(v, at, s);
}

/* What a search wants to see behind a place, unless the file is complete. */
static size_t search_needs(const struct view *v) {
    return (is_22(v) ? HEADERS_IN_STEP - 1 : OLD_HEADERS_RISING - 1) * v->c->header.record_bytes + 16;
}

/* The header at offset is good (`here`), the one a record later is not. */
static enum verdict judge_good_header(const struct view *v, struct stamp here, size_t *next) {
    size_t at = v->c->offset, bytes = v->c->header.record_bytes;
    if (!v->complete && at + bytes + search_needs(v) > v->n)
        return UNKNOWN;
    if (restarts_at(v, at + bytes))
        return WHOLE;
    const size_t header_bytes = is_22(v) ? 16 : 6, end = at + bytes + header_bytes - 1 < v->n ? at + bytes : v->n >= header_bytes ? v->n - header_bytes + 1 : 0;
    for (size_t p = at + SCAN_STEP; p < end; p += SCAN_STEP) {
        if (read_stamp(v, p).sound && header_at(v, p, &here)) {   /* samples make no sound stamp, nearly always */
            *next = p;
            return TORN;
        }
    }
    return WHOLE;
}

/* The header at offset is not good. Advances c->scan. */
static enum verdict search(struct ljh_cursor *c, const struct view *v, size_t *next) {
    size_t bytes = c->header.record_bytes;
    struct stamp last = last_stamp(v);
    for (size_t p = c->scan; has_header(v, p); p += SCAN_STEP) {
        c->scan = p;
        if (!is_22(v) && p > c->offset + 2 * bytes)
            return WHOLE;
        if (!v->complete && p + search_needs(v) > v->n)
            return UNKNOWN;
        if (header_at(v, p, has_last(v) ? &last : NULL) || (is_22(v) && restarts_at(v, p))) {
            *next = p;
            return !is_22(v) && (p - c->offset) % bytes == 0 ? WHOLE : TORN;  /* old: odd times between records in their places */
        }
    }
    return is_22(v) || !v->complete ? UNKNOWN : WHOLE;
}

static enum verdict judge_bad_header(struct ljh_cursor *c, const struct view *v, size_t *next) {
    if (c->scan == 0) {
        size_t third = c->offset + (HEADERS_IN_STEP - 1) * c->header.record_bytes;
        if (!v->complete && !has_header(v, third))
            return UNKNOWN;
        if (restarts_at(v, c->offset)) {
            c->residue = read_stamp(v, c->offset).count % c->header.subframe_divisions;
            return WHOLE;
        }
        c->scan = c->offset + SCAN_STEP;
    }
    return search(c, v, next);
}

static enum verdict judge(struct ljh_cursor *c, const struct view *v, size_t *next) {
    if (c->scan != 0)
        return search(c, v, next);
    if (v->n < c->offset + c->header.record_bytes)
        return UNKNOWN;
    struct stamp here = c->followed ? (struct stamp){ c->followed_time_us, c->followed_count, true } : read_stamp(v, c->offset);
    if (!c->followed && !follows_last(v, here))
        return judge_bad_header(c, v, next);
    size_t successor = c->offset + c->header.record_bytes;
    c->followed = has_header(v, successor);
    if (c->followed) {
        struct stamp s = read_stamp(v, successor);
        c->followed = follows(v, here, s);
        c->followed_count = s.count;
        c->followed_time_us = s.time_us;
    }
    if (c->followed)
        return WHOLE;
    return judge_good_header(v, here, next);
}

static void skip_torn(struct ljh_cursor *c, size_t next) {
    if (c->torn == 0)
        c->first_torn_offset = c->offset;
    c->torn++;
    c->torn_bytes += next - c->offset;
    c->offset = next;
    c->scan = 0;
}

/* Frame of a 2.0 or 2.1 record from its time alone, as the peer computes it (doc/methods.md, Records). */
static int64_t old_frame(const struct ljh_header *h, const uint8_t *at) {
    int64_t frame_ns = llround(h->sample_period_s * 1e9);
    return 4 + floor_div(1000 * old_time_us(h, at) - 1, frame_ns);
}

static void accept(struct ljh_cursor *c, const struct view *v, struct stamp s, uint32_t pixel, struct pulse_record *out) {
    const struct ljh_header *h = &c->header;
    const uint8_t *at = byte_at(v, c->offset);
    c->last_count = s.count;
    c->last_frame = is_22(v) ? divisions_in(c, s.count - h->subframe_offset) : old_frame(h, at);
    c->last_time_ns = 1000 * s.time_us;
    c->offset += h->record_bytes;
    c->records++;
    c->scan = 0;
    *out = (struct pulse_record){
        .samples = (const sample_u16 *)(at + (is_22(v) ? 16 : 6)),
        .n_samples = h->n_samples,
        .n_presamples = h->n_presamples,
        .pixel = pixel,
        .sample_period_s = (float)h->sample_period_s,
        .trigger_time_ns = c->last_time_ns,
        .trigger_frame = c->last_frame,
    };
}

void ljh_cursor_init(struct ljh_cursor *c, const struct ljh_header *header) {
    *c = (struct ljh_cursor){
        .header = *header,
        .offset = header->header_bytes,
        .last_time_ns = INT64_MIN,
        .residue = header->subframe_offset % header->subframe_divisions,
        .per_division = 1.0 / header->subframe_divisions,
    };
}

enum ljh_step ljh_cursor_next(struct ljh_cursor *c, const uint8_t *bytes, size_t n, bool complete, uint32_t pixel, struct pulse_record *out) {
    return ljh_cursor_window(c, bytes, 0, n, complete, pixel, out);
}

size_t ljh_cursor_needs(const struct ljh_cursor *c) {
    return c->scan != 0 && c->header.version == 22 ? c->scan : c->offset;
}

enum ljh_step ljh_cursor_window(struct ljh_cursor *c, const uint8_t *bytes, size_t first, size_t n, bool complete, uint32_t pixel,
                                struct pulse_record *out) {
    const struct view v = { .c = c, .bytes = bytes, .first = first, .n = n, .complete = complete };
    for (;;) {
        size_t next = 0;
        switch (judge(c, &v, &next)) {
        case WHOLE:
            accept(c, &v, read_stamp(&v, c->offset), pixel, out);
            return LJH_RECORD;
        case TORN:
            skip_torn(c, next);
            break;
        case UNKNOWN:
            return LJH_NEED_MORE;
        }
    }
}

enum { STAMPS_AHEAD = 16 };

/* Of stamps that stand records apart each waits for memory, which no core foresees. A prefetch of what is not there does nothing. */
static inline void ask_for_stamp(const struct view *v, size_t at) {
    __builtin_prefetch((const void *)((uintptr_t)v->bytes + (at - v->first) + STAMPS_AHEAD * v->c->header.record_bytes));
}

/* As `follows` says of nearly all, with the frame that the count means: one division for both, and no call. */
static inline bool follows_plainly(const struct ljh_cursor *c, int64_t phase, struct stamp before, struct stamp s, int64_t *frame) {
    const struct ljh_header *h = &c->header;
    int64_t counted = s.count - h->subframe_offset, elapsed_us = s.time_us - before.time_us;
    double counted_s = (double)(s.count - before.count) * h->sample_period_s * c->per_division;
    *frame = divisions_in(c, counted);
    return elapsed_us <= day_us && elapsed_us >= -day_us && counted - *frame * h->subframe_divisions == phase && counted_s >= -disorder_s && counted_s <= 100 * 86400;
}

size_t ljh_cursor_run(struct ljh_cursor *c, const uint8_t *bytes, size_t first, size_t n, struct ljh_stamp *out, size_t most) {
    const struct view v = { .c = c, .bytes = bytes, .first = first, .n = n };
    const int64_t divisions = c->header.subframe_divisions, off = c->residue - c->header.subframe_offset, phase = off - floor_div(off, divisions) * divisions;
    struct stamp here = { c->followed_time_us, c->followed_count, true };
    int64_t frame = divisions_in(c, here.count - c->header.subframe_offset), next_frame;
    size_t k = 0, at = c->offset + c->header.record_bytes;
    if (!is_22(&v) || !c->followed || c->scan != 0)
        return 0;
    for (; k < most && has_header(&v, at); k++, at += c->header.record_bytes) {
        ask_for_stamp(&v, at);
        struct stamp next = read_stamp(&v, at);
        if (!next.sound || (!follows_plainly(c, phase, here, next, &next_frame) && !follows(&v, here, next)))
            break;
        out[k] = (struct ljh_stamp){ .time_ns = 1000 * here.time_us, .frame = frame };
        c->last_count = here.count;
        here = next;
        frame = next_frame;
    }
    if (k > 0) {
        c->last_time_ns = out[k - 1].time_ns;
        c->last_frame = out[k - 1].frame;
        c->offset += k * c->header.record_bytes;
        c->records += k;
        c->followed_count = here.count;
        c->followed_time_us = here.time_us;
    }
    return k;
}
