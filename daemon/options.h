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
#include "pulse/complaint.h"

enum { OPTIONS_MAX_ROI = 32, OPTIONS_TEXT = 256 };

struct options {
    struct { char lines[OPTIONS_TEXT], file[OPTIONS_TEXT]; double mono_eV; char curve[16], line_lock[16]; bool tails; } calibration;   /* mono 0: take it from the log; curve: a name of gain_fit.h; line_lock "": off */
    struct { double window_s, alarm_eV; char line[16]; } monitor;
    struct { char kernel[16]; bool neighbours; } analysis;                 /* "auto", or a name of pulse/dot_kernel.h */
    struct { struct energy_axis emission, loss; int64_t best_pixels; } rixs;   /* best_pixels 0: all good ones */
    struct { char xes[OPTIONS_TEXT], cee[OPTIONS_TEXT], cet[OPTIONS_TEXT], ipfy[OPTIONS_TEXT]; } products;          /* lists of windows: cut_list.h */
    struct { char i0_key[48]; double late_photon_s; } scan;                                      /* name in point_extras that holds I0 */
    struct { int64_t workers; } replay;                                    /* 0: one per core */
    struct { char mode[24], automatic[OPTIONS_TEXT], secondary[OPTIONS_TEXT]; double isolation_s; } trigger;  /* lists of channels: "3, 17, 100-120" */
    struct { char neighbours[OPTIONS_TEXT]; double neighbour_above_eV, neighbour_window_s; int64_t array_pixels; double array_window_s, array_hold_s; } veto;
    struct { char method[16]; } live_time;                                 /* "interval" or "array" */
    struct { bool compress, live; } archive;                               /* live: files of scans while tesd run measures them */
    struct { bool on; double flush_s, sync_s; } journal;
    struct { bool raw; int64_t memory_MiB, block_KiB; double flush_s; } record;   /* raw records of tesd run as LJH */
    struct { char engine[16]; double retry_s, patience_s; } disk;                     /* "auto", "uring", "pwrite" */
    struct { char host[64]; int64_t port, connections, workers; double block_s; } ingest;   /* the acquisition server; port: of its control */
    struct { char mode[8], folder[OPTIONS_TEXT], notice[16], reads[16], prefer[8]; double poll_s, rest_s, hold_s; } follow;
    struct { bool live; double spool_MiB; } learn;
    struct { char folder[OPTIONS_TEXT]; } output;                          /* where tesd run keeps runs; "": nowhere */
    struct {
        char host[64]; int64_t port;                                       /* scan points by JSON-RPC; port 0: none */
        char scan_host[64]; int64_t scan_port;                             /* the scan server's protocol; -1: none */
        bool drive; double wait_s;
        char log_folder[OPTIONS_TEXT], user_folder[OPTIONS_TEXT], beamtime[48];
        int64_t edge_multi_level, edge_multi_monotone;                     /* of set_pulse_triggers; level 0: as they stood before */
        char router[OPTIONS_TEXT]; int64_t recount_MiB;                    /* our own clients; "": none */
    } control;
    struct { char folder[OPTIONS_TEXT]; } keys;                            /* "": no CURVE, loopback alone */
    struct { char host[64]; int64_t port; } metrics;                       /* Prometheus; port 0: none */
    struct { char endpoint[OPTIONS_TEXT], photons[OPTIONS_TEXT]; } stream; /* "tcp://127.0.0.1:5560"; every photon, "": no such socket */
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
    double lo, hi;              /* range of numbers, inclusive; of texts: their shortest and longest length in bytes */
};
extern const struct option_row option_table[];
extern const size_t option_count;

/* ROIs of a run whose config has no roi list; "tfy" comes before them. */
extern const struct yield_region options_default_roi[];
extern const size_t options_default_roi_count;

enum { OPTIONS_FILE_LIMIT = 1 << 18, OPTIONS_MAX_FAULTS = 20 };

/* What is wrong with a config text, by line; each text says the value, what is allowed and the remedy. */
struct options_faults {
    uint32_t n, more;           /* kept in list; not kept because the list is full */
    struct complaint list[OPTIONS_MAX_FAULTS];
};

void options_defaults(struct options *o);
/* Text of a config file -> *o. False: *o untouched, *faults says why. */
bool options_parse(const uint8_t *bytes, size_t n, struct options *o, struct options_faults *faults);
/* path NULL: defaults alone. False after logging every fault with file, line and remedy (unknown key, bad value, out of range,
 * ROI with lo >= hi, duplicate ROI name, ...). *o is then unusable. */
bool options_load(const char *path, struct options *o);
void options_done(struct options *o);

#endif
