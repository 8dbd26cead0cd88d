/* daemon/dastard_record.h - one record on its way out of the twin, to the ports and to files. */
#ifndef TESD_DAEMON_DASTARD_RECORD_H
#define TESD_DAEMON_DASTARD_RECORD_H

#include <stdbool.h>

#include "pulse/record_dastard.h"
#include "pulse/summary_dastard.h"

struct dastard_record {
    struct dastard_message message;   /* samples are borrowed from the source until it makes its next block */
    struct dastard_summary summary;
    bool secondary;                   /* of a group trigger: not counted in TRIGGERRATE; nothing on the port says so */
};

#endif
