/* A pulse file that grows, LJH or OFF. Beyond not crashing: pieces of any size give the records of the whole, what is delivered lies in the
 * window, and the window stays small. The first byte of the input chooses the pieces; the rest is the file. */
#include <stdlib.h>
#include <string.h>

#include "daemon/source/growing_records.h"

#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

struct found { uint64_t records, torn, digest; bool refused; };

static void mix(struct found *f, const void *bytes, size_t n) {
    const uint8_t *p = bytes;
    for (size_t i = 0; i < n; i++)
        f->digest = (f->digest ^ p[i]) * UINT64_C(0x100000001b3);
}

static void note(struct found *f, const struct channel_record *r) {
    f->records++;
    mix(f, &r->time_ns, sizeof r->time_ns);
    mix(f, &r->frame, sizeof r->frame);
    mix(f, &r->gap_before, sizeof r->gap_before);
    if (r->coefficients)
        mix(f, r->off.coefficients, sizeof r->off.coefficients);
    else
        mix(f, r->samples.samples, 2 * (size_t)r->samples.n_samples);
}

static bool drain(struct growing_records *g, bool complete, struct found *f) {
    struct channel_record r;
    enum growing_step step;
    while ((step = growing_records_next(g, complete, &r)) == GROWING_RECORD) {
        note(f, &r);
        REQUIRE(growing_records_info(g)->records == f->records);
    }
    f->torn = growing_records_info(g)->torn;
    f->refused = step == GROWING_REFUSED;
    REQUIRE(!f->refused || growing_records_complaint(g)->text[0] != '\0');
    return step == GROWING_NEED_MORE;
}

/* piece 0: as much as there is room for. */
static struct found follow(const uint8_t *bytes, size_t n, size_t piece) {
    struct found f = { 0 };
    struct growing_records *g;
    size_t done = 0;
    bool more = growing_records_new(0, &g);
    REQUIRE(more);
    while (more && done < n) {
        size_t room = 0;
        REQUIRE(growing_records_offset(g) == done);
        uint8_t *to = growing_records_room(g, &room);
        REQUIRE(to != NULL && room >= 1);
        size_t take = piece > 0 && piece < room ? piece : room;
        take = take < n - done ? take : n - done;
        memcpy(to, bytes + done, take);
        growing_records_add(g, take);
        done += take;
        more = drain(g, false, &f);
        piece = piece > 0 ? piece * 5 % 4099 + 1 : 0;
    }
    if (more)
        drain(g, true, &f);
    growing_records_free(g);
    return f;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    if (n < 1)
        return 0;
    struct found whole = follow(bytes + 1, n - 1, 0), pieces = follow(bytes + 1, n - 1, 1 + bytes[0]);
    REQUIRE(whole.records == pieces.records && whole.torn == pieces.torn && whole.digest == pieces.digest && whole.refused == pieces.refused);
    return 0;
}
