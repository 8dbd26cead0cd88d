/* daemon/live_book_parts.h - what live_book.c, live_book_places.c and live_book_settle.c share. Private to them. */
#ifndef TESD_DAEMON_LIVE_BOOK_PARTS_H
#define TESD_DAEMON_LIVE_BOOK_PARTS_H

#include "daemon/book_rows.h"
#include "daemon/live_book.h"
#include "pulse/cut.h"

enum { BOOK_SCANS = 4, BOOK_OUT = 4096 };

/* What a pixel's walk meets, in order of pixel, time, arrival. */
struct happening { int64_t time_ns; uint32_t row; uint16_t pixel; bool second; };

struct live_book {
    struct book_settings settings;
    struct book_pixel *pixels;
    struct live_scan *scans[BOOK_SCANS];  /* in order of their starts; the last is the one of new events */
    unsigned n_scans;
    struct book_rows *kept;
    struct happening *seconds;            /* inner events of those rows, in order of arrival */
    size_t n_seconds;
    struct happening *walk;
    uint32_t *places;                     /* in it, by pixel */
    uint8_t *final_grade;                 /* by row & mask */
    struct photon_block *out;             /* what is handed to graded */
    int64_t *anchor_ns, *newest_anchor_ns;/* where blindness ends: of the last settled event, of the newest */
    bool *jumped;                         /* of the last settled event of each pixel: nothing is live until one that has not */
    int64_t begun_ns, settled_ns, newest_ns;
    int64_t held_ns;                      /* nothing from there on is settled yet; INT64_MAX: nothing is held */
    bool begun, changed;
    bool cut_off;                         /* while what was held is settled */
    struct book_counts counts;
};

static inline bool book_is_event(const struct photon_block *rows, size_t at) { return (rows->cuts[at] & CUT_BIT(CUT_SECONDARY)) == 0; }

/* ---- live_book_places.c: where rows are counted ---- */
/* Rows row..row+n-1 of one chunk, which are counted nowhere yet. */
void book_places_put(struct live_book *b, uint32_t row, size_t n);
/* One row that is late: where its time lies now, for good. */
void book_places_put_late(struct live_book *b, uint32_t row);
/* Its grade or its place become others. */
void book_places_change(struct live_book *b, uint32_t row, uint8_t grade, struct live_place place);
void book_places_keep(struct live_book *b, uint32_t row);       /* it leaves, and stays counted where it is */
void book_places_show(struct live_book *b);                     /* rows that wait are counted in what the last scan shows */
void book_places_again(struct live_book *b);                    /* after an event: all that wait */
void book_places_forget(struct live_book *b);                   /* the oldest scan makes room: rows of its that wait are counted where they are */

/* ---- live_book.c ---- */
uint8_t book_grade_lossy(const struct book_pixel *p, int64_t *last_ns, int64_t time_ns);

/* ---- live_book_settle.c ---- */
void book_settle_give(struct live_book *b);                     /* what is in `out` */
void book_settle_finals(struct live_book *b);                   /* points that have become final */

#endif
