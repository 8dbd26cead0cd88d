/* calib/beamtime_sim.h - the plan of a simulated beamtime: when which calibration or scan point runs, at what incident energy and flux,
 * and which photons a pixel meets.   settings --beamtime_sim_new--> plan --beamtime_sim_photons--> photons of one pixel
 * Order: calibration, those at other mono energies, then for each condition each edge its repeats, then the last calibration. Times are int64 ns since 1970 that
 * survive being written as seconds in double precision (ns = round(s x 1e9)). Immutable once made; any thread may ask. Pure. */
#ifndef TESD_CALIB_BEAMTIME_SIM_H
#define TESD_CALIB_BEAMTIME_SIM_H

#include <stddef.h>
#include <stdint.h>

#include "calib/line_table.h"
#include "calib/rixs_sim.h"
#include "pulse/status.h"

enum { BEAMTIME_MAX_CALIBRANT = 16, BEAMTIME_MAX_EDGES = 8, BEAMTIME_MAX_CONDITIONS = 8, BEAMTIME_NAME = 24 };

struct beamtime_settings {
    uint64_t seed;
    int64_t start_ns;             /* first frame of the pulse run */
    double rate_Hz;               /* photons/s of a pixel of sensitivity 1: in calibrations, and on average over an edge scan */
    uint32_t n_edges;
    const struct rixs_edge *edges[BEAMTIME_MAX_EDGES];
    uint32_t n_conditions;
    char conditions[BEAMTIME_MAX_CONDITIONS][BEAMTIME_NAME];
    double feature_strength[BEAMTIME_MAX_CONDITIONS];   /* rixs_feature.strength of each */
    uint32_t n_repeats, n_points;
    double dwell_s, move_s;
    double flux_step;             /* odd points of an edge scan have so many times the flux of even ones, at the same mean; 0 or 1: all alike */
    double calibration_s, mono_eV;
    double shower_Hz, shower_share;   /* shower_sim.h; 0: none */
    uint32_t n_calibrant;         /* further calibrations of the same length, after the first, at these mono energies */
    double calibrant_eV[BEAMTIME_MAX_CALIBRANT];
    const struct line_table *lines;   /* used while the plan is made */
};

enum stretch_kind { STRETCH_POINT, STRETCH_MOVING, STRETCH_PAUSE, STRETCH_CALIBRATION };

/* A piece of time with one incident energy. Stretches follow each other without gaps from start_ns on. */
struct beam_stretch {
    int64_t start_ns, end_ns;
    enum stretch_kind kind;
    int32_t scan;                 /* index into scans; -1 in pauses and before the first point */
    int32_t point;                /* of the scan; while moving, the point before; else -1 */
    double incident_eV;
    double rate_Hz;               /* photons/s of a pixel of sensitivity 1 */
    double i0, i0_sigma;          /* as recorded, nA; points only */
    uint32_t model;               /* index into models */
};

struct beam_scan {
    bool calibration;
    uint32_t number;              /* one counter for scans and calibrations */
    double mono_eV;               /* of a calibration; else NaN */
    uint32_t edge, condition;     /* indices of the settings; calibrations: 0 and the condition whose sample is in */
    uint32_t repeat;
    int64_t start_ns, end_ns;     /* state label, and the PAUSE after it */
    uint32_t first_stretch, n_points;  /* points and moves alternate from first_stretch on */
    double temperature_K;
};

struct beamtime_sim {
    struct beamtime_settings settings;  /* lines NULL */
    size_t n_stretches, n_scans, n_models;
    struct beam_stretch *stretches;
    struct beam_scan *scans;
    struct emission_model *models;
    int64_t end_ns;
};

enum status beamtime_sim_new(const struct beamtime_settings *settings, struct beamtime_sim **out);
void beamtime_sim_free(struct beamtime_sim *b);

/* Stretch of point p of a scan. */
const struct beam_stretch *beamtime_sim_point(const struct beamtime_sim *b, const struct beam_scan *scan, uint32_t p);

struct sim_photon {
    int64_t time_ns;              /* true arrival */
    double energy_eV;             /* deposited */
    uint32_t stretch;
    uint8_t kind;                 /* enum emission_kind */
};

/* Photons of a pixel by time: Poisson in each stretch at sensitivity x its rate, and hits of showers among them. soft_transmission: share of photons below 350 eV that
 * pass the window. *out is new, free() it. Depends on the plan, the seed and the pixel's number only. */
enum status beamtime_sim_photons(const struct beamtime_sim *b, uint32_t pixel, double sensitivity, double soft_transmission,
                                 struct sim_photon **out, size_t *n);

#endif
