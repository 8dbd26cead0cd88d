/* pulse/phase_wave.h - sine and cosine of a phase, for corrections of every photon: libm's cost as much each as all the rest.
 *   turns --> sin(2 pi turns), cos(2 pi turns), each right to 1e-6, which corrections multiply by some thousandths
 * By the half angle y = pi r with r = turns less the nearest whole number: |y| <= pi / 2, where Taylor's series to y^11 and y^12 are right to
 * 6e-8; then sin 2y = 2 sin y cos y and cos 2y = 1 - 2 sin^2 y. No branch and no call, so that a loop of it becomes one of vectors
 * (wide_loop.h). In doubles to their last bit it took four times as long. */
#ifndef TESD_PULSE_PHASE_WAVE_H
#define TESD_PULSE_PHASE_WAVE_H

#include "pulse/wide_loop.h"

struct phase_wave { float sine, cosine; };

/* |turns| < 2^21 */
WIDE_LOOP static inline struct phase_wave phase_wave_of(float turns) {
    const float to_whole = 0x1.8p23F;   /* adding that rounds to whole numbers */
    const float whole = turns + to_whole, y = 3.14159265F * (turns - (whole - to_whole)), z = y * y, z2 = z * z, z4 = z2 * z2;
    const float odd = (1 - z * (1.F / 6)) + z2 * (1.F / 120 - z * (1.F / 5040)) + z4 * (1.F / 362880 - z * (1.F / 39916800));
    const float even = (1.F / 2 - z * (1.F / 24)) + z2 * (1.F / 720 - z * (1.F / 40320)) + z4 * (1.F / 3628800 - z * (1.F / 479001600));
    const float s = y * odd, c = 1 - z * even;
    return (struct phase_wave){ 2 * s * c, 1 - 2 * s * s };
}

#endif
