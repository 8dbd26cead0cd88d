/* calib/calibration_table.h - the energy calibration of the whole array from one calibration state: curves, anchors found,
 * verdicts, provenance.  heights of every pixel + line_table --calibration_table_learn--> table
 * A pixel without an accepted curve contributes nothing rather than a guess. Immutable once learnt. */
#ifndef TESD_CALIB_CALIBRATION_TABLE_H
#define TESD_CALIB_CALIBRATION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/calibration_curve.h"
#include "calib/line_match.h"
#include "calib/line_shape.h"
#include "calib/line_table.h"
#include "pulse/complaint.h"
#include "pulse/height_correction.h"
#include "pulse/status.h"

enum verdict { VERDICT_GOOD, VERDICT_STALE, VERDICT_AMBIGUOUS, VERDICT_BAD, VERDICT_NO_TABLE, N_VERDICTS };
extern const char *const verdict_names[N_VERDICTS];

struct anchor_fit {
    char line[16];                 /* "peak1", ... without a line table: then only height, counts (of the prominence) and fwhm_eV (NaN) mean something */
    double energy_eV, energy_unc_eV;
    double height, height_sigma;   /* centre */
    double fwhm_eV;                /* total, in eV of the local slope */
    double fwhm_sigma_eV;
    double counts;                 /* fitted area */
    double deviance_per_dof;       /* Poisson; about 1 for a good model */
    double residual_eV;            /* leave-one-out: curve without this anchor, minus energy; NaN for fewer than 4 anchors */
    /* The window that was fitted, for whoever draws it: bin i covers heights window_low + [i, i + 1) window_bin. */
    double window_low, window_bin; /* height units */
    double eV_per_unit;            /* slope of the window's energy axis */
    double gauss_fwhm_eV;          /* of the free Gaussian */
    double background_per_eV;
    double companion_counts, companion_offset_eV;  /* the line beside it that was in the model; 0 and 0: none */
    uint32_t window_bins;
    bool used;                     /* carries the curve (anchors); false: check line, only compared */
    double counts_sigma;
    double correlation[3];         /* of the errors: centre with width, centre with counts, width with counts */
    double own_fwhm_eV, companion_own_fwhm_eV;  /* Gaussian width the line has by itself in the model, beside the free one; NaN: the table's profile */
    double tail_fraction, tail_eV; /* of the array's low-energy tail in the model; 0: none */
};

/* How it is known which line is where (assignment.h). */
enum assigned_by { ASSIGNED_BY_NOTHING, ASSIGNED_BY_TEMPLATE, ASSIGNED_BY_CURVE_BEFORE, N_ASSIGNED_BY };
extern const char *const assigned_by_names[N_ASSIGNED_BY];

struct pixel_calibration {
    enum verdict verdict;
    char reason[240];              /* "" for good; why not, or what to know, in words a beamline scientist understands */
    uint32_t n_fits;
    struct anchor_fit fits[CURVE_MAX_ANCHORS];
    struct calibration_curve *curve;  /* NULL: none */
    double resolution_eV;          /* FWHM of the elastic line, else of the narrowest strong anchor less its intrinsic width; NaN */
    double resolution_sigma_eV;    /* NaN with it */
    uint32_t rank;                 /* 1: the best resolution of the array; 0: no curve, or resolution not known */
    double pulses;                 /* heights it was learnt from */
    struct height_correction correction;  /* of heights, before the curve; the references are this calibration's own */
    struct baseline_tracker at_end;   /* of the baseline when the calibration was over: whoever follows it causally goes on from there. weight 0: not known */
    double jump;                   /* height units: additive offset against the calibration before; 0 none, NaN not compared */
    bool jumped;                   /* the offset is a lock-point jump: flagged, never stretched over */
    double step;                   /* height units: how far a line moved within this calibration; then only the pulses after it count. 0 none, NaN not looked for */
    int64_t before_until_ns;       /* jumped: the calibration before is known to hold until then, and nothing holds from there to this one. 0: until
                                      this one starts (the jump was not looked for, or no photon saw it) */
    int64_t valid_from_ns;         /* the curve holds from here on when the lines moved within the calibration; 0: from its start */
    double shape_distance;         /* 0..1: share of the spectrum that lies elsewhere than in the typical pixel, beyond chance; NaN not compared */
    enum assigned_by assigned_by;
    double margin;                 /* of the best assignment of the pixel's own peaks to its second best, both scored by line_match.h; below
                                      MATCH_CLEAR_MARGIN they alone would not tell, negative: they say something else. NaN: no peaks to go by */
    uint32_t n_choices;            /* how its peaks could be assigned, best first: for an operator to see */
    struct line_match choices[MATCH_KEPT];  /* line[] counts lines of the table below */
};

