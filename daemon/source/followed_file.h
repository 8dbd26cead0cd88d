/* daemon/source/followed_file.h - one pulse file of a run that is being followed: its reads and its records.
 *   notices -> wants -> request -> (read_queue) -> result -> drain -> records
 * Plain struct; the fields that others may read say so. One owner thread. */
#ifndef TESD_DAEMON_SOURCE_FOLLOWED_FILE_H
#define TESD_DAEMON_SOURCE_FOLLOWED_FILE_H

#include "daemon/source/follow.h"
#include "daemon/source/growing_records.h"

struct followed_file {
    char *path;
    const char *name;             /* in path */
    int32_t channel;              /* by the name; -1: the header must say */
    bool off;                     /* by its ending */
    bool unwanted;                /* its channel is read from another file */
    int64_t seen_ns;              /* steady clock */
    bool over;                    /* nothing more will come of it: read to its end, refused or given up */

    /* its own: */
    struct growing_records *records;
    int fd;                       /* -1: not open */
    bool dirty, ask_anew, reading, draining, held, ended, asked_since_end, at_end, complained;
    unsigned failures;                /* reads and opens in a row that failed */
    int64_t grew_ns, retry_ns;
    struct followed_record pending;   /* offered and not taken */
    uint64_t torn;                    /* already counted */
    uint32_t mark;                    /* followed_record's */
};

bool followed_file_new(const char *folder, const char *name, int64_t now_ns, struct followed_file **out);   /* false: no memory */
void followed_file_free(struct followed_file *f);   /* not while it is reading */

/* It may have grown. ask_anew: the server of a shared file system must be asked, what this machine remembers may be old. */
void followed_file_notice(struct followed_file *f, bool ask_anew);
void followed_file_end(struct followed_file *f);      /* its writer is done: read to the end, and over */

/* Fills *out when a read makes sense now: then it must be made, and followed_file_result called. */
bool followed_file_request(struct followed_file *f, int64_t now_ns, struct read_request *out, struct follow_counts *counts);
void followed_file_result(struct followed_file *f, int64_t got, size_t asked, int64_t now_ns, struct follow_counts *counts);

/* Delivers up to *budget records and takes them off it. False: take had no room. rest_ns: see follow_settings. */
bool followed_file_drain(struct followed_file *f, int64_t now_ns, int64_t rest_ns, follow_take *take, void *context, unsigned *budget, struct follow_counts *counts);
bool followed_file_has_records(const struct followed_file *f);   /* some were delivered */
bool followed_file_busy(const struct followed_file *f, int64_t now_ns);   /* there is more to drain or to ask for at once */

#endif
