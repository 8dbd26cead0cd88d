/* daemon/grade_windows.h - the windows of the grades of one pixel, the same for a run's file and while it is measured.
 *   pixel_model + trigger --grade_windows_make--> livetime_table */
#ifndef TESD_DAEMON_GRADE_WINDOWS_H
#define TESD_DAEMON_GRADE_WINDOWS_H

#include <stdbool.h>

#include "daemon/channel_record.h"
#include "daemon/trigger_mode.h"
#include "pulse/livetime.h"
#include "pulse/pixel_model.h"

/* shape: what the channel's records are like (for OFF with their basis). isolation_s: setting trigger.isolation_s, 0: by the pulse and the
 * reach of its tail. False: not known, so the pixel has no live time. */
bool grade_windows_make(const struct pixel_model *m, const struct channel_shape *shape, enum trigger_kind kind, double isolation_s, struct livetime_table *out);

/* What the variance of counts needs of a table (scan_products.h has them per pixel). */
struct grade_spans { double window_s, unresolved_s, tail_s; };
struct grade_spans grade_windows_spans(const struct livetime_table *t);

#endif
