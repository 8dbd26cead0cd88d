/* calib/beamtime_pixel.h - one pixel of a simulated beamtime: the photons it meets, the triggers they fire, its samples.
 *   plan + pixels --beamtime_pixel_meet--> photons, fates, triggers --beamtime_pixel_stream--> samples of any record
 * The files of a simulated beamtime and the twin of the acquisition server both come from here, so that the same settings give the
 * same records on disk and on the port. Depends on the settings and the pixel's number only. Pure. */
#ifndef TESD_CALIB_BEAMTIME_PIXEL_H
#define TESD_CALIB_BEAMTIME_PIXEL_H

#include <stddef.h>
#include <stdint.h>

#include "calib/beamtime_sim.h"
#include "pulse/pixel_sim.h"
#include "pulse/trigger_sim.h"

struct beamtime_array {           /* borrows plan and pixels */
    const struct beamtime_sim *plan;
    const struct pixel_sim *pixels;
    uint32_t n_pixels;
    uint64_t seed;
    double period_s;
    uint32_t n_samples, n_presamples;
    enum trigger_mode trigger;
    double stamp_jitter_s;        /* of the stamps of a block of 50 ms against the frame count, 1 sigma */
};

int64_t beamtime_frames(const struct beamtime_array *a);   /* length of the pulse run */
/* Stamp of a frame; runs are told apart by their number. Stamps of one block share one error, whatever the channel. */
int64_t beamtime_stamp_ns(const struct beamtime_array *a, int64_t start_ns, uint64_t run, int64_t frame);

struct beamtime_pixel {
    struct sim_photon *photons;
    size_t n;
    uint8_t *fate;                /* enum deposit_fate of each photon */
    int64_t *trigger_of;          /* its trigger, -1 none */
    struct trigger *triggers;     /* by frame */
    size_t n_triggers;
    struct deposit *own, *neighbour[2];
    struct pulse_train train, neighbours[2];
    struct disturbance *faults;
    size_t n_faults;
};

/* STATUS_NO_MEMORY; *out is untouched then. */
enum status beamtime_pixel_meet(const struct beamtime_array *a, uint32_t pixel, struct beamtime_pixel *out);
void beamtime_pixel_done(struct beamtime_pixel *p);

/* Samples of the pulse run; borrows p until pulse_stream_free. */
enum status beamtime_pixel_stream(const struct beamtime_array *a, uint32_t pixel, const struct beamtime_pixel *p, struct pulse_stream **out);

#endif
