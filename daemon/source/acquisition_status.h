/* daemon/source/acquisition_status.h - the acquisition server's status as it was kept beside a run: *_acquisition.json.
 *   {"TRIGGER": [...], "GROUPTRIGGER": {...}, "CHANNELNAMES": [...], ...}: topic -> the last body seen --> trigger mode of each channel
 * Bodies are DASTARD's own (its status stream); further topics and keys are ignored. */
#ifndef TESD_DAEMON_SOURCE_ACQUISITION_STATUS_H
#define TESD_DAEMON_SOURCE_ACQUISITION_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/trigger_mode.h"
#include "pulse/complaint.h"
#include "pulse/status.h"

struct channel_trigger { int32_t channel; struct trigger_mode mode; };

struct acquisition_status {
    size_t n;
    struct channel_trigger *channels;   /* those whose trigger is known */
};

/* A channel that receives group triggers is secondary as a whole: nothing tells its copies from records of its own. Channels without a
 * group in TRIGGER, or with all triggers off, are not listed unless they are secondary. */
enum status acquisition_status_parse(const uint8_t *bytes, size_t n, struct acquisition_status *out, struct complaint *why);
/* All *_acquisition.json of the folders, in order; what a later one says of a channel wins. Bad ones are logged and left out. False: no memory. */
bool acquisition_status_collect(char *const *folders, size_t n_folders, struct acquisition_status *out);
void acquisition_status_done(struct acquisition_status *s);

/* NULL: not known. */
const struct trigger_mode *acquisition_status_find(const struct acquisition_status *s, int32_t channel);

#endif
