/* daemon/source/beamtime_logs.h - all that says when scans and calibrations were: experiment_state files and scan logs.
 *   run folders + log folders --collect--> scan_timeline
 * Only logs of the runs given are used: those whose time overlaps the records' (or the states') span; the rest is counted. */
#ifndef TESD_DAEMON_SOURCE_BEAMTIME_LOGS_H
#define TESD_DAEMON_SOURCE_BEAMTIME_LOGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/scan_timeline.h"

struct log_search {
    char *const *run_folders;    /* *_experiment_state.txt, logs/ *.json, and *_log (YAML) beside the pulses */
    size_t n_run_folders;
    char *const *log_folders;    /* --logs: the same kinds of files, directly in the folder or in its logs/ */
    size_t n_log_folders;
    const char *i0_key;
    const char *calibration;     /* label of a state that is one, too; "all": the span of the records, and no other calibration; NULL */
    int64_t first_ns, last_ns;   /* span of the records */
    struct scan *own;            /* scans and states known without a file; taken over (each is left empty) */
    size_t n_own;
};
struct log_counts { size_t states, logs, other_runs, refused; };

/* Each refused file is logged with place and remedy. False only when memory fails. */
bool beamtime_logs_collect(const struct log_search *search, struct scan_timeline **out, struct log_counts *counts);

#endif
