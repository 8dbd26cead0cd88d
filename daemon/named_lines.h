/* daemon/named_lines.h - a line table by its name in config/lines, or a file of the same form. */
#ifndef TESD_DAEMON_NAMED_LINES_H
#define TESD_DAEMON_NAMED_LINES_H

#include "calib/line_table.h"

struct line_table *named_lines(const char *name);   /* "none": a table without lines. NULL after logging */

#endif
