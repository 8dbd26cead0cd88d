/* daemon/live_learning_parts.h - what live_learning.c (making, rows, results and the recount) and live_learning_state.c (the states recorded, and what
 * came of them) share. Private to them. */
#ifndef TESD_DAEMON_LIVE_LEARNING_PARTS_H
#define TESD_DAEMON_LIVE_LEARNING_PARTS_H

#include "daemon/live_learning.h"
#include "daemon/live_outlook.h"

/* From a calibration that was accepted to the recount. */
enum hand_over { NOTHING_NEW, ACCEPTED, IN_FORCE, MEASURING, RECOUNT_DUE };

struct live_learning {
    struct line_table *lines;
    struct learning_desk *desk;
    struct live_outlook *outlook;
    struct recalled_rows *rows;     /* since the last calibration's end; while it goes on, the newest */
    char kept[600];                 /* path of the last accepted one */

    bool open, ending;              /* a state is recorded; its end is known and not yet told */
    enum learning_state kind;
    char label[32];
    int64_t end_ns;
    struct { char label[32]; bool refused; char refusal[280]; } last;   /* the calibration told last */

    struct learnt_result result;    /* the accepted one, and what was measured for it, until the recount */
    enum hand_over hand_over;
    uint64_t new_version;           /* of the rows that the accepted one makes */
};

/* A result without a model: not accepted. */
void live_learning_refused(struct live_learning *l, const struct learnt_result *r);

#endif
