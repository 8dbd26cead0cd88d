/* calib/rixs_sim.h - what the sample of a simulated beamtime does with the beam: absorption edges, fluorescence, resonant inelastic
 * scattering, elastic line, and the O K feature (531 eV in, 523 eV out) that tells two conditions apart.
 *   edge + incident energy + condition --rixs_sim_point--> emission_model
 * The sample is a layered oxide of Mn, Co and Ni with carbon in it. Numbers are those of real measurements where there are any
 * (positions of L3, L2, La, Lb), the rest is of plausible size. Pure. */
#ifndef TESD_CALIB_RIXS_SIM_H
#define TESD_CALIB_RIXS_SIM_H

#include <stddef.h>
#include <stdint.h>

#include "calib/emission_model.h"
#include "calib/line_table.h"

struct rixs_edge {
    char name[8];                 /* "mn", "co", "ni", "o": as in --edges */
    double lo_eV, hi_eV;          /* incident range of a scan */
    double fine_lo_eV, fine_hi_eV;  /* where points stand four times as dense */
};
extern const struct rixs_edge rixs_edges[];
extern const size_t rixs_edge_count;
const struct rixs_edge *rixs_edge_named(const char *name);   /* NULL: no such edge */

/* n >= 2 set points from lo to hi, ascending, rounded to 0.01 eV. */
void rixs_edge_points(const struct rixs_edge *e, size_t n, double *incident_eV);

/* The feature: Gaussian in incident energy, Gaussian in emission; photons at its top as a share of the O K fluorescence there. */
struct rixs_feature { double incident_eV, incident_sd_eV, emission_eV, emission_fwhm_eV, strength; };
extern const struct rixs_feature rixs_feature_shape;   /* strength 0 */

/* Emission of the sample; intensities relative to the incident flux. feature NULL or strength 0: none. */
void rixs_sim_point(double incident_eV, const struct rixs_feature *feature, struct emission_model *out);
/* Mean of total over the points of an edge without the feature: what makes the unit of --rate. */
double rixs_edge_mean(const struct rixs_edge *e, size_t n_points);

/* The calibration mix: lines of the table with its own profiles, and the elastic line at mono_eV. A line that mono_eV does not
 * excite is left out. Total is 1. */
void rixs_sim_calibration(const struct line_table *lines, double mono_eV, struct emission_model *out);

#endif
