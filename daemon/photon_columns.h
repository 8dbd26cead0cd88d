/* daemon/photon_columns.h - the columns of a photon block in the order, with the names and types, of /entry/photons. */
#ifndef TESD_DAEMON_PHOTON_COLUMNS_H
#define TESD_DAEMON_PHOTON_COLUMNS_H

#include <stddef.h>

#include "calib/photon_block.h"
#include "daemon/data_array.h"

enum { N_PHOTON_COLUMNS = 14 };

struct photon_column {
    const char *name, *units, *long_name;   /* units NULL: a code or an index */
    enum array_type type;
    size_t offset;                          /* of the pointer in struct photon_block */
};
extern const struct photon_column photon_columns[N_PHOTON_COLUMNS];

const void *photon_column_data(const struct photon_block *b, size_t column);  /* borrowed */

#endif
