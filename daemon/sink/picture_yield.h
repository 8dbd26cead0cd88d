/* daemon/sink/picture_yield.h - PFY spectra of a scan drawn under each other, each in its colour, with error bars. */
#ifndef TESD_DAEMON_SINK_PICTURE_YIELD_H
#define TESD_DAEMON_SINK_PICTURE_YIELD_H

#include <cairo.h>

#include "calib/scan_products.h"
#include "daemon/sink/picture_axes.h"

enum { PICTURE_YIELDS = 4 };

struct picture_colour { double red, green, blue; };
extern const struct picture_colour picture_yield_colours[PICTURE_YIELDS];

/* The regions that have counts, the fullest PICTURE_YIELDS of them in the order of the products; *index names them. Returns how many. */
unsigned picture_yield_choose(const struct scan_products *p, uint32_t index[PICTURE_YIELDS]);

/* One panel per chosen region in the rectangle of `area`, sharing its x range. */
void picture_yield_draw(cairo_t *c, const struct scan_products *p, const uint32_t *index, unsigned n, const struct picture_axes *area, const char *x_label);

#endif
