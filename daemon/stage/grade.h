/* daemon/stage/grade.h - one channel's record times -> the grade of every row and the time of each grade in every point.
 *   rows in their order + marks + second pulses --livetime--> grade column, grade_time_ns[point][column], silences
 * The same table of times gives both, so that counts of a grade are proportional to its time at any rate (doc/methods.md, Live time). Events are all
 * rows but the secondary ones, whatever their cuts. No state of its own; different channels may be graded at the same time. */
#ifndef TESD_DAEMON_STAGE_GRADE_H
#define TESD_DAEMON_STAGE_GRADE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/array_activity.h"
#include "calib/photon_block.h"
#include "daemon/inner_event.h"
#include "pulse/livetime.h"

struct grade_input {
    const struct livetime_table *table;
    const struct time_span *up;         /* when records were taken at all; in order, disjoint */
    size_t n_up;
    const bool *gap_before;             /* per row of the block: what came before it is not known */
    const struct inner_event *seconds;
    size_t n_seconds;
};

/* The longest silences of a pixel, for array_activity_judge: each between two rows of the block, SIZE_MAX for none (where the pixel came
 * up or went down). */
struct grade_silence { struct time_span span; size_t last_row, first_row; };
struct grade_silences { struct grade_silence *list; size_t n, capacity; };
void grade_silences_done(struct grade_silences *s);

/* CUT_VETO for every row in one of n spans (by time, disjoint). */
void grade_veto(struct photon_block *block, const struct time_span *spans, size_t n);

/* Sets the grade of every row (GRADE_NONE for secondary ones) and fills the sheet. silences may be NULL. False: no memory. */
bool grade_rows(const struct grade_input *in, struct photon_block *block, const struct livetime_sheet *sheet, struct grade_silences *silences);

#endif
