/* pulse/trigger_sim.h - which photons of a simulated pixel get a record, and where it starts, by the rules of the acquisition server.
 *   deposits + disturbances --trigger_sim_run--> triggers + the fate of every deposit
 * edge-multi (contaminated records): every pulse that rises by the level over 4 samples gets a full record, records may overlap; a pulse
 * that arrives while the one before still rises is merged with it (never resolved below 0.7, always beyond 1.0 of the time to the
 * maximum); the kink fit moves the trigger by up to one sample. edge: blind for n_samples + 1 after a trigger; what arrives meanwhile is
 * hidden, or fires late when it still rises at the end. Works on the noiseless signal. Pure. */
#ifndef TESD_PULSE_TRIGGER_SIM_H
#define TESD_PULSE_TRIGGER_SIM_H

#include <stddef.h>
#include <stdint.h>

#include "pulse/pixel_sim.h"
#include "pulse/pulse_sim.h"

enum trigger_mode { TRIGGER_EDGE_MULTI, TRIGGER_EDGE };

enum deposit_fate {
    FATE_RECORDED,   /* triggered its own record */
    FATE_MERGED,     /* not resolved from the photon before: its energy is in that record's first pulse */
    FATE_HIDDEN,     /* edge mode: arrived while the trigger was blind */
    FATE_BELOW,      /* too small for the level, or on too steep a tail */
    FATE_OUTSIDE,    /* its record would begin before the run or end after it */
    N_FATES
};
extern const char *const deposit_fate_names[N_FATES];

enum { NO_DEPOSIT = -1 };

struct trigger {
    int64_t frame;      /* trigger sample; the record starts n_presamples earlier */
    int64_t deposit;    /* index of the photon that fired it; NO_DEPOSIT for a fault */
};

struct trigger_settings {
    enum trigger_mode mode;
    uint32_t n_samples, n_presamples;
    int64_t n_frames;   /* length of the run */
};

/* Faults of a pixel over n_frames, by frame; returns how many there are and writes at most max of them (call with max 0 to ask:
 * `random` is not advanced, so that both calls agree). */
size_t trigger_sim_faults(const struct pixel_sim *p, int64_t n_frames, const struct random_stream *random, struct disturbance *out, size_t max);

/* triggers: room for train.n + n_faults, by frame, returned count; fate and trigger_of: train.n entries, trigger_of = index of the trigger
 * whose record holds the photon as (part of) its first pulse, -1 when none. */
size_t trigger_sim_run(const struct pixel_sim *p, const struct trigger_settings *settings, struct pulse_train train,
                       const struct disturbance *faults, size_t n_faults, struct random_stream *random,
                       struct trigger *triggers, uint8_t *fate, int64_t *trigger_of);

#endif
