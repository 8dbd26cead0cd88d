/* daemon/model_store.h - a calibration as a file, CAL.h5: the model of every channel and the calibration tables learnt with them.
 *   models + tables --model_store_save--> CAL.h5 --model_store_load--> the same, bit for bit
 * Heights, cuts and energies computed with what was loaded are those of what was saved. Row p of a table belongs to channel p of
 * the store; the caller matches channels by number with those it has. */
#ifndef TESD_DAEMON_MODEL_STORE_H
#define TESD_DAEMON_MODEL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/calibration_table.h"
#include "pulse/pixel_model.h"

struct model_channel {
    uint32_t number;            /* DASTARD's channel number; unique in the store */
    char name[64];
    struct pixel_model *model;  /* NULL: nothing could be learnt */
};

struct model_store {
    size_t n_channels, n_tables;
    struct model_channel *channels;    /* owned, with their models */
    struct calibration_table **tables; /* owned; n_pixels == n_channels */
};

enum { MODEL_STORE_VERSION = 1 };

/* False after logging path and reason. The file appears whole or not at all. */
bool model_store_save(const char *path, const struct model_store *store);
bool model_store_load(const char *path, struct model_store **out);
void model_store_free(struct model_store *store);
/* Position of a channel number in the store; SIZE_MAX: not there. */
size_t model_store_find(const struct model_store *store, uint32_t number);

#endif
