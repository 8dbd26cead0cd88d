/* daemon/nexus_group.h - one product of a NeXus file as it stands there: the arrays of an NXdata group, in memory as doubles.
 *   OUT.nxs --nexus_group_read--> arrays, axes, window --> tables for spreadsheets and Athena
 * Reads any NXdata of numbers, so a product that is new to the file is exported the day it exists. All HDF5 calls on one thread. */
#ifndef TESD_DAEMON_NEXUS_GROUP_H
#define TESD_DAEMON_NEXUS_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/data_array.h"
#include "daemon/h5_input.h"

enum { NEXUS_NAME = 128, NEXUS_TEXT = 256, NEXUS_ARRAYS = 48 };

struct nexus_array {
    char name[NEXUS_NAME], units[NEXUS_TEXT], long_name[NEXUS_TEXT];   /* "" where the file says nothing */
    unsigned rank;
    uint64_t shape[ARRAY_MAX_RANK];
    double *values;              /* C order */
};

struct nexus_group {
    char name[NEXUS_NAME], title[NEXUS_TEXT];
    char signal[NEXUS_NAME], axes[2][NEXUS_NAME];
    unsigned n_axes;
    char normalised_by[NEXUS_TEXT];   /* "": not a yield */
    bool has_roi;
    double roi_eV[2];
    size_t n_scans;              /* of a sum; 0: none named */
    int32_t scan_numbers[256];
    size_t n_arrays;
    struct nexus_array arrays[NEXUS_ARRAYS];
};

/* NULL after logging: not an NXdata, more than 2^31 elements, no memory. Free with nexus_group_free. */
struct nexus_group *nexus_group_read(struct h5_input *in, hid_t entry, const char *name);
void nexus_group_free(struct nexus_group *g);
const struct nexus_array *nexus_group_array(const struct nexus_group *g, const char *name);   /* NULL: none */

/* Names of the groups below `entry` that are NXdata, in order of name: malloc'ed array of *n malloc'ed texts. NULL after logging. */
char **nexus_group_names(struct h5_input *in, hid_t entry, size_t *n);
void nexus_group_names_free(char **names, size_t n);

#endif
