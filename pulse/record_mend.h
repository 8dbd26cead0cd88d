/* pulse/record_mend.h - a second look at a record that has been cut: do its samples wrap, did it jump by flux quanta, is the readout
 * out of lock, or at the end of its range?   record --record_mend--> the same, made whole if it can be, or the reason why not
 * Normal records never come here, so none of this costs them anything; of the others most are pile-up, so the look is short. */
#ifndef TESD_PULSE_RECORD_MEND_H
#define TESD_PULSE_RECORD_MEND_H

#include <stdbool.h>
#include <stdint.h>

#include "pulse/dot_kernel.h"
#include "pulse/pulse_record.h"

enum { JUMPS_OF_LOCKED = 2 };

struct mended_record {
    struct pulse_record record;    /* of the samples below; meaningful when turned or n_jumps > 0 */
    uint32_t turn;                 /* the frame they are in (sample_turn.h) */
    bool turned;                   /* it wraps in the pixel's own frame and not in this one */
    uint32_t n_jumps;              /* taken out */
    uint32_t cuts;                 /* CUT_UNLOCKED: a flat line, wraps in any frame, or more jumps than JUMPS_OF_LOCKED; CUT_SATURATED: a flat top */
    uint16_t samples[RECORD_SAMPLES_MAX];
};

/* record: in the pixel's own frame, whose turn is given. noise_sd: counts, what its quiet samples do not exceed. Records longer than
 * RECORD_SAMPLES_MAX, which no file has, are left alone. */
void record_mend(const struct dot_kernel *kernel, const struct pulse_record *record, uint32_t turn, float noise_sd, struct mended_record *out);

#endif
