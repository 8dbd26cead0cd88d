/* daemon/cli/calibrant.h - tesd calibrate --calibrant: what was learnt at several mono energies --> a line table of the user's own mix */
#ifndef TESD_DAEMON_CLI_CALIBRANT_H
#define TESD_DAEMON_CLI_CALIBRANT_H

#include <stdbool.h>

#include "calib/line_table.h"
#include "daemon/array_model.h"
#include "daemon/calibration_states.h"
#include "daemon/exit_code.h"

/* Before the work begins: a table that exists is not written over, because results go by its name. EXIT_USAGE after logging. */
enum exit_code calibrant_output_check(const char *path);

struct calibrant_request {
    const char *output;          /* TABLE.csv */
    const char *command_line;
    double mono_unc_eV;          /* of each mono energy */
    bool quiet;
};

/* Prints what was found, writes the table. EXIT_FAILED after logging. */
enum exit_code calibrant_write(const struct calibrant_request *request, const struct line_table *seed, const struct array_model *m, const struct calibration_states *states);

#endif
