/* daemon/learning_desk_parts.h - what learning_desk.c (making, the other threads' side) and learning_desk_work.c (the learner thread's) share.
 * Private to them. */
#ifndef TESD_DAEMON_LEARNING_DESK_PARTS_H
#define TESD_DAEMON_LEARNING_DESK_PARTS_H

#include "daemon/learning_desk.h"
#include "daemon/pipeline.h"
#include "daemon/record_block.h"
#include "daemon/record_spool.h"

enum { ORDERS = 16, RESULTS = 4, STATES_MAX = 64 };

enum order_kind { ORDER_ARRAY, ORDER_BEGIN, ORDER_END, ORDER_MEASURE };

/* An array and what is kept of the model in force; owned whole. */
struct pixels {
    size_t n;
    struct learning_channel *channels;     /* names and kept filters */
    char (*names)[64];
    struct calibration_table *before;      /* NULL: none */
    uint32_t n_good;
};

struct order { enum order_kind order; enum learning_state kind; struct scan_event event; struct pixels pixels; uint64_t serial; };

struct state {
    enum learning_state kind;
    struct scan_event event;
    int64_t end_ns;                /* INT64_MAX: goes on */
    uint32_t group;                /* of the spool */
    bool to_learn;                 /* it has ended, and its turn has not come */
};

struct learning_job {              /* on its thread, from _begin to _over */
    struct pipeline_job_thread *thread;   /* NULL: none */
    struct learning_input input;
    struct learning_settings settings;
    struct scan_timeline *timeline;
    struct array_model *model;
    bool learnt;
};

struct saving {                    /* of an accepted one, on a thread that may wait for the disk; it is told afterwards */
    struct pipeline_job_thread *thread;   /* NULL: none */
    const char *path;              /* the settings' */
    struct learnt_result result;
};

struct learning_desk {
    struct learning_desk_settings settings;
    struct record_block **blocks;
    struct ring *ring, *orders, *results;
    struct order order_room[ORDERS];
    struct posted { struct learnt_result result; uint64_t serial; } result_room[RESULTS];
    _Atomic bool learning;
    /* the book's: */
    unsigned open, waiting;                /* states begun and not ended; ended (or to be measured) and without a result taken */
    bool handing_over;                     /* new filters are being taken over: records are still wanted */
    uint64_t told;                         /* serial of the array it speaks of */
    /* the learner's: */
    struct pixels pixels;
    uint64_t serial;
    struct record_spool *spool;            /* NULL: no array */
    size_t n_states;
    struct state states[STATES_MAX];       /* by start */
    uint32_t behind;                       /* group of what came after the last state; 0: none */
    int64_t behind_from_ns;
    uint32_t behind_group;                 /* that state's own, which holds those that came before its end was known */
    bool behind_kept;                      /* until they have been measured */
    char behind_label[32];
    bool noise_is_new;                     /* since the kept filters were learnt */
    uint32_t noise_group;                  /* the newest; 0: none */
    bool keep;
    uint32_t learning_group;               /* of the state that is learnt from; 0: none */
    struct learning_job job;
    struct saving saving;
    size_t n_groups;
    struct spool_part groups[STATES_MAX];  /* of the calibrations of the learning under way */
};

void learning_desk_pixels_done(struct pixels *p);
/* The model in force from now on: its filters and its last table are copied. False: no memory, and what was kept is kept. */
bool learning_desk_keep_model(struct pixels *p, const struct array_model *m);
uint32_t learning_desk_good_pixels(const struct calibration_table *t);   /* NULL: 0 */

/* The learner's thread: learning from all calibrations in d->states that have ended. False: r->why says why not. */
bool learning_desk_job_begin(struct learning_desk *d, struct learnt_result *r);
bool learning_desk_job_over(const struct learning_desk *d);                    /* while running: it may be ended without waiting */
void learning_desk_job_end(struct learning_desk *d, struct learnt_result *r);  /* waits for it; judges */
bool learning_desk_save_begin(struct learning_desk *d, const struct learnt_result *r);   /* accepted, to be kept: takes it over. False: no thread, and it is through */
void learning_desk_save_end(struct learning_desk *d, struct learnt_result *r);           /* waits; gives it back, kept or not */

#endif
