/* daemon/options.h - the settings of a run: one table of rows (name, unit, default, range, help) from which the YAML schema,
 * the checks, the sample config, the reference page and --help all follow.   config file (YAML) --> struct options
 * Nodes get their own small settings from it, never the whole struct. */
#ifndef TESD_DAEMON_OPTIONS_H
#define TESD_DAEMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/rixs_map.h"
#include "calib/yield_region.h"

enum { OPTIONS_MAX_ROI = 32, OPTIONS_TEXT = 256 };

struct options {
    struct { char lines[OPTIONS_TEXT]; double mono_eV; } calibration;     /* mono 0: take it from the log */
    struct { struct energy_axis emission, loss; } rixs;
    struct { char i0_key[48]; } scan;                                      /* name in point_extras that holds I0 */
    struct { int64_t workers; } replay;                                    /* 0: one per core */
    struct { bool compress; } archive;
    struct { char endpoint[OPTIONS_TEXT]; } stream;                        /* "tcp://127.0.0.1:5560" */
    uint32_t n_roi;
    struct yield_region roi[OPTIONS_MAX_ROI];                              /* config list `roi: [{name, lo_eV, hi_eV}]`; "tfy" always there */
    char *text;                                                            /* the config file as read, "" without one; for provenance */
};

enum option_kind { OPT_TEXT, OPT_NUMBER, OPT_INTEGER, OPT_BOOL };

struct option_row {
    const char *name;           /* "rixs.emission_bin_eV": section.key as in the file */
    const char *unit;           /* "" for none */
    const char *default_text;   /* parsed by the same code as the file */
    const char *help;           /* one line */
    enum option_kind kind;
    size_t offset;              /* in struct options */
    double lo, hi;              /* range of numbers, inclusive */
};
extern const struct option_row option_table[];
extern const size_t option_count;

void options_defaults(struct options *o);
/* path NULL: defaults alone. False after logging every fault with file, line and remedy (unknown key, bad value, out of range,
 * ROI with lo >= hi, duplicate ROI name, ...). *o is then unusable. */
bool options_load(const char *path, struct options *o);
void options_done(struct options *o);

#endif
