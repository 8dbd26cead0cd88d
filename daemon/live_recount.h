/* daemon/live_recount.h - a calibration chosen while a scan runs: the scan counted anew with it, and the rows that come after it.
 *   pulses of the run so far + model --begin--> energies, causally from the run's first record on --> the scan's book, again
 *   rows as they come --rows--> the same rows with energies that go on from there
 * So every row has what `tesd replay --calibration` gives it from the run's records. The filters must be those that measured the pulses. Of one that
 * was learnt the rows begin at its end (recalled_rows.h): --new, one--> the same, since everybody's baseline begins anew there (analyse.h). Book thread. */
#ifndef TESD_DAEMON_LIVE_RECOUNT_H
#define TESD_DAEMON_LIVE_RECOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/array_model.h"
#include "daemon/live_book.h"
#include "daemon/pulse_store.h"
#include "daemon/row_block.h"

struct live_recount;   /* opaque */

/* The channels of both have the same filters and limits, bit by bit: what one has measured the other would measure alike. */
bool live_recount_same_filters(const struct array_model *a, const struct array_model *b);

struct recount_from {
    struct pulse_store *pulses;      /* of the run; settled here, and open for more again */
    struct pulse_bounds bounds;      /* of the run */
    double sample_period_s;
    const struct live_book *book;    /* whose newest scan it is */
    int64_t watermark_ns;
};

/* m is borrowed for as long as *out lives. *again: the scan's new book, the caller's. False, and why: nothing has changed. */
bool live_recount_begin(const struct recount_from *from, const struct array_model *m, struct live_book **again, struct live_recount **out, const char **why);
bool live_recount_new(const struct array_model *m, struct live_recount **out);   /* the rows begin with the next one; m as above. False: no memory */
void live_recount_free(struct live_recount *r);   /* NULL is fine */
/* A pixel's next pulse -> its row, appended to `into`, which has room. */
void live_recount_one(struct live_recount *r, uint16_t pixel, const struct measured_pulse *pulse, struct photon_block *into);
void live_recount_rows(struct live_recount *r, struct row_block *rows);   /* in place */

#endif
