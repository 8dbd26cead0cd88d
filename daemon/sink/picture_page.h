/* daemon/sink/picture_page.h - a page drawn with cairo, as PNG or SVG by the ending of its name.   painter --picture_page_write--> file */
#ifndef TESD_DAEMON_SINK_PICTURE_PAGE_H
#define TESD_DAEMON_SINK_PICTURE_PAGE_H

#include <cairo.h>
#include <stdbool.h>

typedef void picture_painter(cairo_t *c, const void *context);

/* Writes path.part and renames it, so that a picture is whole or not there. False after logging; the name must end in .png or .svg. */
bool picture_page_write(const char *path, int width, int height, picture_painter *painter, const void *context);

#endif
