/* daemon/model_store.h - a calibration as a file, CAL.h5: the model of every channel and the calibration tables learnt with them.
 *   models + tables --model_store_save--> CAL.h5 --model_store_load--> the same, bit for bit
 * Heights, cuts and energies computed with what was loaded are those of what was saved. Row p of a table belongs to channel p of
 * the store; the caller matches channels by number with those it has. */
#ifndef TESD_DAEMON_MODEL_STORE_H
#define TESD_DAEMON_MODEL_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/array_model.h"

enum { MODEL_STORE_VERSION = 12 };

/* False after logging path and reason. The file appears whole or not at all. */
bool model_store_save(const char *path, const struct array_model *m);
bool model_store_load(const char *path, struct array_model **out);
bool model_store_decode(const char *path, const void *bytes, size_t n, struct array_model **out);   /* of such a file, read already; path: for messages */

#endif
