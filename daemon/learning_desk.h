/* daemon/learning_desk.h - learning while data flow: what a live session hears of noise runs and calibrations teaches its pixels in the
 * background.   record_blocks of a state + begin, end --step--> learning_from (the same code as `calibrate`) --> learnt_result
 *
 *   ingest thread    puts records into _ring while *_learning is true (ring full: refused and counted there)
 *   book thread      _begin, _end, _result, _measure
 *   learner thread   _step; everything else of this file is its own. Learning itself, which may take a minute of CPU when a calibration has
 *                    ended, is a job in the background (pipeline.h): the ring is emptied meanwhile
 *
 * Records belong to the state that holds their stamp, whichever way and whenever they come, until the book says _end: then nothing older is
 * missing. A calibration rests on all calibrations that are still kept (record_spool.h), as `calibrate` rests on all of its input; the
 * filters of the model in force are kept where they fit, unless noise was recorded since they were learnt: then they are learnt anew.
 * A new calibration is accepted when it gives curves to at least half as many pixels as the one in force, and at least one; else the one in
 * force stays, and the result says why. Bounded: the ring, the spool's file, and what learning itself takes (about 50 bytes a record). */
#ifndef TESD_DAEMON_LEARNING_DESK_H
#define TESD_DAEMON_LEARNING_DESK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/learning.h"
#include "daemon/live_array.h"
#include "daemon/ring.h"
#include "daemon/scan_event.h"
#include "pulse/measured_pulse.h"

enum learning_state { LEARN_NOISE, LEARN_CALIBRATION };

struct learning_desk_settings {
    struct learning_settings learning;   /* lines, mono_eV, form, rules; borrowed. workers: 1 unless there are cores to spare */
    const char *folder;                  /* for the spool's file */
    const char *kept;                    /* file in which an accepted calibration is kept, and beside it under its id (calibration_id.h); "" none. Both borrowed */
    uint64_t spool_bytes;
    size_t ring_blocks, block_rows, block_samples;   /* of the ring; block_samples: of one block's arena */
    struct off_bases *bases;             /* of the OFF records that come; borrowed. NULL: those are refused and counted */
};

/* What comes of a state; and, when an accepted calibration has new filters, once more what comes of _measure. */
struct learnt_result {
    struct array_model *model;     /* row i: pixel i. The taker's from now on; NULL: not accepted, or this is of _measure */
    char label[32];                /* of the calibration learnt from; "" for noise */
    char why[200];                 /* why not accepted, or not measured; "" */
    bool nothing;                  /* not accepted because no record came: the state was told twice, or was over at once */
    uint32_t n_good, n_good_before;   /* pixels with a good curve: of this one, of the one in force */
    bool kept;                     /* in the file of the settings: a disk that does not answer delays the result, and nothing else */
    bool filters_new;              /* some heights mean something else now: rows measured before cannot be given new energies */
    bool measured;                 /* of _measure: the records that came since the calibration's end, measured with the new filters. Pulses of pixel i
                                    * are behind[first[i]..first[i + 1]), by epoch and frame. free() both */
    struct measured_pulse *behind;
    size_t *first;                 /* n_pixels + 1 */
};
void learnt_result_done(struct learnt_result *r);

struct learning_desk;   /* opaque */

/* False after logging. Without an array nothing is learnt. */
bool learning_desk_new(const struct learning_desk_settings *settings, struct learning_desk **out);
void learning_desk_free(struct learning_desk *d);   /* no thread uses it any more */

struct ring *learning_desk_ring(struct learning_desk *d);                       /* of record_blocks */
const _Atomic bool *learning_desk_learning(const struct learning_desk *d);      /* records are wanted */

/* From now on this array (NULL: none), with this model in force (NULL: none; its rows are the array's pixels). Both are copied as far as they are
 * needed. What was recorded is forgotten, and what was learnt of the array before never becomes a result. False: no memory, or too many wait;
 * then nothing is learnt until it is called again. */
bool learning_desk_array(struct learning_desk *d, const struct live_array *array, const struct array_model *in_force);
/* A state begins at e->time_ns (label, number and incident_eV of a calibration; LEARN_NOISE looks at the time alone) and ends where the next
 * begins or at _end, which is to be called once the watermark has passed the end. False: too many wait. */
bool learning_desk_begin(struct learning_desk *d, enum learning_state kind, const struct scan_event *e);
bool learning_desk_end(struct learning_desk *d, int64_t time_ns);
bool learning_desk_result(struct learning_desk *d, struct learnt_result *out);  /* false: none yet */
/* After a result with new filters, once every record that comes to the ring from now on is measured with them elsewhere: those since the
 * calibration's end that came before are measured, and one more result says so. Until then they are kept. False: too many wait. */
bool learning_desk_measure(struct learning_desk *d);
bool learning_desk_awaited(const struct learning_desk *d);                      /* a result will come of a state that has ended */

bool learning_desk_step(struct learning_desk *d);                               /* false: nothing to do now, sleep a little */
bool learning_desk_job_running(const struct learning_desk *d);                  /* the learner's: something is being learnt in the background */

/* Noise or calibration, by an experiment state's label: "CALn" and "CALIBRATIONn"; "NOISE...". False: neither. */
bool learning_state_of_label(const char *label, enum learning_state *out);

#endif
