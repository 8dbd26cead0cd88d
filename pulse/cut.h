/* pulse/cut.h - reasons why a record is not a photon: bits, names, and the limits that a pixel's pulses are held to.
 * The lowest set bit is the reason a record is counted under. Order and names are a file contract (doc/nexus.md): append only. */
#ifndef TESD_PULSE_CUT_H
#define TESD_PULSE_CUT_H

#include <stdint.h>

enum cut {
    CUT_NO_MODEL,    /* the pixel has no learnt filter */
    CUT_NO_CURVE,    /* no accepted calibration curve */
    CUT_UNLOCKED,    /* the pixel lost its lock or is dead */
    CUT_SATURATED,   /* samples at the end of the ADC's range */
    CUT_SECONDARY,   /* group- or auto-triggered: not a photon of this pixel */
    CUT_SHORT,       /* torn, or not the model's length */
    CUT_PRETRIGGER,  /* pretrigger too noisy or sloped */
    CUT_PEAK_TIME,   /* maximum where no photon has it */
    CUT_LATE_RISE,   /* rises again after the peak: a second pulse */
    CUT_RESIDUAL,    /* shape is not that of a photon */
    CUT_VETO,        /* crosstalk or coincidence veto */
    CUT_JUMPED,      /* the pixel stands elsewhere since its calibration (lock_watch.h): its curve need not hold */
    N_CUTS
};
#define CUT_BIT(c) (UINT32_C(1) << (c))

extern const char *const cut_names[N_CUTS];  /* "no_model", "no_curve", ... */

/* Index of the reason, N_CUTS for cuts == 0. */
enum cut cut_reason(uint32_t cuts);

#endif
