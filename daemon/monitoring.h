/* daemon/monitoring.h - every pixel watched in windows of some minutes: the wiring between records, calib/pixel_monitor and the archive.
 *   worker:      a channel's rows and residuals --monitoring_channel--> its values
 *   main thread: after the last --monitoring_finish--> alarms said, monitor_NAME groups written
 * Independent of the number of workers. */
#ifndef TESD_DAEMON_MONITORING_H
#define TESD_DAEMON_MONITORING_H

#include <stdbool.h>
#include <stddef.h>

#include "calib/photon_block.h"
#include "daemon/array_model.h"
#include "daemon/beamtime.h"
#include "daemon/scratch.h"
#include "daemon/sink/archive.h"

struct monitoring_settings {
    double window_s;
    double alarm_eV;
    const char *line;    /* of the calibration's line table; "": none */
};

struct monitoring;

/* Everything is borrowed and must outlive the monitoring. causal: energies are of the calibration before alone. False after logging. */
bool monitoring_new(const struct monitoring_settings *settings, const struct beamtime *b, const struct array_model *m, bool causal, struct monitoring **out);
void monitoring_free(struct monitoring *w);

/* A channel's rows in their order, and the residual of each row's pulse (measured_pulse.h). Any thread, a channel once. False: no memory. */
bool monitoring_channel(struct monitoring *w, struct scratch *scratch, size_t pixel, const float *residual, const struct photon_block *block);
/* Where the elastic line of a scan stands free: timeline index, n_points bytes (scan_elastic.h). Before _finish. */
void monitoring_free_points(struct monitoring *w, size_t timeline_index, const uint8_t *point_used);
bool monitoring_finish(struct monitoring *w, struct archive *a);

#endif
