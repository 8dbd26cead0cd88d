/* daemon/client/file_repeats.h - how the repeats in a finished file agree, as a stream tells it:
 *   OUT.nxs: consistency_GROUP --h5_input--> keys of consistency/ --> told, under the topic consistency/GROUP/, one for each group of repeats
 * With a name before the group where several files are shown. Part of what file_states tells. */
#ifndef TESD_DAEMON_CLIENT_FILE_REPEATS_H
#define TESD_DAEMON_CLIENT_FILE_REPEATS_H

#include "daemon/client/file_states.h"
#include "daemon/h5_input.h"

/* names: of the groups below `entry`. name "": the only file. False after logging: it cannot be read. A file without repeats is a good one. */
bool file_repeats_tell(struct h5_input *in, hid_t entry, char *const *names, size_t n, const char *name, file_state_told *told, void *context);

#endif