/* One line in the typical pixel: what is common to all pixels is the table's (or the mix's), not the pixels'. */
struct table_line {
    char line[16];
    double energy_eV;
    bool anchor;
    uint32_t n;                    /* pixels that have it */
    double residual_eV, spread_eV; /* median and robust sigma over pixels of anchor_fit.residual_eV; NaN for none */
    double fault_eV;               /* how far the table's energy seems to be wrong (tabulated less true); 0: no evidence */
};

struct calibration_table {
    int32_t number;                /* CALn */
    int64_t start_ns, end_ns;
    double mono_eV;                /* NaN unknown */
    enum curve_form form;          /* of all its curves; calibration_form_set chooses another than the spline */
    char label[32];
    char line_table_name[64];
    char *line_table_text;
    uint32_t reference_pixel;      /* whose height units the array's template has; UINT32_MAX: no template with lines (all bad) */
    uint32_t template_pixels;      /* the template is the median of so many */
    double template_margin;        /* of the template's assignment to the second best; NaN: no lines in it */
    struct line_tail tail;         /* low-energy tail of all lines in all pixels; fraction 0: none */
    double resolution_eV;          /* of the typical pixel; NaN unknown */
    uint32_t n_lines;              /* all lines looked for: anchors by energy, check lines, elastic */
    struct table_line lines[CURVE_MAX_ANCHORS];
    char remark[240];              /* what the array as a whole says about the table or the mix; "" nothing */
    uint32_t n_pixels;
    struct pixel_calibration *pixels;
};

struct calibration_heights {       /* good pulses of one pixel in the calibration state; borrowed */
    const float *heights;          /* in the order of time */
    size_t n;
    const int64_t *time_ns;        /* of the same pulses; NULL: not known */
    double no_pulse, clipped;      /* 0..1: share of the pixel's records that are no pulses (jumps of the readout, noise), and whose pulse the
                                      range cut off; 0 where nobody counted. For the verdict only */
};

/* `before`: an earlier table of the same array (or NULL): its curves seed the assignment and show jumps.
 * The elastic line at mono_eV, when known, is fitted as a check line and as the measure of resolution, never as an anchor.
 * A table without any line ("none"): every pixel gets the list of its peaks, most prominent first, and the verdict "no table"; STATUS_OK.
 * An anchor that lies more than 4 eV (at 1 keV) off a smooth gain in all pixels alike is left out of the curves; remark says so.
 * STATUS_OK with *why set: what the remark says of the table. STATUS_TOO_FEW: no pixel could be calibrated (*why says what was missing); the table with its verdicts is delivered all the same. */
struct calibration_rules {
    bool tails;      /* take a low-energy tail of the elastic line, where it shows one, into the model of all lines */
};
enum status calibration_table_learn_by(const struct calibration_rules *rules, const struct line_table *lines, double mono_eV,
                                       const struct calibration_heights *pixels, uint32_t n_pixels, const struct calibration_table *before,
                                       struct calibration_table **out, struct complaint *why);

/* The same without tails. */
enum status calibration_table_learn(const struct line_table *lines, double mono_eV, const struct calibration_heights *pixels, uint32_t n_pixels,
                                    const struct calibration_table *before, struct calibration_table **out, struct complaint *why);
void calibration_table_free(struct calibration_table *t);
enum status calibration_table_copy(const struct calibration_table *from, struct calibration_table **out);   /* the same energies for all heights */

#endif
