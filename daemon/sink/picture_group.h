/* daemon/sink/picture_group.h - any product of a NeXus file as a picture: a map with its colour bar, or curves with error bars.
 *   nexus_group --picture_group--> PNG or SVG with title, axes, units */
#ifndef TESD_DAEMON_SINK_PICTURE_GROUP_H
#define TESD_DAEMON_SINK_PICTURE_GROUP_H

#include <stdbool.h>

#include "daemon/nexus_group.h"

/* False after logging: no axis, no signal that can be drawn, or the file cannot be written. */
bool picture_group(const char *path, const struct nexus_group *g);

#endif
