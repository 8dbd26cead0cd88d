/* daemon/recalled_rows.h - rows that come while a calibration is being learnt, kept until it is accepted, and given once more with its energies.
 *   rows --add--> kept since the calibration's end --give, model--> the same rows with new energies, by time: to a book, and to who keeps pulses
 * Its life: _await while the calibration goes on (its end is told late: the newest rows are kept), _since when the end is known, _give, and
 * _forget or _miss. At most half a million rows: when there are more, none is kept and _missed says so. Book thread; no I/O. */
#ifndef TESD_DAEMON_RECALLED_ROWS_H
#define TESD_DAEMON_RECALLED_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/learning_desk.h"
#include "daemon/live_book.h"
#include "daemon/live_recount.h"
#include "daemon/row_block.h"

struct recalled_rows;   /* opaque */

/* late_ns: how late the end of a calibration may be told. False: no memory. */
bool recalled_rows_new(int64_t late_ns, struct recalled_rows **out);
void recalled_rows_free(struct recalled_rows *r);   /* NULL is fine */
void recalled_rows_late(struct recalled_rows *r, int64_t late_ns);   /* the setting has changed */

void recalled_rows_forget(struct recalled_rows *r);                  /* nothing is kept any more, and nothing is to be */
void recalled_rows_miss(struct recalled_rows *r);                    /* the same, and rows were wanted: of a calibration that follows too fast */
void recalled_rows_await(struct recalled_rows *r);                   /* forgets, and from now on keeps the newest */
void recalled_rows_since(struct recalled_rows *r, int64_t end_ns);   /* from now on keeps all from here on; earlier rows are left out of _give */
bool recalled_rows_missed(const struct recalled_rows *r);            /* some are not there */
int64_t recalled_rows_since_ns(const struct recalled_rows *r);       /* as told last */
size_t recalled_rows_count(const struct recalled_rows *r);

/* of_new: versions from here on are of the accepted calibration's model; UINT64_MAX: none is. */
void recalled_rows_add(struct recalled_rows *r, const struct row_block *rows, uint64_t of_new);

typedef void rows_anew(void *context, const struct row_block *rows);
struct recall {
    struct live_recount *follow;          /* new, of the accepted model; it goes on from the last row */
    uint64_t version;                     /* of the rows as they are given */
    const struct learnt_result *learnt;   /* whether filters are new, and what was measured with them */
    struct live_book *book;               /* gets all rows, and settles as far as those behind allow; NULL: none */
    rows_anew *give;                      /* gets those of the older model alone; NULL: nobody */
    void *context;
};
/* Causally, pixel by pixel, from the first row kept on. *without: rows of older filters that were not measured with the new ones; they have no
 * energy now. Afterwards _count says how many rows there were. False: no memory, and some rows were not given. */
bool recalled_rows_give(struct recalled_rows *r, const struct recall *to, uint64_t *without);

#endif
