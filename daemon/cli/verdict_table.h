/* daemon/cli/verdict_table.h - the table of pixels that replay and calibrate print: what each was worth, and why not. */
#ifndef TESD_DAEMON_CLI_VERDICT_TABLE_H
#define TESD_DAEMON_CLI_VERDICT_TABLE_H

#include <stdio.h>

#include "daemon/array_model.h"
#include "daemon/reprocess.h"

/* totals: one per pixel, or NULL when no photons were made yet. */
void verdict_table_print(FILE *to, const struct array_model *m, const struct pixel_totals *totals);

#endif
