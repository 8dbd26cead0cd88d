/* daemon/sink/colour_map.h - value in 0..1 -> colour: viridis (matplotlib, CC0), evenly perceived, readable in grey and by the
 * colour-blind. Constant data. */
#ifndef TESD_DAEMON_SINK_COLOUR_MAP_H
#define TESD_DAEMON_SINK_COLOUR_MAP_H

#include <stdint.h>

uint32_t colour_map_rgb(double value);  /* 0x00RRGGBB; values outside 0..1 are held at the ends, NaN is the low end */

uint32_t colour_map_signed(double value);   /* -1 blue, 0 white, 1 red; NaN is white */

/* How counts become 0..1: linear while the weak parts can be seen, else square root, else logarithm. */
enum colour_scale { COLOUR_LINEAR, COLOUR_SQRT, COLOUR_LOG };
extern const char *const colour_scale_names[];
double colour_scale_apply(enum colour_scale s, double value, double top);   /* value and top in counts; 0 gives 0, top gives 1 */
double colour_scale_invert(enum colour_scale s, double fraction, double top);
/* typical: what most of the filled area shows; top: the brightest. */
enum colour_scale colour_scale_for(double typical, double top);

#endif
