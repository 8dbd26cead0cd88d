/* daemon/live_final.h - a run that is over -> its NeXus file, by the same code as replay, while the next run goes on.
 *   pulse_store + scans + model --reprocess_run--> ..._runNNNN.nxs
 * The job owns what it is given; it runs on a thread of pipeline (pipeline_background) and touches nothing else. */
#ifndef TESD_DAEMON_LIVE_FINAL_H
#define TESD_DAEMON_LIVE_FINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/scan_timeline.h"
#include "daemon/array_model.h"
#include "daemon/live_array.h"
#include "daemon/options.h"
#include "daemon/pulse_store.h"

struct live_final {
    struct options options;           /* as they stood at the run's end; its text is borrowed, as are array and model */
    const struct live_array *array;
    const struct array_model *model;
    struct pulse_store *pulses;       /* owned; gone after the work */
    struct scan *scans;               /* owned: those told, and states without a file */
    size_t n_scans;
    uint64_t *lost;                   /* owned: of each pixel of the array, records that were triggered in the run and never came; NULL: not known */
    struct pulse_bounds bounds;       /* records outside are not of the run */
    const char *boot;                 /* of this start of the program: what earlier ones journalled of the run belongs into its file; NULL: nobody did */
    uint32_t n_samples;
    double sample_period_s;
    char folder[512];                 /* where the file goes, and where *_acquisition.json lies */
    char logs[512];                   /* the acquisition's own folder: states and scan logs; "" none */
    char base_name[96];
    const char *calibration_path;
    const char *path, *state, *command_line;   /* NULL: FOLDER/BASE.nxs, "prelim", "tesd run" */
    bool good;                        /* after the work */
};

void live_final_work(void *final);    /* a struct live_final; logs */
void live_final_done(struct live_final *f);

#endif
