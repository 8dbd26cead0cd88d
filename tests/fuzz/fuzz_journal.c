/* A journal from hostile bytes, first as they stand, then with every block's CRC made right so that what lies behind it is reached. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "daemon/journal_reader.h"
#include "daemon/scan_event_json.h"

#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

static void read_text(const struct journal_block *b) {
    struct scan_event e;
    json_t *o = json_loadb((const char *)b->payload, b->payload_bytes, 0, NULL);
    if (o != NULL && scan_event_from_json(o, &e)) {
        json_t *again = scan_event_to_json(&e);
        json_decref(again);
    }
    json_decref(o);
}

static void read_all(const uint8_t *bytes, size_t n) {
    struct journal_reader r = { 0 };
    struct journal_block b;
    uint64_t before = 0;
    while (journal_reader_next(&r, bytes, n, &b)) {
        REQUIRE(r.offset > before && r.offset <= n && b.payload >= bytes && b.payload + b.payload_bytes <= bytes + n);
        before = r.offset;
        for (uint32_t i = 0; i < b.rows && b.kind == JOURNAL_ROWS; i++)
            (void)journal_block_row(&b, i);
        for (uint32_t i = 0; i < b.rows && b.kind == JOURNAL_SECONDS; i++)
            (void)journal_block_second(&b, i);
        if (b.kind != JOURNAL_ROWS && b.kind != JOURNAL_SECONDS)
            read_text(&b);
    }
    REQUIRE(r.offset == n && r.damaged_bytes <= n);
}

static void make_right(uint8_t *bytes, size_t n) {
    for (size_t at = 0; at + JOURNAL_HEADER_BYTES <= n; at += JOURNAL_ALIGN) {
        uint32_t length;
        memcpy(bytes + at, "TESDJNL2", 8);
        memcpy(&length, bytes + at + 12, 4);
        length %= (uint32_t)(n - at - JOURNAL_HEADER_BYTES + 1);
        memcpy(bytes + at + 12, &length, 4);
        const uint32_t crc = (uint32_t)crc32(crc32(0, NULL, 0), bytes + at + 12, 52 + length);
        memcpy(bytes + at + 8, &crc, 4);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    read_all(bytes, n);
    uint8_t *copy = malloc(n + 1);
    REQUIRE(copy != NULL);
    memcpy(copy, bytes, n);
    make_right(copy, n);
    read_all(copy, n);
    free(copy);
    return 0;
}
