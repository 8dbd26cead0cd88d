#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cairo.h>
#include <cmocka.h>

#include "daemon/sink/colour_map.h"
#include "daemon/sink/picture.h"
#include "tests/daemon/made_folder.h"
#include "tests/daemon/made_scan.h"

/* Distinct colours on a line across the picture: an empty frame has few, a map has many. */
static unsigned colours_at(cairo_surface_t *s, int column) {
    static uint8_t seen[1 << 24];
    memset(seen, 0, sizeof seen);
    const unsigned char *bytes = cairo_image_surface_get_data(s);
    unsigned n = 0;
    for (int j = 0; j < cairo_image_surface_get_height(s); j++) {
        uint32_t rgb;
        memcpy(&rgb, bytes + (ptrdiff_t)j * cairo_image_surface_get_stride(s) + (ptrdiff_t)column * 4, 4);
        n += !seen[rgb & 0xffffff];
        seen[rgb & 0xffffff] = 1;
    }
    return n;
}

static unsigned colours_of(struct made_plan plan, const char *name) {
    struct made_scan *m = made_scan_new(plan);
    assert_true(picture_products(in_folder(name), "A title", m->products));
    made_scan_free(m);
    cairo_surface_t *s = cairo_image_surface_create_from_png(in_folder(name));
    assert_int_equal(cairo_surface_status(s), CAIRO_STATUS_SUCCESS);
    assert_int_equal(cairo_image_surface_get_width(s), 1600);
    assert_int_equal(cairo_image_surface_get_height(s), 860);
    unsigned n = colours_at(s, 300);
    cairo_surface_destroy(s);
    return n;
}

static void a_map_is_drawn_in_many_colours(void **state) {
    (void)state;
    unsigned n = colours_of((struct made_plan){ .number = 3, .n_points = 243, .n_pixels = 4, .n_photons = 60000, .i0 = true, .incident = true, .seed = 1 }, "map.png");
    print_message("%u colours\n", n);
    assert_true(n > 30);
}

static void odd_maps_are_drawn_too(void **state) {
    (void)state;
    assert_true(colours_of((struct made_plan){ .n_points = 10, .n_pixels = 2, .incident = true }, "empty.png") < 30);
    colours_of((struct made_plan){ .n_points = 1, .n_pixels = 2, .n_photons = 1, .incident = true, .seed = 2 }, "one.png");
    colours_of((struct made_plan){ .n_points = 25, .n_pixels = 2, .n_photons = 900, .seed = 3 }, "index.png");
}

static void points_may_come_in_any_order_and_twice(void **state) {
    (void)state;
    struct made_scan *m = made_scan_new((struct made_plan){ .n_points = 30, .n_pixels = 2, .n_photons = 3000, .incident = true, .seed = 4 });
    for (uint32_t k = 0; k < 15; k++)
        m->scan.points[29 - k].incident_eV = m->scan.points[k].incident_eV;
    assert_true(picture_products(in_folder("back.png"), "There and back", m->products));
    made_scan_free(m);
}

static void svg_is_a_whole_document(void **state) {
    (void)state;
    struct made_scan *m = made_scan_new((struct made_plan){ .n_points = 40, .n_pixels = 2, .n_photons = 5000, .i0 = true, .incident = true, .seed = 5 });
    assert_true(picture_products(in_folder("map.svg"), "A title", m->products));
    made_scan_free(m);
    FILE *f = fopen(in_folder("map.svg"), "r");
    char line[400], last[400] = "";
    bool svg = false;
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        svg = svg || strstr(line, "<svg ");
        memcpy(last, line, sizeof last);
    }
    fclose(f);
    assert_true(svg);
    assert_non_null(strstr(last, "</svg>"));
}

static void what_cannot_be_written_is_an_error(void **state) {
    (void)state;
    struct made_scan *m = made_scan_new((struct made_plan){ .n_points = 4, .n_pixels = 2, .n_photons = 50, .incident = true, .seed = 6 });
    assert_false(picture_products("/nowhere/at/all.png", "", m->products));
    assert_false(picture_products("/nowhere/at/all.svg", "", m->products));
    assert_false(picture_products(in_folder("map.gif"), "", m->products));
    assert_int_equal(symlink("/dev/full", in_folder("full.png.part")), 0);
    assert_false(picture_products(in_folder("full.png"), "", m->products));
    assert_int_equal(access(in_folder("full.png.part"), F_OK) & access(in_folder("full.png"), F_OK), -1);
    made_scan_free(m);
}

static void colours_rise_with_the_value(void **state) {
    (void)state;
    double last = -1;
    for (int k = 0; k <= 1000; k++) {
        uint32_t rgb = colour_map_rgb(k / 1000.0);
        double light = 0.2126 * (rgb >> 16 & 255) + 0.7152 * (rgb >> 8 & 255) + 0.0722 * (rgb & 255);
        assert_true(light >= last - 1);
        last = light;
    }
    assert_int_equal(colour_map_rgb(-3), colour_map_rgb(0));
    assert_int_equal(colour_map_rgb(NAN), colour_map_rgb(0));
    assert_int_equal(colour_map_rgb(7), colour_map_rgb(1));
    for (int s = COLOUR_LINEAR; s <= COLOUR_LOG; s++)
        for (int k = 0; k <= 20; k++)
            assert_true(fabs(colour_scale_apply((enum colour_scale)s, colour_scale_invert((enum colour_scale)s, k / 20.0, 7), 7) - k / 20.0) < 1e-12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_is_drawn_in_many_colours),
        cmocka_unit_test(odd_maps_are_drawn_too),
        cmocka_unit_test(points_may_come_in_any_order_and_twice),
        cmocka_unit_test(svg_is_a_whole_document),
        cmocka_unit_test(what_cannot_be_written_is_an_error),
        cmocka_unit_test(colours_rise_with_the_value),
    };
    return cmocka_run_group_tests(tests, made_folder_new, made_folder_remove);
}
