/* daemon/sink/picture_axes.h - a rectangle of the page with a data range: frame, ticks, numbers and labels, drawn with cairo. */
#ifndef TESD_DAEMON_SINK_PICTURE_AXES_H
#define TESD_DAEMON_SINK_PICTURE_AXES_H

#include <cairo.h>
#include <stdbool.h>
#include <stdint.h>

struct picture_axes {
    double left, top, width, height;   /* page units (pixels of the PNG), y downwards */
    double x_lo, x_hi, y_lo, y_hi;     /* data; lo < hi */
    bool x_whole;                      /* x is a number of something: no ticks between whole ones */
};

double picture_axes_x(const struct picture_axes *a, double x);
double picture_axes_y(const struct picture_axes *a, double y);
void picture_axes_clip(cairo_t *c, const struct picture_axes *a);

/* Frame with ticks. Numbers and labels only where a label is given (NULL: ticks alone). Values on y that are very small or large are shown
 * divided by a power of ten, which is added to the label. */
void picture_axes_draw(cairo_t *c, const struct picture_axes *a, const char *x_label, const char *y_label);
/* A tick with its number at the right side of the frame, at data height y. */
void picture_axes_mark_right(cairo_t *c, const struct picture_axes *a, double y, double number);

/* Colours 0x00rrggbb, row 0 at the top, stretched over the frame. */
void picture_axes_image(cairo_t *c, const struct picture_axes *a, const uint32_t *rgb, int width, int height);
/* A colour bar: colours of 0 to 1 from the bottom up, and its frame. */
void picture_axes_slices(cairo_t *c, const struct picture_axes *a, uint32_t (*colour)(double value));

enum picture_anchor { ANCHOR_LEFT, ANCHOR_CENTRE, ANCHOR_RIGHT };
void picture_text(cairo_t *c, double x, double y, double size, enum picture_anchor anchor, const char *text);  /* y: baseline */
void picture_text_up(cairo_t *c, double x, double y, double size, const char *text);  /* turned, reading upwards, centred on (x, y) */
/* The step of 1, 2 or 5 times a power of ten that gives about `wanted` ticks over the range. */
double picture_axes_step(double range, double wanted);

#endif
