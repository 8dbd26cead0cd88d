/* daemon/crowded_pulses.h - pulses with another one too near are measured again, by the filters for them.
 *   rows + second pulses + windows --> gaps before and behind;   their records once more + gap --pulse/gap_filter, pixel_tail--> height, cuts, sigma
 * Behind: before the record ends (grade mid), by a filter cut to the gap. Before: within the time that tails reach (grade tail), by the filter that
 * is blind to them. Where all events of the channel are known; else, and with a frozen, causal model, each record is measured by what it shows itself
 * (pixel_model_measure_crowded). */
#ifndef TESD_DAEMON_CROWDED_PULSES_H
#define TESD_DAEMON_CROWDED_PULSES_H

#include <stddef.h>

#include "calib/photon_block.h"
#include "daemon/source/channel_reader.h"
#include "daemon/stage/analyse.h"
#include "daemon/stage/grade.h"
#include "pulse/livetime.h"
#include "pulse/measured_pulse.h"

/* Row i of the block is pulses[i], whose record stands at places[i]; secondary rows are marked. seconds: by row. windows: of the pixel's grades;
 * NULL: not known, and nothing is measured again. */
void crowded_pulses_measure(const struct analyse_settings *s, struct channel_reader *reader, const struct channel_place *places, const struct livetime_table *windows,
                            const struct inner_event *seconds, size_t n_seconds, struct measured_pulse *pulses, struct photon_block *block);

/* Where the trigger leaves no trace of what it drops: a pulse that stands on the tail of one without a record is a photon (calib/lossy_trigger.h). */
void crowded_pulses_measure_unseen(const struct analyse_settings *s, struct channel_reader *reader, const struct channel_place *places, struct measured_pulse *pulses,
                                   struct photon_block *block);

#endif
