/* calib/emission_model.h - what a sample emits under one incident energy: a mixture of lines.  components --sample--> energy_eV
 * Simulation only; plain values. Intensities are relative until somebody scales them. */
#ifndef TESD_CALIB_EMISSION_MODEL_H
#define TESD_CALIB_EMISSION_MODEL_H

#include <stdint.h>

#include "pulse/random_stream.h"

enum emission_kind {
    EMISSION_LINE,          /* a calibration line */
    EMISSION_FLUORESCENCE,  /* at constant emission energy */
    EMISSION_INELASTIC,     /* at constant loss */
    EMISSION_ELASTIC,
    EMISSION_FEATURE,       /* the weak O K feature that differs between conditions */
    EMISSION_CONTINUUM,     /* evenly spread over gauss_fwhm_eV around the centre */
    EMISSION_SHOWER,        /* no photon at all: a hit by a cosmic ray (shower_sim.h) */
    N_EMISSION_KINDS
};
extern const char *const emission_kind_names[N_EMISSION_KINDS];

struct emission_component {
    enum emission_kind kind;
    double centre_eV, lorentz_fwhm_eV, gauss_fwhm_eV;  /* Voigt; both widths 0: a line of no width */
    double intensity;
};

enum { EMISSION_MAX = 160 };

struct emission_model {
    uint32_t n;
    double total;           /* sum of intensities */
    struct emission_component components[EMISSION_MAX];
};

/* Components of no intensity are left out, and so is what exceeds EMISSION_MAX (an assert). */
void emission_model_add(struct emission_model *m, struct emission_component c);
void emission_model_scale(struct emission_model *m, double factor);
double emission_model_total(const struct emission_model *m, enum emission_kind kind);

/* Lorentzian wings end 25 eV from the centre (drawn anew), so that no energy is absurd. total > 0. */
double emission_model_sample(const struct emission_model *m, struct random_stream *r, enum emission_kind *kind);

#endif
