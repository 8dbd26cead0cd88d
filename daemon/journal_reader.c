#include "daemon/journal_reader.h"

#include <string.h>

/* Space that was allocated beforehand and not reached reads as zeros. */
static bool all_zero(const uint8_t *bytes, uint64_t n) {
    return n == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, (size_t)n - 1) == 0);
}

static void keep_count(struct journal_reader *r, const struct journal_block *b, bool damage) {
    const bool begins = r->sessions == 0 || b->session != r->session;
    uint64_t missing = begins ? b->sequence : b->sequence - r->next_sequence;
    if (!begins && b->sequence < r->next_sequence)
        missing = 0;   /* a number used before: a copy of a block, or a writer gone mad; rows met twice are told apart by what they hold */
    r->sessions += begins;
    r->missing += missing;
    r->gap = missing > 0 || damage;
    r->session = b->session;
    r->next_sequence = b->sequence + 1;
    r->blocks++;
}

bool journal_reader_next(struct journal_reader *r, const uint8_t *bytes, uint64_t n, struct journal_block *out) {
    const uint64_t from = r->offset;
    size_t size;
    for (; r->offset < n; r->offset += JOURNAL_ALIGN) {
        const uint64_t left = n - r->offset;
        const size_t most = left < JOURNAL_BLOCK_MAX ? (size_t)left : JOURNAL_BLOCK_MAX;
        if (!journal_block_open(bytes + r->offset, most, out, &size))
            continue;
        r->damaged_bytes += r->offset - from;
        keep_count(r, out, r->offset > from);
        r->offset += size;
        return true;
    }
    r->offset = n;
    if (from < n && !all_zero(bytes + from, n - from))
        r->damaged_bytes += n - from;
    return false;
}

struct journal_row journal_block_row(const struct journal_block *b, uint32_t i) {
    struct journal_row row;
    memcpy(&row, b->payload + (size_t)i * sizeof row, sizeof row);
    return row;
}

struct journal_second journal_block_second(const struct journal_block *b, uint32_t i) {
    struct journal_second second;
    memcpy(&second, b->payload + (size_t)i * sizeof second, sizeof second);
    return second;
}
