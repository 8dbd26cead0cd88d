/* daemon/live_plan.h - what ingest and analysis need to know of a session: immutable, made by the book, handed over whole.
 * One atomic pointer; the ingest thread looks at it between two blocks and says by `adopted` which one it uses, so that the book knows when
 * the one before may go. Counters are written by the ingest thread alone and may be read by any. */
#ifndef TESD_DAEMON_LIVE_PLAN_H
#define TESD_DAEMON_LIVE_PLAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/array_model.h"
#include "daemon/live_array.h"

/* Per channel index, since the array became known. */
struct channel_tally {
    _Atomic uint64_t port;       /* records that came by the port */
    _Atomic uint64_t file;       /* of those that the port did not bring: by file */
    _Atomic uint64_t overload;   /* refused because analysis or book could not keep up */
    _Atomic uint64_t raw_lost;   /* not given to the raw recorder because it could not keep up */
    _Atomic uint64_t restarts;   /* of the frame counter */
    _Atomic uint64_t other_form; /* coefficients of a pixel that is measured from samples, or samples of one measured from coefficients: nothing but a time */
    _Atomic uint64_t other_basis;/* coefficients of another basis than those that the pixel's model was learnt from: nothing but a time */
};

static inline void tally_add(_Atomic uint64_t *counter, uint64_t n) {   /* the one writer */
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}
static inline uint64_t tally_of(const _Atomic uint64_t *counter) { return atomic_load_explicit(counter, memory_order_relaxed); }

struct live_plan {
    uint64_t serial;                     /* grows */
    const struct live_array *array;      /* NULL: no session, nothing is subscribed to */
    const struct array_model *model;     /* for the array's pixels; NULL: heights are not known either */
    uint64_t model_version;
    const uint8_t *look;                 /* n_pixels (live_analyse_look) */
    struct channel_tally *tally;         /* n_channels */
};

struct plan_exchange {
    _Atomic(const struct live_plan *) plan;   /* written by the book */
    _Atomic uint64_t adopted, followed;       /* serials in use, written by ingest and by follow */
    bool is_followed;                         /* there is a follow thread */
};

#endif
