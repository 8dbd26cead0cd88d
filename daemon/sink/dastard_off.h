/* daemon/sink/dastard_off.h - the header of an OFF 0.3 file as the acquisition server writes it: JSON and the two matrices.
 *   array + channel + projection --dastard_off_header--> bytes.   Records follow (pulse/record_off.h, off_record_encode). */
#ifndef TESD_DAEMON_SINK_DASTARD_OFF_H
#define TESD_DAEMON_SINK_DASTARD_OFF_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/dastard_array.h"
#include "pulse/off_projection.h"

/* A new text with the matrices behind it, *n bytes; free() it. start_ns: when the server began. NULL: no memory. */
uint8_t *dastard_off_header(const struct dastard_array *a, const struct dastard_channel *c, const struct off_projection *p, int64_t start_ns, size_t *n);

#endif
