/* daemon/sink/beamtime_writer.h - the files of a simulated beamtime, as the acquisition server and the scan server would have left them.
 *   plan + pixels --beamtime_write_pixel--> DIR/YYYYMMDD/0000 (noise) and 0001 (pulses), one LJH file a pixel and run
 *   plan          --beamtime_write_logs---> state files and logs/scanNNNN.json, logs/calibrationNNNN.json
 * Pixels are independent jobs: any thread, any order, the same bytes. */
#ifndef TESD_DAEMON_SINK_BEAMTIME_WRITER_H
#define TESD_DAEMON_SINK_BEAMTIME_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/beamtime_sim.h"
#include "pulse/pixel_sim.h"
#include "pulse/trigger_sim.h"

enum { BEAMTIME_PATH = 4096, BEAMTIME_LIMITS = 4 };
extern const double beamtime_limit_eV[BEAMTIME_LIMITS];   /* energies at which the resolution limit of a pixel is stated */

struct beamtime_writer {
    const struct beamtime_sim *plan;
    const struct pixel_sim *pixels;
    uint32_t n_pixels;
    uint64_t seed;
    double period_s;
    uint32_t n_samples, n_presamples, noise_records;
    enum trigger_mode trigger;
    double stamp_jitter_s;          /* of the stamps of a block of 50 ms against the frame count, 1 sigma */
    int64_t noise_start_ns;
    char day[16];                   /* YYYYMMDD */
    char folder[BEAMTIME_PATH];     /* DIR/YYYYMMDD */
};

/* What became of one pixel's photons; free with pixel_outcome_done. */
struct pixel_outcome {
    struct sim_photon *photons;
    size_t n;
    uint8_t *fate;                  /* enum deposit_fate */
    int64_t *record;                /* index of the record in the pixel's file, -1 none */
    int64_t *frame;                 /* trigger frame of that record, -1 none */
    int64_t *stamp_ns;              /* its stamp, whole us; INT64_MIN none */
    uint64_t n_records, n_fault_records, noise_pulses;
    double limit_fwhm_eV[BEAMTIME_LIMITS];   /* NaN where it cannot be computed */
};
void pixel_outcome_done(struct pixel_outcome *o);

uint32_t beamtime_channel(uint32_t pixel);    /* 1, 3, 5, ...: the even ones carry error signals in such arrays */

/* Makes DIR/YYYYMMDD/0000, 0001 and 0001/logs. */
bool beamtime_make_folders(const struct beamtime_writer *w);
/* False after logging path and reason; *out is then empty. */
bool beamtime_write_pixel(const struct beamtime_writer *w, uint32_t pixel, struct pixel_outcome *out);
bool beamtime_write_logs(const struct beamtime_writer *w);

#endif
