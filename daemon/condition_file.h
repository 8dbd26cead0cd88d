/* daemon/condition_file.h - one condition of a sample as a NeXus file of ours holds it: a sum of repeats, or one scan.
 *   OUT.nxs, sum_GROUP_* or *_NNNN --condition_file_read--> map and PFYs with exposures, points by energy
 * Reads what replay and merge wrote, through nexus_group.h. One thread (HDF5). */
#ifndef TESD_DAEMON_CONDITION_FILE_H
#define TESD_DAEMON_CONDITION_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/condition_compare.h"
#include "daemon/h5_input.h"
#include "daemon/nexus_group.h"

enum { CONDITION_YIELDS = 64, CONDITION_NAME = 96 };

struct condition_yield {
    char name[CONDITION_NAME];
    double roi_eV[2];
    struct condition_curve curve;
};

struct condition {
    char name[CONDITION_NAME];           /* "heated_O", or "scan_0003" */
    bool by_i0;                          /* exposures are I0 x live time, else live time */
    uint32_t n_points;
    uint32_t *row;                       /* k-th point by energy -> row of the file */
    double *incident_eV;                 /* by energy */
    struct nexus_group *map;             /* rixs, rows of the file */
    double map_weight;                   /* sum of sensitivities behind its live time */
    size_t n_yields;
    struct condition_yield yields[CONDITION_YIELDS];
};

/* Names of the conditions of a file: sums, in order; of a file without sums its scans. malloc'ed array of malloc'ed texts. */
char **condition_file_names(struct h5_input *in, hid_t entry, size_t *n);
/* False after logging. by_i0: I0 is known at some point, and wanted. */
bool condition_file_read(struct h5_input *in, hid_t entry, const char *name, bool want_i0, struct condition *out);
void condition_done(struct condition *c);
/* What counts of the map at its point k (by energy) are divided by; 0: unknown. */
double condition_exposure(const struct condition *c, uint32_t k);

#endif
