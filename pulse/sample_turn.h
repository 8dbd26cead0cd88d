/* pulse/sample_turn.h - samples whose 16 bits wrap around within a record: int16 in files that say nothing of signs, phases that leave
 * their range, flux quanta that add up (doc/methods.md, Records).   samples --+ turn, modulo 65536--> samples that do not wrap
 * The bits of int16 plus half a turn are the same numbers plus 32768; and whatever a pixel's baseline, pulses of less than half the
 * range wrap in one of the two frames at most. So a pixel is learnt in one frame, of which its model keeps the turn; a record that
 * wraps all the same is looked at in the other one. Pretrigger means are given less the turn: of int16 pixels they have their signs. */
#ifndef TESD_PULSE_SAMPLE_TURN_H
#define TESD_PULSE_SAMPLE_TURN_H

#include <stdbool.h>
#include <stdint.h>

#include "pulse/pulse_record.h"
#include "pulse/record_store.h"

enum { SAMPLE_TURN_NONE = 0, SAMPLE_TURN_HALF = 32768, SAMPLE_WRAP_SPAN = 49152 };

/* A record with samples so far apart holds a wrap, or nothing that a photon does. */
static inline bool sample_turn_wraps(uint16_t low, uint16_t high) {
    return high - low >= SAMPLE_WRAP_SPAN;
}

/* The frame in which fewer of the records wrap; none when hardly any does. */
uint32_t sample_turn_learn(const struct record_store *records);
void sample_turn_store(struct record_store *records, uint32_t turn);   /* all of them, where they are */
void sample_turn_copy(const sample_u16 *from, uint32_t n, uint32_t turn, uint16_t *to);

/* The same record with its samples in another frame; samples: room for n_samples of them, lent to it. */
struct pulse_record sample_turn_record(const struct pulse_record *record, uint32_t turn, uint16_t *samples);

/* A level measured in one frame, as it is given for a pixel of another. */
float sample_turn_level(float level, uint32_t turn, uint32_t pixel_turn);

#endif
