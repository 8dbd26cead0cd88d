#include "daemon/journal_format.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>

static_assert(sizeof(struct journal_row) == 72 && sizeof(struct journal_second) == 16, "rows are what the file holds");

enum { AT_CRC = 8, AT_LENGTH = 12, AT_SESSION = 16, AT_SEQUENCE = 24, AT_ROWS_BEFORE = 32, AT_TIME = 40, AT_ROWS = 48, AT_KIND = 52 };

static const char magic[8] = { 'T', 'E', 'S', 'D', 'J', 'N', 'L', '2' };

size_t journal_block_size(size_t payload_bytes) {
    return (JOURNAL_HEADER_BYTES + payload_bytes + JOURNAL_ALIGN - 1) / JOURNAL_ALIGN * JOURNAL_ALIGN;
}

static uint32_t checksum(const uint8_t *bytes, size_t payload_bytes) {
    return (uint32_t)crc32(crc32(0, NULL, 0), bytes + AT_LENGTH, (uInt)(JOURNAL_HEADER_BYTES - AT_LENGTH + payload_bytes));
}

size_t journal_block_seal(const struct journal_block *b, uint8_t *bytes) {
    const size_t size = journal_block_size(b->payload_bytes), end = JOURNAL_HEADER_BYTES + b->payload_bytes;
    const uint32_t length = (uint32_t)b->payload_bytes;
    const uint16_t kind = (uint16_t)b->kind;
    assert(end <= JOURNAL_BLOCK_MAX);
    memset(bytes, 0, JOURNAL_HEADER_BYTES);
    memset(bytes + end, 0, size - end);
    memcpy(bytes, magic, sizeof magic);
    memcpy(bytes + AT_LENGTH, &length, sizeof length);
    memcpy(bytes + AT_SESSION, &b->session, sizeof b->session);
    memcpy(bytes + AT_SEQUENCE, &b->sequence, sizeof b->sequence);
    memcpy(bytes + AT_ROWS_BEFORE, &b->rows_before, sizeof b->rows_before);
    memcpy(bytes + AT_TIME, &b->written_ns, sizeof b->written_ns);
    memcpy(bytes + AT_ROWS, &b->rows, sizeof b->rows);
    memcpy(bytes + AT_KIND, &kind, sizeof kind);
    const uint32_t crc = checksum(bytes, b->payload_bytes);
    memcpy(bytes + AT_CRC, &crc, sizeof crc);
    return size;
}

/* A block of rows holds as many as it says. */
static bool lengths_agree(const struct journal_block *b) {
    if (b->kind == JOURNAL_ROWS)
        return b->rows * sizeof(struct journal_row) == b->payload_bytes;
    return b->kind != JOURNAL_SECONDS || b->rows * sizeof(struct journal_second) == b->payload_bytes;
}

bool journal_block_open(const uint8_t *bytes, size_t n, struct journal_block *out, size_t *size) {
    struct journal_block b = { 0 };
    uint32_t length, crc;
    uint16_t kind;
    if (n < JOURNAL_HEADER_BYTES || memcmp(bytes, magic, sizeof magic) != 0)
        return false;
    memcpy(&length, bytes + AT_LENGTH, sizeof length);
    memcpy(&crc, bytes + AT_CRC, sizeof crc);
    if (length > JOURNAL_BLOCK_MAX - JOURNAL_HEADER_BYTES || length > n - JOURNAL_HEADER_BYTES || crc != checksum(bytes, length))
        return false;
    memcpy(&b.session, bytes + AT_SESSION, sizeof b.session);
    memcpy(&b.sequence, bytes + AT_SEQUENCE, sizeof b.sequence);
    memcpy(&b.rows_before, bytes + AT_ROWS_BEFORE, sizeof b.rows_before);
    memcpy(&b.written_ns, bytes + AT_TIME, sizeof b.written_ns);
    memcpy(&b.rows, bytes + AT_ROWS, sizeof b.rows);
    memcpy(&kind, bytes + AT_KIND, sizeof kind);
    b.kind = kind;
    b.payload = bytes + JOURNAL_HEADER_BYTES;
    b.payload_bytes = length;
    if (!lengths_agree(&b))
        return false;
    *out = b;
    *size = journal_block_size(length) < n ? journal_block_size(length) : n;
    return true;
}
