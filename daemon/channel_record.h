/* daemon/channel_record.h - one record of one channel on its way from a source to a stage: samples or OFF coefficients, with the
 * time and frame that order it. Samples are borrowed from the source until its reader is closed. */
#ifndef TESD_DAEMON_CHANNEL_RECORD_H
#define TESD_DAEMON_CHANNEL_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "pulse/pulse_record.h"
#include "pulse/record_off.h"

struct channel_record {
    int64_t time_ns;               /* the record's own stamp, floored to 1 us */
    int64_t frame;
    bool coefficients;             /* which of the two below is meant */
    bool gap_before;               /* between this and the record before it not all is known: torn records, or a restart of the electronics */
    struct pulse_record samples;
    struct off_record off;
};

/* Stamps are floored to 1 us before anything is made of them; the lowest of all, which no clock says, is raised instead. */
static inline int64_t channel_record_time(int64_t ns) {
    int64_t rest = ns % 1000;
    return rest >= 0 ? ns - rest : ns < INT64_MIN + 1000 ? ns - rest : ns - rest - 1000;
}

struct channel_shape {             /* what all records of a channel have in common */
    bool coefficients;
    uint32_t n_samples, n_presamples;
    double sample_period_s;
    uint32_t n_bases;
    double misfit;                 /* OFF: of its projectors to its basis (pulse/off_projection.h) */
    const double *basis;           /* OFF: n_samples x n_bases row-major, borrowed; NULL for samples */
};

/* What pixel_model_from_off asks of an OFF header. */
static inline struct off_header channel_shape_header(const struct channel_shape *s) {
    return (struct off_header){ .n_bases = s->n_bases, .n_samples = s->n_samples, .n_presamples = s->n_presamples, .frame_period_s = s->sample_period_s };
}

#endif
