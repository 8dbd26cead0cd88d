/* daemon/cli/offline_arguments.h - what replay and calibrate have in common on the command line, and what they do with it first. */
#ifndef TESD_DAEMON_CLI_OFFLINE_ARGUMENTS_H
#define TESD_DAEMON_CLI_OFFLINE_ARGUMENTS_H

#include <argp.h>
#include <stdbool.h>

#include "calib/line_table.h"
#include "daemon/beamtime.h"
#include "daemon/learning.h"
#include "daemon/named_lines.h"
#include "daemon/options.h"
#include "daemon/sink/report.h"

struct offline_arguments {
    const char *config;           /* -c; NULL: defaults */
    const char *lines;            /* --lines; NULL: from the config */
    struct beamtime_paths paths;  /* arrays point into argv's strings */
    int workers;                  /* -1: from the config */
    int quiet;
};

extern const struct argp offline_argp;   /* a child parser: its input is struct offline_arguments */

void offline_arguments_done(struct offline_arguments *a);

/* Config and line table. False after logging (exit code 2 for the config, 3 for the table through *exit_code). */
bool offline_settings(const struct offline_arguments *a, struct options *options, struct line_table **lines, int *exit_code);


/* The command line as one string for provenance; free() it. */
/* How to learn, by arguments and settings; .only is left out. Borrows lines. */
struct learning_settings offline_learning(const struct offline_arguments *a, const struct options *options, const struct line_table *lines);

char *offline_command_line(int argc, char **argv);

/* --report: the calibration as a page. spectra NULL: it was loaded, not learnt. False after logging. */
bool offline_report(const char *path, const struct beamtime *b, const struct array_model *m, const struct report_spectra *spectra, int argc, char **argv);

#endif
