/* daemon/journal_reader.h - bytes of a journal in memory -> its valid blocks, one by one, and what is missing between them.
 * Pure: no files, no allocation. Any bytes are fine. */
#ifndef TESD_DAEMON_JOURNAL_READER_H
#define TESD_DAEMON_JOURNAL_READER_H

#include "daemon/journal_format.h"

/* Plain; zeros to begin with. */
struct journal_reader {
    uint64_t offset;           /* of the next block to be looked at */
    uint64_t session, next_sequence;
    uint64_t blocks, sessions; /* valid ones met; sessions begun */
    uint64_t missing;          /* sequence numbers left out */
    uint64_t damaged_bytes;    /* looked at and no valid block; a tail that was allocated and never written is not counted */
    bool gap;                  /* something is missing just before the block given last */
};

/* bytes[0..n) is the file from its start. False at its end. Payloads are borrowed from bytes. */
bool journal_reader_next(struct journal_reader *r, const uint8_t *bytes, uint64_t n, struct journal_block *out);

/* Row i of a block of rows or seconds. */
struct journal_row journal_block_row(const struct journal_block *b, uint32_t i);
struct journal_second journal_block_second(const struct journal_block *b, uint32_t i);

#endif
