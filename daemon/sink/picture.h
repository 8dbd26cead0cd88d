/* daemon/sink/picture.h - a scan's products as a picture for the logbook: RIXS map with colour bar, PFY with error bars. cairo.
 * The ending of `path` chooses: .png or .svg. False after logging path and reason. */
#ifndef TESD_DAEMON_SINK_PICTURE_H
#define TESD_DAEMON_SINK_PICTURE_H

#include <stdbool.h>

#include "calib/scan_products.h"

bool picture_name_good(const char *path);   /* ends in .png or .svg */

/* One page: the map (left, emission against incident energy, elastic line drawn, regions marked) and the PFY of the regions (right). */
bool picture_products(const char *path, const char *title, const struct scan_products *products);

#endif
