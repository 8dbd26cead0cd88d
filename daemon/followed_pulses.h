/* daemon/followed_pulses.h - pulses that another one follows before their record ends are measured again, by a filter cut to the gap.
 *   rows + second pulses --> gaps;   their records once more + gap --pulse/gap_filter--> height, cuts, sigma of those rows
 * Only where what comes after a record may be known when it is measured: not with a frozen, causal model. */
#ifndef TESD_DAEMON_FOLLOWED_PULSES_H
#define TESD_DAEMON_FOLLOWED_PULSES_H

#include <stddef.h>

#include "calib/photon_block.h"
#include "daemon/source/channel_reader.h"
#include "daemon/stage/analyse.h"
#include "daemon/stage/grade.h"
#include "pulse/measured_pulse.h"

/* Row i of the block is pulses[i], whose record stands at places[i]; secondary rows are marked. seconds: by row. */
void followed_pulses_measure(const struct analyse_settings *s, struct channel_reader *reader, const struct channel_place *places, const struct inner_event *seconds,
                             size_t n_seconds, struct measured_pulse *pulses, struct photon_block *block);

#endif
