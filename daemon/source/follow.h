/* daemon/source/follow.h - the pulse files of a run, read while the acquisition server writes them.
 *   folder --step--> records of all channels, each channel's in the order of its file
 * The files are complete where the record port is not (doc/methods.md, Records), a second or so later. Files appear at a channel's first
 * record, grow in pieces that end anywhere, may be torn, and end without a word. Of LJH and OFF of one channel one is read. Error
 * channels (errN) are left out. One owner thread; no thread of its own.
 * Memory: per file a window (growing_records.h), while the run is written; 240 files of 1024 samples about 25 MB. */
#ifndef TESD_DAEMON_SOURCE_FOLLOW_H
#define TESD_DAEMON_SOURCE_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/channel_record.h"
#include "daemon/source/read_queue.h"
#include "daemon/source/run_folder.h"

struct follow_settings {
    enum folder_notice notice;
    enum read_means means;
    unsigned depth;            /* reads under way at once; 0: 64 */
    double poll_s;             /* between two looks at a folder without notices, and at a base folder; > 0 */
    double rest_s;             /* a file that has not grown for so long and ends with a whole record has that record read too */
    bool prefer_off;           /* of LJH and OFF of one channel */
};

struct followed_record {
    int32_t channel;                     /* number, by the file's name or else its header */
    int32_t channel_index;               /* DASTARD's; -1: the file does not say */
    const struct channel_shape *shape;
    uint32_t *mark;                      /* of its file, for the taker to remember something by; 0 at first */
    struct channel_record record;        /* samples.pixel is 0: the caller knows it */
};

/* Borrows the record. False: no room now; it is offered again with the next step. */
typedef bool follow_take(void *context, const struct followed_record *record);

struct follow_counts {
    uint64_t runs, files;                /* met so far */
    uint64_t records, torn, bytes;
    uint64_t refused;                    /* files that are none; each was logged */
    uint64_t read_errors;                /* reads that failed; each was or will be tried again */
    uint64_t shrunk;                     /* files that became shorter under us: given up, and logged */
    uint64_t tail_bytes;                 /* behind the last whole record of files that are over */
};

enum follow_state {
    FOLLOW_WAITING,    /* nothing new now */
    FOLLOW_READING,    /* more may be had at once */
    FOLLOW_BLOCKED,    /* take had no room */
    FOLLOW_ENDED       /* follow_end was called and everything has been delivered */
};

struct follow;   /* opaque */

/* False: no memory, or READ_URING on a machine that forbids it. */
bool follow_new(const struct follow_settings *settings, struct follow **out);
void follow_free(struct follow *f);

/* What to follow from now on: a run folder, or a base folder below which runs are made as YYYYMMDD/NNNN; of those always the newest,
 * and each to its end before the next. What was followed is read to its end first. The folder need not exist yet. False: no memory. */
bool follow_folder(struct follow *f, const char *path);
/* No more will be written to the present folder (the server said so, or the source is being stopped). */
void follow_end(struct follow *f);

/* One round. now_ns: a steady clock. At most a few thousand records a call. */
enum follow_state follow_step(struct follow *f, int64_t now_ns, follow_take *take, void *context);
/* Sleeps until there is likely something to do, timeout_ms at most. */
void follow_wait(struct follow *f, int timeout_ms);

struct follow_counts follow_count(const struct follow *f);
const char *follow_path(const struct follow *f);      /* the run folder being read; "": none */
bool follow_is_polling(const struct follow *f);
bool follow_is_uring(const struct follow *f);

#endif
