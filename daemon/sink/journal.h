/* daemon/sink/journal.h - the journal of a run: every row of analysis and every event of the beamline, safe before it is shown.
 *   row_block, scan_event, ... --> YYYYMMDD_runNNNN.journal (journal_format.h) --> `tesd recover`, the run's file
 * Rows wait in a block of at most half a MiB, which goes to the disk when it is full, after flush_s, and before any event; then they are there
 * whatever becomes of this program (acked). What survives a power cut is told by the sync policy: fdatasync after the end of a point, a
 * scan or a run, and at the latest sync_s after a block was written (0: after each).
 * When the disk does not follow and all blocks are on their way, rows are refused and counted, and the journal itself says so when it goes
 * on (JOURNAL_GAP); events are kept. Nothing here waits for the disk (with disk_engine_pwrite each write does). One thread. */
#ifndef TESD_DAEMON_SINK_JOURNAL_H
#define TESD_DAEMON_SINK_JOURNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/journal_format.h"
#include "daemon/live_sink.h"
#include "daemon/sink/disk_engine.h"

struct journal;   /* opaque */

struct journal_settings {
    const struct disk_engine *engine;   /* NULL: the best that this machine has */
    unsigned n_blocks;                  /* of 512 KiB, at least 4 */
    double flush_s, sync_s, retry_s;
    double patience_s;                  /* a disk that keeps silent for longer is trouble; 0: 2 s */
    bool (*answers)(void *context);     /* whether its file may be opened now without waiting for the disk; asked again in each step. NULL: always */
    void *answers_context;
};

bool journal_new(const struct journal_settings *settings, struct journal **out);   /* false: no memory */
void journal_free(struct journal *j);   /* writes what is left, 3 s at most; NULL is fine */

/* Between begin and end, in FOLDER/BASE.journal, which goes on when it is there already. A folder that cannot be written is tried
 * again in _step; until then rows wait and are refused like any others. */
void journal_begin(struct journal *j, const struct live_session *session);
void journal_end(struct journal *j);
void journal_rows(struct journal *j, const struct row_block *rows);
void journal_text(struct journal *j, enum journal_kind kind, json_t *text);   /* takes the reference; NULL is counted as lost */
void journal_event(struct journal *j, const struct scan_event *event);
/* What another writer could not write, for the record: sink "raw", "archive"; channel -1: all. Record times, both included. */
void journal_gap(struct journal *j, const char *sink, int32_t channel, int64_t from_ns, int64_t to_ns, uint64_t lost);
void journal_step(struct journal *j);

struct journal_counts {           /* rows since journal_new */
    uint64_t given, acked, synced, lost;
    uint64_t events, events_lost, gaps, bytes;
    int error;                    /* errno while something fails */
};
struct journal_counts journal_counts(const struct journal *j);

struct live_sink journal_sink(struct journal *j);   /* frees j in done */

#endif
