/* daemon/client/file_states.h - the products of a finished NeXus file as the states of a stream, so that whoever shows one shows the other.
 *   OUT.nxs: rixs_NNNN, loss_NNNN, pfy_NNNN_ROI --nexus_group--> stream_state --> told, in order of scans */
#ifndef TESD_DAEMON_CLIENT_FILE_STATES_H
#define TESD_DAEMON_CLIENT_FILE_STATES_H

#include "daemon/client/stream_state.h"

typedef bool file_state_told(void *context, const struct stream_state *state);   /* false: no more, please */

/* False after logging. */
bool file_states_read(const char *path, file_state_told *told, void *context);

#endif
