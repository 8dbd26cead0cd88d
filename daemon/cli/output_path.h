/* daemon/cli/output_path.h - can the output be written, asked before the work and not after it. */
#ifndef TESD_DAEMON_CLI_OUTPUT_PATH_H
#define TESD_DAEMON_CLI_OUTPUT_PATH_H

#include "daemon/exit_code.h"

/* For an HDF5 file to be made at `path`: the folder is there and can be written, and what stands at `path` now, if anything, is an
 * older HDF5 file or empty, so that no pulse file, log or config is ever written over. EXIT_GOOD, else the exit status after
 * logging path and remedy. */
enum exit_code output_path_check(const char *path);
/* For a picture: its folder, and an ending that says the format. */
enum exit_code output_path_check_picture(const char *path);

#endif
