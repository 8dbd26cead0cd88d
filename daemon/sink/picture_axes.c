#include "daemon/sink/picture_axes.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const double number_size = 15, label_size = 17, tick = 6;

double picture_axes_x(const struct picture_axes *a, double x) { return a->left + a->width * (x - a->x_lo) / (a->x_hi - a->x_lo); }

double picture_axes_y(const struct picture_axes *a, double y) { return a->top + a->height * (a->y_hi - y) / (a->y_hi - a->y_lo); }

void picture_axes_clip(cairo_t *c, const struct picture_axes *a) {
    cairo_rectangle(c, a->left, a->top, a->width, a->height);
    cairo_clip(c);
}

void picture_text(cairo_t *c, double x, double y, double size, enum picture_anchor anchor, const char *text) {
    cairo_text_extents_t extents;
    cairo_set_font_size(c, size);
    cairo_text_extents(c, text, &extents);
    double share = anchor == ANCHOR_LEFT ? 0 : anchor == ANCHOR_CENTRE ? 0.5 : 1;
    cairo_move_to(c, x - share * extents.x_advance, y);
    cairo_show_text(c, text);
    cairo_new_path(c);
}

void picture_text_up(cairo_t *c, double x, double y, double size, const char *text) {
    cairo_save(c);
    cairo_translate(c, x, y);
    cairo_rotate(c, -1.5707963267948966);
    picture_text(c, 0, 0, size, ANCHOR_CENTRE, text);
    cairo_restore(c);
}

double picture_axes_step(double range, double wanted) {
    double raw = range / wanted, decade = pow(10, floor(log10(raw))), m = raw / decade;
    return decade * (m < 1.5 ? 1 : m < 3.5 ? 2 : m < 7.5 ? 5 : 10);
}

static void number_text(double value, double step, char *text, size_t n) {
    int decimals = step < 1 ? (int)ceil(-log10(step) - 1e-9) : 0;
    snprintf(text, n, "%.*f", decimals, fabs(value) < step * 1e-6 ? 0.0 : value);
    if (text[0] == '-') {  /* the typographic minus is as wide as the digits */
        char digits[48];
        snprintf(digits, sizeof digits, "%s", text + 1);
        snprintf(text, n, "\xe2\x88\x92%s", digits);
    }
}

static void line(cairo_t *c, double x0, double y0, double x1, double y1) {
    cairo_move_to(c, x0, y0);
    cairo_line_to(c, x1, y1);
    cairo_stroke(c);
}

static void x_ticks(cairo_t *c, const struct picture_axes *a, bool numbers) {
    double step = picture_axes_step(a->x_hi - a->x_lo, a->width / 95), bottom = a->top + a->height;
    step = a->x_whole ? fmax(step, 1) : step;
    for (double k = ceil(a->x_lo / step - 1e-9); k * step <= a->x_hi + step * 1e-9; k++) {
        double x = picture_axes_x(a, k * step);
        char text[64];
        line(c, x, bottom, x, bottom + tick);
        number_text(k * step, step, text, sizeof text);
        if (numbers)
            picture_text(c, x, bottom + tick + number_size, number_size, ANCHOR_CENTRE, text);
    }
}

/* Draws numbers divided by 10^*power and returns the width of the widest. */
static double y_ticks(cairo_t *c, const struct picture_axes *a, bool numbers, int *power) {
    double step = picture_axes_step(a->y_hi - a->y_lo, a->height / 60), top = fmax(fabs(a->y_lo), fabs(a->y_hi)), widest = 0;
    *power = top >= 1e5 || top < 0.05 ? (int)floor(log10(top)) : 0;
    double unit = pow(10, *power);
    for (double k = ceil(a->y_lo / step - 1e-9); k * step <= a->y_hi + step * 1e-9; k++) {
        double y = picture_axes_y(a, k * step);
        char text[64];
        cairo_text_extents_t extents;
        line(c, a->left - tick, y, a->left, y);
        number_text(k * step / unit, step / unit, text, sizeof text);
        if (numbers)
            picture_text(c, a->left - tick - 4, y + number_size * 0.36, number_size, ANCHOR_RIGHT, text);
        cairo_set_font_size(c, number_size);
        cairo_text_extents(c, text, &extents);
        widest = fmax(widest, extents.x_advance);
    }
    return widest;
}

