/* pulse/summary_dastard.h - DASTARD's record summaries (port base + 4): dastard_summary --encode--> frame 0 of a message.
 * 48 bytes, little-endian; frame 1 is the model's coefficients as f64, empty without a model.
 *
 *   off size field                                    off size field
 *     0  u16 channel INDEX                              20  f32 pulse RMS above the pretrigger mean, behind the trigger
 *     2  u16 header version, 0                          24  f32 pulse average above the pretrigger mean
 *     4  u32 presamples                                 28  f32 standard deviation of what the model leaves
 *     8  u32 samples                                    32  i64 time of the trigger sample, ns since 1970 UTC
 *    12  f32 pretrigger mean                            40  i64 frame of the trigger sample
 *    16  f32 peak value above the pretrigger mean */
#ifndef TESD_PULSE_SUMMARY_DASTARD_H
#define TESD_PULSE_SUMMARY_DASTARD_H

#include <stdint.h>

#include "pulse/pulse_record.h"

enum { DASTARD_SUMMARY_BYTES = 48 };

struct dastard_summary {   /* counts */
    float pretrigger_mean, peak_value, pulse_rms, pulse_average, residual_sd;
};

/* Of a record of unsigned samples; at least 8 behind the trigger and 4 before it. residual_sd is 0: there is no model. */
struct dastard_summary dastard_summary_of(const struct pulse_record *record);

void dastard_summary_encode(uint16_t channel_index, const struct pulse_record *record, const struct dastard_summary *s, uint8_t header[DASTARD_SUMMARY_BYTES]);

#endif
