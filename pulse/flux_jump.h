/* pulse/flux_jump.h - steps by whole flux quanta within a record: a readout that slips or is set back moves everything behind one sample
 * by a power of two of counts, or a multiple of one (doc/methods.md, Records).   samples --find--> jumps;   samples + jumps --remove--> samples
 * A jump is told from the rise of a pulse by its neighbours: it takes one sample, before and after which nothing much happens. What is
 * mended is judged like any other record afterwards, so a find may be wrong, but must not be believed alone. */
#ifndef TESD_PULSE_FLUX_JUMP_H
#define TESD_PULSE_FLUX_JUMP_H

#include <stdint.h>

#include "pulse/dot_kernel.h"
#include "pulse/pulse_record.h"

enum { FLUX_QUANTUM_LEAST = 128, FLUX_JUMPS_MAX = 8 };

struct flux_jump { uint32_t sample; int32_t counts; };   /* from this sample on everything is so much higher */

/* noise_sd: counts, of the pixel's samples. Differences are taken modulo 65536. Returns how many there are, of which the first
 * FLUX_JUMPS_MAX are in `jumps`. */
uint32_t flux_jumps_find(const struct dot_kernel *kernel, const sample_u16 *x, uint32_t n, float noise_sd, struct flux_jump jumps[FLUX_JUMPS_MAX]);
/* Modulo 65536. n_jumps <= FLUX_JUMPS_MAX, in order of samples. */
void flux_jumps_remove(uint16_t *x, uint32_t n, const struct flux_jump *jumps, uint32_t n_jumps);

#endif
