/* daemon/live_book.h - rows and scan events of a live session -> grades, maps and live time as the scan goes on (doc/live.md).
 *   rows + events --place--> maps at once, grade by their past alone;   watermark --settle--> grade by past and future, live time, final points
 * Rows are kept until they are settled: until the watermark has passed them by the longest window, and the point they may belong to is known,
 * `late_ns` of data at most. Settling walks each pixel's events in time with pulse/livetime, so that counts and live time of a final point
 * are those of the run's file, late fills and dead pixels excepted. Bounded: `history` rows; when more wait, the oldest are settled as they
 * stand and counted. One owner thread; no I/O. */
#ifndef TESD_DAEMON_LIVE_BOOK_H
#define TESD_DAEMON_LIVE_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/photon_block.h"
#include "daemon/grade_windows.h"
#include "daemon/row_block.h"
#include "daemon/scan_copy.h"
#include "daemon/scan_event.h"
#include "daemon/stage/live_scan.h"
#include "pulse/livetime.h"

struct live_book;   /* opaque */

struct book_pixel {
    bool live;                       /* its windows are known and its trigger leaves no unseen gaps */
    bool lossy;                      /* its windows are known, but the trigger leaves no trace of what it drops (calib/lossy_trigger.h): isolated photons are
                                      * counted, all time is dead, since only the whole run tells the rate; its file has the live time */
    bool automatic, secondary;       /* trigger_mode.h */
    struct livetime_table table;     /* when live or lossy */
    struct grade_spans spans;        /* all 0 unless live */
};

/* Rows that are final, with scan, point, incident energy and grade; borrowed for the call. */
typedef void book_graded(void *context, const struct photon_block *rows);
/* Which pixels a scan that begins now uses: n_pixels bytes; NULL: no memory. */
typedef const uint8_t *book_pixels_used(void *context, int64_t time_ns);

struct book_settings {
    uint32_t n_pixels;
    const struct book_pixel *pixels; /* copied */
    struct product_settings products;
    int64_t late_ns;                 /* scan.late_photon_s */
    int64_t hold_ns;                 /* further wait before a point is final: for what files bring later than the port */
    size_t history;                  /* rows */
    size_t kept;                     /* photons of the running scan, for live_book_show; 0: windows and axes change with the next scan alone */
    book_graded *graded;
    book_pixels_used *pixels_used;
    void *context;
};

struct book_counts {
    uint64_t rows, settled;
    uint64_t late;                   /* came after their time was settled: counted with grade none */
    uint64_t hurried;                /* settled before their time because too many waited */
    uint64_t fitted;                 /* points whose end was told so late that live time had to be fitted to it */
    uint64_t events, refused_events; /* scan events; refused: out of order, no scan, no memory */
};

bool live_book_new(const struct book_settings *settings, struct live_book **out);   /* false: no memory */
void live_book_free(struct live_book *b);

/* Trigger modes or windows have changed: from here on these. */
void live_book_pixels(struct live_book *b, const struct book_pixel *pixels);
/* A book with the same settings and with the scan that runs, or ran last, but without rows: for the same rows with other energies. False: there
 * is no scan, or no memory. */
bool live_book_again(const struct live_book *b, struct live_book **out);
/* Windows and axes of the scans that begin from now on; regions are borrowed. */
void live_book_products(struct live_book *b, const struct product_settings *products);
/* The running scan is seen with them from now on too (live_scan_seen), all its photons counted anew. False: it is not; why says so. No scan
 * runs: true. */
bool live_book_show(struct live_book *b, const char **why);
/* All rows of the block. Energies and cuts are taken as they are; CUT_SECONDARY is added where it applies. */
void live_book_rows(struct live_book *b, const struct row_block *rows);
/* False: refused and counted; why says what is wrong. */
bool live_book_event(struct live_book *b, const struct scan_event *event, const char **why);
/* No row before watermark_ns is missing. force: settle everything that is there (the end of a session). */
void live_book_settle(struct live_book *b, int64_t watermark_ns, bool force);
/* From here on nothing is settled that what comes at or behind until_ns might change, but for rows that are hurried: what was before can be told apart (live_book_part).
 * INT64_MAX: no such time. */
void live_book_hold(struct live_book *b, int64_t until_ns);
/* All before the time held is settled as if nothing followed, as in the file of a run that ended there, and nothing is held any more. */
void live_book_settle_held(struct live_book *b);
/* What the scan that is the k-th (live_book_scans) has before until_ns, which has been settled to just there: products of those rows alone, with its points as they were
 * told so far; one that is open ends there. False: no point, or no memory. The caller's. */
bool live_book_part(const struct live_book *b, size_t k, int64_t until_ns, struct scan_copy **out);

/* The scan that runs, or ended and is not final yet, or was the last; NULL: none. Changes with the next call above. */
const struct live_scan *live_book_scan(const struct live_book *b);
/* All scans that it still knows, oldest first; those before the last are only not final yet. How many, at most `most`. */
size_t live_book_scans(const struct live_book *b, const struct live_scan **out, size_t most);
bool live_book_changed(struct live_book *b);      /* its products since the last call */
int64_t live_book_settled_ns(const struct live_book *b);
const struct book_counts *live_book_counts(const struct live_book *b);

#endif