static void power_text(int power, char *text, size_t n) {
    static const char *const digits[] = { "⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹" };
    char number[16];
    snprintf(number, sizeof number, "%d", power);
    snprintf(text, n, "10");
    for (const char *d = number; *d; d++)
        snprintf(text + strlen(text), n - strlen(text), "%s", *d == '-' ? "⁻" : digits[*d - '0']);
}

void picture_axes_draw(cairo_t *c, const struct picture_axes *a, const char *x_label, const char *y_label) {
    cairo_set_source_rgb(c, 0.1, 0.1, 0.1);
    cairo_set_line_width(c, 1.2);
    cairo_rectangle(c, a->left, a->top, a->width, a->height);
    cairo_stroke(c);
    x_ticks(c, a, x_label != NULL);
    int power;
    double widest = y_ticks(c, a, y_label != NULL, &power);
    if (x_label)
        picture_text(c, a->left + a->width / 2, a->top + a->height + tick + number_size + label_size + 6, label_size, ANCHOR_CENTRE, x_label);
    if (y_label) {
        char text[200], factor[64] = "";
        if (power)
            power_text(power, factor, sizeof factor);
        snprintf(text, sizeof text, "%s%s%s%s", y_label, power ? " (" : "", factor, power ? ")" : "");
        picture_text_up(c, a->left - tick - 4 - widest - 12, a->top + a->height / 2, label_size, text);
    }
}

void picture_axes_mark_right(cairo_t *c, const struct picture_axes *a, double y, double number) {
    char text[64];
    double right = a->left + a->width, at = picture_axes_y(a, y);
    snprintf(text, sizeof text, "%.3g", number);
    line(c, right, at, right + tick, at);
    picture_text(c, right + tick + 4, at + number_size * 0.36, number_size, ANCHOR_LEFT, text);
}

void picture_axes_image(cairo_t *c, const struct picture_axes *a, const uint32_t *rgb, int width, int height) {
    cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    if (cairo_surface_status(s) == CAIRO_STATUS_SUCCESS) {
        unsigned char *bytes = cairo_image_surface_get_data(s);
        for (int j = 0; j < height; j++)
            memcpy(bytes + (ptrdiff_t)j * cairo_image_surface_get_stride(s), rgb + (size_t)j * (size_t)width, (size_t)width * sizeof *rgb);
        cairo_surface_mark_dirty(s);
        cairo_save(c);
        cairo_translate(c, a->left, a->top);
        cairo_scale(c, a->width / width, a->height / height);
        cairo_set_source_surface(c, s, 0, 0);
        cairo_pattern_set_filter(cairo_get_source(c), CAIRO_FILTER_NEAREST);
        cairo_paint(c);
        cairo_restore(c);
    }
    cairo_surface_destroy(s);
}

void picture_axes_slices(cairo_t *c, const struct picture_axes *a, uint32_t (*colour)(double value)) {
    enum { SLICES = 200 };
    for (int k = 0; k < SLICES; k++) {
        const uint32_t rgb = colour((k + 0.5) / SLICES);
        cairo_set_source_rgb(c, (rgb >> 16 & 255) / 255.0, (rgb >> 8 & 255) / 255.0, (rgb & 255) / 255.0);
        cairo_rectangle(c, a->left, a->top + a->height * (1 - (k + 1.0) / SLICES), a->width, a->height / SLICES + 0.6);
        cairo_fill(c);
    }
    cairo_set_source_rgb(c, 0.1, 0.1, 0.1);
    cairo_rectangle(c, a->left, a->top, a->width, a->height);
    cairo_stroke(c);
}
