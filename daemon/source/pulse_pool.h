/* daemon/source/pulse_pool.h - ready-made records of every pixel, for a twin that must be fast.
 *   plan + pixels --pulse_pool_new--> pulses of the calibration mix, noise, error signals --pulse_pool_pulse--> samples
 * Each is an honest record of the simulator, one pulse in it; what a pool cannot have is one signal through neighbouring records.
 * Immutable once made. */
#ifndef TESD_DAEMON_SOURCE_PULSE_POOL_H
#define TESD_DAEMON_SOURCE_PULSE_POOL_H

#include <stdint.h>

#include "calib/beamtime_pixel.h"
#include "pulse/summary_dastard.h"

struct pulse_pool;   /* opaque */
struct pooled_record {
    const uint16_t *samples;          /* n_samples of the array it was made for; owned by the pool */
    struct dastard_summary summary;
};

/* n_pulses, n_noise >= 1 records of each pixel. is_signed: samples are i16, 32768 below what the simulator says.
 * STATUS_NO_MEMORY. Threads as pipeline_run has them. */
struct pulse_pool_settings { uint32_t n_pulses, n_noise; bool is_signed; unsigned workers; };
enum status pulse_pool_new(const struct beamtime_array *array, const struct pulse_pool_settings *settings, struct pulse_pool **out);
void pulse_pool_free(struct pulse_pool *p);

/* k counts up without end: records come round again. */
struct pooled_record pulse_pool_pulse(const struct pulse_pool *p, uint32_t pixel, uint64_t k);
struct pooled_record pulse_pool_noise(const struct pulse_pool *p, uint32_t pixel, uint64_t k);
/* What an error channel shows: i16, about zero. */
struct pooled_record pulse_pool_error(const struct pulse_pool *p, uint64_t k);

#endif
