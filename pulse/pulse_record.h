/* pulse/pulse_record.h - one triggered record of one pixel, as every source delivers it.
 * Plain struct, borrowed samples: whoever hands out the record owns `samples` and says until when. */
#ifndef TESD_PULSE_PULSE_RECORD_H
#define TESD_PULSE_PULSE_RECORD_H

#include <stddef.h>
#include <stdint.h>

/* A sample where it stands in a file: records follow headers of odd length, so no alignment is promised and none is
 * needed (x86-64 loads do not care); the type tells compilers and sanitizers so. Little-endian, as all our inputs. */
enum { RECORD_SAMPLES_MAX = 65536 };   /* in any file */

typedef uint16_t sample_u16 __attribute__((aligned(1), may_alias));

struct pulse_record {
    const sample_u16 *samples;  /* n_samples raw ADC counts, oldest first */
    uint32_t n_samples;
    uint32_t n_presamples;      /* samples before the trigger sample; < n_samples */
    uint32_t pixel;             /* index into our tables, 0..n_pixels-1; not DASTARD's channel number */
    float sample_period_s;
    const sample_u16 *next;     /* where other samples stand that are looked at next, to be asked for meanwhile; NULL: behind these, as in a file (dot_kernel.h) */
    int64_t trigger_time_ns;    /* since 1970-01-01 UTC, floored to 1 us (design: time is the record's own stamp) */
    int64_t trigger_frame;      /* frame counter of the electronics; orders the records of a channel within an epoch */
};

enum { RECORD_PIECES = 4 };
/* Asks for a quarter of what is looked at next, for a step of the work on this record: more at once comes no sooner than it is waited for. */
static inline void pulse_record_ask(const struct pulse_record *r, size_t piece) {
    enum { LINE = 64 };
    const size_t bytes = r->n_samples * sizeof *r->samples;
    for (size_t k = bytes * piece / RECORD_PIECES; r->next != NULL && k < bytes * (piece + 1) / RECORD_PIECES; k += LINE)
        __builtin_prefetch((const char *)r->next + k);
}

#endif
