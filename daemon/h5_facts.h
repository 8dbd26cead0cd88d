/* daemon/h5_facts.h - facts about our own HDF5 files (NeXus archives, calibrations) for inspect. */
#ifndef TESD_DAEMON_H5_FACTS_H
#define TESD_DAEMON_H5_FACTS_H

#include <jansson.h>

#include "pulse/complaint.h"
#include "pulse/status.h"

enum status h5_facts(const char *path, json_t *facts, struct complaint *why);

#endif
