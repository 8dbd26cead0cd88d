/* pulse/livetime.h - how long each pixel could have taken a photon of each grade, per scan point.
 * events of a pixel, in its own frame order --> grade_time_ns[point][column] and the grade of each record.
 *
 * Every ns of a point belongs to the grade that one more photon arriving then would have got; then counts of a grade are
 * proportional to the time in that grade at any rate (Mecke's theorem for Poisson photons). A grade is a set of boxes in
 * (before, after): time since the last anchor and until the next event. Event: any primary record, whatever its cuts.
 * Anchor: where the blindness that an event leaves ends. Integers only; windows are half-open; one event costs O(points touched).
 * All times are ns since 1970 UTC, floored to 1 us before. A stamp that steps back closes an empty gap and moves no anchor back. */
#ifndef TESD_PULSE_LIVETIME_H
#define TESD_PULSE_LIVETIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pulse/status.h"
#include "pulse/time_span.h"

/* Columns 0-4 have the codes of photon grades; each row of grade_time_ns sums to its point's dwell at any moment. */
enum livetime_column { LIVETIME_HIGH, LIVETIME_MID, LIVETIME_TAIL, LIVETIME_LOW, LIVETIME_NONE, LIVETIME_DEAD, N_LIVETIME_COLUMNS };

/* Later than any time and window; sums of it with a real time stay in range (real times are near 2^60.6). */
#define LIVETIME_NEVER (INT64_C(1) << 62)

enum livetime_trigger {
    LIVETIME_EDGE,       /* blind for the record and one sample more; late triggers behind it are swallowed by a guard of 2 t_peak */
    LIVETIME_EDGE_MULTI  /* every pulse makes an event; an event is its own anchor */
};

struct livetime_settings {
    enum livetime_trigger trigger;
    double sample_period_s;
    uint32_t n_samples, n_presamples;
    double peak_samples;  /* from arrival to the maximum */
    double decay_s;       /* of the pulse; the slow constant where narrow windows matter */
};

/* before_lo <= before < before_hi and after_lo <= after < after_hi. */
struct livetime_box { int64_t before_lo_ns, before_hi_ns, after_lo_ns, after_hi_ns; uint8_t grade; };

enum { LIVETIME_BOXES = 5 };

/* Plain and copied freely; boxes are disjoint, what is in none of them is LIVETIME_NONE. */
struct livetime_table {
    struct livetime_box boxes[LIVETIME_BOXES];
    int64_t blind_ns;         /* event to anchor */
    int64_t quantum_ns;       /* trigger times are whole samples; <= every after_lo */
    int64_t unresolved_ns;    /* photons nearer than this make one event: 0.9 of the time to the maximum (doc/methods.md, Live time: none are told apart
                               * within 0.7, all beyond 1.0) */
    int64_t longest_after_ns; /* beyond it `after` changes no grade */
    /* A gap of long_ns and all longer ones have the same time of every grade but HIGH, which has the rest, in one piece, the first box; long_start_ns of it
     * comes before that. 0: nothing is known of them. */
    int64_t long_ns, long_gap_ns[LIVETIME_DEAD], long_start_ns[LIVETIME_DEAD];
};

/* Windows of doc/methods.md, Live time, in whole samples. STATUS_BAD_VALUE: settings out of range. */
enum status livetime_table_make(const struct livetime_settings *s, struct livetime_table *out);

/* Of which all time between up and down is LIVETIME_HIGH, whatever the events: how long the pixel was up. */
struct livetime_table livetime_table_always(void);

/* Grade of a record; before < 0 (it fell into the blind time of another) is LIVETIME_NONE. */
uint8_t livetime_grade(const struct livetime_table *t, int64_t before_ns, int64_t after_ns);

/* Where one pixel's time is written. Points in order of time, disjoint; everything borrowed. */
struct livetime_sheet {
    const struct livetime_table *table;
    uint32_t n_points;
    const int64_t *start_ns, *end_ns;
    int64_t *grade_time_ns;  /* n_points x N_LIVETIME_COLUMNS */
    /* Time that is dead whatever the pixel's own events say (coincidence.h); by time, disjoint. Must not depend on the pixel's own photons. */
    const struct time_span *vetoes;
    size_t n_vetoes;
    /* NULL: time is measured in ns. Else by how many of these instants, by time, it holds: those of the other pixels' triggers sample the
     * beam as the photons do, which helps where it is not steady inside a point (doc/methods.md, Live time). */
    const int64_t *instants_ns;
    size_t n_instants;
};

/* [start, end) in ns, or in instants. */
int64_t livetime_measure(const struct livetime_sheet *s, int64_t start_ns, int64_t end_ns);

/* All time is dead until a gap proves otherwise. */
void livetime_sheet_reset(const struct livetime_sheet *s);

/* One pixel's place in its stream. Zero-initialised: down, nothing pending. */
struct livetime_pixel {
    bool up, pending;
    uint32_t cursor;                  /* first point that may still get time */
    int64_t anchor_ns, counted_ns;    /* of the open gap, the part before counted_ns is in the rows */
    int64_t pending_ns, pending_before_ns;
    uint64_t pending_row;
};

struct livetime_graded { bool known; uint64_t row; uint8_t grade; };  /* a record whose grade became known; known = false: none did */

/* From here on the pixel, which was down, is known to be clear: run start, end of a data drop, lock regained. */
void livetime_pixel_up(struct livetime_pixel *p, int64_t time_ns);
/* An event; closes the open gap. `row`: the caller's name for the record. */
struct livetime_graded livetime_pixel_event(struct livetime_pixel *p, const struct livetime_sheet *s, int64_t time_ns, uint64_t row);
/* n events in order, of a pixel that is up: as livetime_pixel_event of each, and quicker; ends before the first that is behind until_ns, or more than most_ns
 * behind its anchor. Their rows follow each other from `row` on, the record that waits comes before them; grade[i]: of event i, where it becomes known,
 * else left alone. */
struct livetime_run {
    size_t n;                         /* events taken */
    struct livetime_graded before;    /* the record that waited */
    int64_t longest_ns;               /* gap, from anchor to event; 0: none is longer */
};
struct livetime_run livetime_pixel_run(struct livetime_pixel *p, const struct livetime_sheet *s, const int64_t *time_ns, size_t n, int64_t until_ns, int64_t most_ns, uint64_t row, uint8_t *grade);
/* Edge mode: a pulse that was found inside the record of another, which is blind to it. Counts as the next event for what came before, has
 * no record and leaves no blindness of its own. */
struct livetime_graded livetime_pixel_second(struct livetime_pixel *p, const struct livetime_sheet *s, int64_t time_ns);
/* From here on nothing is known: run stop, data drop, lock lost. Counts as the next event for what came before. */
struct livetime_graded livetime_pixel_down(struct livetime_pixel *p, const struct livetime_sheet *s, int64_t time_ns);
/* No event before `watermark_ns` is missing: counts and grades what that decides. Calling it or not, often or seldom, changes no
 * final number. */
struct livetime_graded livetime_pixel_advance(struct livetime_pixel *p, const struct livetime_sheet *s, int64_t watermark_ns);

/* An event that came late (filled from a file) into a gap already counted: the gap from `anchor_ns` to the event `next_ns` becomes
 * two. time_ns <= next_ns. The caller grades the three records anew. */
void livetime_insert(const struct livetime_sheet *s, int64_t anchor_ns, int64_t time_ns, int64_t next_ns);

/* A counted gap in which the pixel, as it turned out, was dead: all of it becomes dead time again. */
void livetime_remove(const struct livetime_sheet *s, int64_t anchor_ns, int64_t next_ns);

#endif
