/* daemon/config_path.h - where the line tables are.  "nslsii-mix" --> "/usr/share/tesd/lines/nslsii-mix.csv" */
#ifndef TESD_DAEMON_CONFIG_PATH_H
#define TESD_DAEMON_CONFIG_PATH_H

#include <stdbool.h>
#include <stddef.h>

enum { CONFIG_PATH = 4096 };

/* A text that contains '/' or ends in .csv is the path of a file. A plain name is looked for as NAME.csv in $TESD_CONFIG/lines, else
 * in config/lines of the source tree whose build folder holds the program, else in PREFIX/share/tesd/lines.
 * False after logging where it looked and what tables there are; path[] is then untouched. */
bool config_path_lines(const char *name, char path[CONFIG_PATH]);

#endif
