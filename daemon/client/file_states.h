/* daemon/client/file_states.h - the products of a finished NeXus file as the states of a stream, so that whoever shows one shows the other.
 *   OUT.nxs: rixs_, loss_, pfy_, ipfy_, xes_ of scans and of sums --nexus_group--> stream_state --> told, in order of scans, sums last,
 *   and how repeats agree (file_repeats.h)
 * What belongs to a scan or a sum carries `set` in its header: "scan 4", "sum ab_O"; with a name before it where several files are shown. */
#ifndef TESD_DAEMON_CLIENT_FILE_STATES_H
#define TESD_DAEMON_CLIENT_FILE_STATES_H

#include "daemon/client/stream_state.h"

typedef bool file_state_told(void *context, const struct stream_state *state);   /* false: no more, please */

/* name "": the only file. Its products; false after logging: it cannot be read, or holds none. */
bool file_states_read(const char *path, const char *name, file_state_told *told, void *context);

#endif
