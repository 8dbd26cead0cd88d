/* daemon/control/acquisition_calls.h - what the acquisition server is to be told, one call after the other, as the old scan server told it.
 *   paths, labels, channel names, triggers as they are --> [[method, argument], ...] for acquisition_call, one by one
 * Pure: new references, nothing is sent from here. */
#ifndef TESD_DAEMON_CONTROL_ACQUISITION_CALLS_H
#define TESD_DAEMON_CONTROL_ACQUISITION_CALLS_H

#include <jansson.h>
#include <stdbool.h>

json_t *acquisition_calls_write(const char *path, bool ljh, bool off);   /* path "": the acquisition's own */
json_t *acquisition_calls_stop_writing(void);
json_t *acquisition_calls_label(const char *label);
json_t *acquisition_calls_start(const char *source);

/* groups: its TRIGGER status, a list of settings with their ChannelIndices. */
bool acquisition_calls_has_pulse_triggers(const json_t *groups);
json_t *acquisition_calls_groups(const json_t *groups);                  /* as they stand there */
json_t *acquisition_calls_noise(const json_t *groups);                   /* all of them: record after record, whatever is in it */
/* Edge-multi triggers for every channel that is no error channel. names: its CHANNELNAMES status. level: counts above the baseline, negative for falling
 * pulses; monotone: samples that must go on rising. */
json_t *acquisition_calls_edge_multi(const json_t *names, int level, int monotone);

#endif
