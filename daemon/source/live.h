/* daemon/source/live.h - triggered records from the acquisition server's port, without loss on our side (doc/methods.md, Records).
 *   K SUB sockets, channel index mod K each --pulse/record_dastard--> rows of a record_block, which may lend the messages' own memory
 * The shape of every live-ish source (follow has the same): new / step / free, no thread of its own; _step fills a block with what is there
 * and never waits; _wait is where its thread may sleep. Strict: a message that is no record is counted by reason, and that is all.
 * What waits in the sockets is bounded (LIVE_WAITING_MAX records); beyond it the connection backs up to the server, which then drops and
 * counts what it triggers. Sockets reconnect by themselves, so a server that goes away and comes back needs nothing here. One thread owns it. */
#ifndef TESD_DAEMON_SOURCE_LIVE_H
#define TESD_DAEMON_SOURCE_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/live_array.h"
#include "daemon/record_block.h"
#include "pulse/record_dastard.h"

struct live_source;   /* opaque */

enum { LIVE_WAITING_MAX = 65536 };   /* 160 MiB of records of 1024 samples: 0.6 s of 100,000/s */

struct live_settings {
    const char *endpoint;        /* of the record port: "tcp://host:5502" */
    unsigned connections;        /* K, 1..1024 */
};

struct live_counts {             /* since the start; by the owning thread */
    uint64_t records;
    uint64_t refused[N_DASTARD_REFUSALS];   /* by reason of pulse/record_dastard.h */
    uint64_t frames;             /* refused: not two frames */
    uint64_t unknown_channel;    /* refused: an index beyond the array */
    uint64_t bytes;
};

/* False after logging. */
bool live_source_new(const struct live_settings *settings, struct live_source **out);
void live_source_free(struct live_source *s);
/* From now on records are of this array, which must live until the next call; NULL: of none, they are refused. The first 1024 indices are
 * subscribed to from the start, spread over the connections, so that no record is missed between a source's start and the message that
 * names its channels; more when the array has more. */
bool live_source_subscribe(struct live_source *s, const struct live_array *array);

enum { LIVE_LENT_MAX = 8192 };   /* records lent at once: 18 MiB of records of 1024 samples */
enum live_step { LIVE_IDLE, LIVE_RECORDS, LIVE_FULL };   /* nothing there; all that was there; the block had no more room */
/* Adds to the block (rows with index, pixel, BLOCK_SIGNED): with their samples, or lent, which stay where they came in until _take_back. */
enum live_step live_source_step(struct live_source *s, struct record_block *into);
enum live_step live_source_lend(struct live_source *s, struct record_block *into);
void live_source_take_back(struct live_source *s);
void live_source_wait(struct live_source *s, int tick_ms);      /* sleeps so long, while records gather in the sockets */
const struct live_counts *live_source_counts(const struct live_source *s);

#endif
