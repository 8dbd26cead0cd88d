#include "daemon/sink/picture_page.h"

#include <cairo-svg.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/sink/picture.h"

static bool ends_with(const char *path, const char *ending) {
    size_t n = strlen(path), m = strlen(ending);
    return n > m && strcasecmp(path + n - m, ending) == 0;
}

bool picture_name_good(const char *path) {
    return ends_with(path, ".svg") || ends_with(path, ".png");
}

static cairo_status_t to_file(void *file, const unsigned char *bytes, unsigned n) {
    return fwrite(bytes, 1, n, file) == n ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

/* The stream is ours: cairo's own file writing gives no reason, and leaks when the file cannot be made. */
static cairo_status_t paint(FILE *file, bool svg, int width, int height, picture_painter *painter, const void *context) {
    cairo_surface_t *s = svg ? cairo_svg_surface_create_for_stream(to_file, file, width, height) : cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    cairo_t *c = cairo_create(s);
    painter(c, context);
    cairo_status_t result = cairo_status(c);
    cairo_destroy(c);
    if (result == CAIRO_STATUS_SUCCESS && !svg)
        result = cairo_surface_write_to_png_stream(s, to_file, file);
    cairo_surface_finish(s);
    if (result == CAIRO_STATUS_SUCCESS)
        result = cairo_surface_status(s);
    cairo_surface_destroy(s);
    return result;
}

static bool write_part(const char *path, const char *part, int width, int height, picture_painter *painter, const void *context) {
    FILE *file = fopen(part, "wb");
    if (!file) {
        log_error("%s: cannot write the picture: %s", path, strerror(errno));
        return false;
    }
    cairo_status_t result = paint(file, ends_with(path, ".svg"), width, height, painter, context);
    bool closed = fclose(file) == 0;
    if (result == CAIRO_STATUS_SUCCESS && closed && rename(part, path) == 0)
        return true;
    log_error("%s: cannot write the picture: %s", path, result == CAIRO_STATUS_SUCCESS || result == CAIRO_STATUS_WRITE_ERROR ? strerror(errno) : cairo_status_to_string(result));
    unlink(part);
    return false;
}

bool picture_page_write(const char *path, int width, int height, picture_painter *painter, const void *context) {
    char *part = NULL;
    if (!picture_name_good(path)) {
        log_error("%s: a picture's name must end in .png or .svg", path);
        return false;
    }
    if (asprintf(&part, "%s.part", path) < 0) {
        log_error("%s: cannot draw the picture: out of memory", path);
        return false;
    }
    const bool written = write_part(path, part, width, height, painter, context);
    free(part);
    return written;
}
