/* LJH bytes. Beyond not crashing: records lie inside the bytes and do not overlap, the book-keeping closes, and a file that
 * grows in pieces gives the same records as the whole. */
#include <stdlib.h>
#include <string.h>

#include "pulse/record_ljh.h"

#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

struct found {
    uint64_t records;
    uint64_t digest;   /* of frames, times and places, in order */
};

static void note(struct found *f, const struct pulse_record *r, const uint8_t *bytes) {
    const uint64_t values[] = { (uint64_t)r->trigger_frame, (uint64_t)r->trigger_time_ns, (uint64_t)((const uint8_t *)r->samples - bytes) };
    for (size_t i = 0; i < 3; i++)
        f->digest = (f->digest ^ values[i]) * UINT64_C(0x100000001b3);
    f->records++;
}

static void walk(struct ljh_cursor *c, const uint8_t *bytes, size_t n, bool complete, struct found *f) {
    struct pulse_record r;
    size_t last = c->offset;
    while (ljh_cursor_next(c, bytes, n, complete, 0, &r) == LJH_RECORD) {
        const uint8_t *samples = (const uint8_t *)r.samples;
        REQUIRE(samples >= bytes + last && samples + 2 * (size_t)r.n_samples == bytes + c->offset && c->offset <= n);
        last = c->offset;
        note(f, &r, bytes);
    }
    REQUIRE(c->offset <= n && c->offset >= last);
    REQUIRE(c->records == f->records);
    REQUIRE(c->header.header_bytes + c->records * c->header.record_bytes + c->torn_bytes == c->offset);
    REQUIRE((c->torn > 0) == (c->torn_bytes > 0));
    REQUIRE(c->torn == 0 || (c->first_torn_offset >= c->header.header_bytes && c->first_torn_offset < c->offset));
}

static void grow(struct ljh_cursor *c, const uint8_t *bytes, size_t n, struct found *f) {
    size_t step = n / 7 + 1;
    for (size_t known = c->header.header_bytes; known < n; known += step)
        walk(c, bytes, known, false, f);
    walk(c, bytes, n, true, f);
}

/* A window that holds what the cursor needs and no more, in memory of exactly that size, so that a look beyond it is seen. */
static void slide(struct ljh_cursor *c, const uint8_t *bytes, size_t n, struct found *f) {
    struct pulse_record r;
    size_t end = c->header.header_bytes, first;
    enum ljh_step step;
    do {
        first = ljh_cursor_needs(c);
        REQUIRE(first <= n && end >= first);
        uint8_t *window = malloc(end - first + 1);
        if (window == NULL)
            return;
        memcpy(window, bytes + first, end - first);
        step = ljh_cursor_window(c, window, first, end, end == n, 0, &r);
        if (step == LJH_RECORD) {
            r.samples = (const sample_u16 *)(const void *)(bytes + first + (size_t)((const uint8_t *)r.samples - window));
            note(f, &r, bytes);
            end = end > c->offset ? end : c->offset;
        } else if (end < n) {
            REQUIRE(end - first < 12 * c->header.record_bytes + 64);
            end += 1 + (n - end) / 3 < c->header.record_bytes ? 1 + (n - end) / 3 : c->header.record_bytes;
        } else {
            first = n + 1;
        }
        free(window);
    } while (first <= n);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    struct ljh_header h;
    struct complaint why = { 0 };
    if (ljh_header_parse(bytes, n, &h, &why) != STATUS_OK) {
        REQUIRE(why.text[0] != '\0' && why.offset <= n);
        return 0;
    }
    REQUIRE(h.n_presamples < h.n_samples && h.subframe_divisions >= 1 && h.header_bytes <= n && h.sample_period_s > 0);
    struct ljh_cursor whole, grown, slid;
    struct found a = { 0 }, b = { 0 }, d = { 0 };
    ljh_cursor_init(&whole, &h);
    walk(&whole, bytes, n, true, &a);
    ljh_cursor_init(&grown, &h);
    grow(&grown, bytes, n, &b);
    ljh_cursor_init(&slid, &h);
    slide(&slid, bytes, n, &d);
    REQUIRE(a.digest == d.digest && a.records == d.records && whole.offset == slid.offset && whole.torn == slid.torn);
    REQUIRE(a.digest == b.digest && a.records == b.records && whole.offset == grown.offset && whole.torn == grown.torn);
    return 0;
}
