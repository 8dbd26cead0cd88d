#include "daemon/live_array.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CHANNELS = 65536 };

/* "chan17" after the prefix "chan" -> 17; -1: another name. */
static int32_t number_after(const char *name, const char *prefix) {
    size_t skip = strlen(prefix);
    const char *digits = strncmp(name, prefix, skip) == 0 ? name + skip : "";
    size_t n = strspn(digits, "0123456789");
    return n > 0 && n < 10 && digits[n] == '\0' ? (int32_t)strtol(digits, NULL, 10) : -1;
}

static struct live_channel channel_named(const char *name) {
    struct live_channel c = { .number = number_after(name, "chan"), .pixel = BLOCK_NO_PIXEL };
    if (c.number < 0) {
        c.number = number_after(name, "err");
        c.is_error = c.number >= 0;
    }
    snprintf(c.name, sizeof c.name, "%s", name);
    return c;
}

struct numbered { int32_t number; uint16_t index; };

static int by_number(const void *va, const void *vb) {
    const struct numbered *a = va, *b = vb;
    int c = (a->number > b->number) - (a->number < b->number);
    return c != 0 ? c : (a->index > b->index) - (a->index < b->index);
}

/* Of two channels of one number the first has the pixel: files could not be told apart either. */
static bool number_pixels(struct live_array *a) {
    struct numbered *order = calloc(a->n_channels, sizeof *order);
    a->index_of_pixel = calloc(a->n_channels, sizeof *a->index_of_pixel);
    size_t n = 0;
    for (uint32_t i = 0; order != NULL && i < a->n_channels; i++)
        if (a->channels[i].number >= 0 && !a->channels[i].is_error)
            order[n++] = (struct numbered){ a->channels[i].number, (uint16_t)i };
    if (order == NULL || a->index_of_pixel == NULL) {
        free(order);
        return false;
    }
    qsort(order, n, sizeof *order, by_number);
    for (size_t k = 0; k < n; k++)
        if ((k == 0 || order[k].number != order[k - 1].number) && a->n_pixels < BLOCK_NO_PIXEL) {
            a->channels[order[k].index].pixel = (uint16_t)a->n_pixels;
            a->index_of_pixel[a->n_pixels++] = order[k].index;
        }
    free(order);
    return true;
}

static const char *name_at(const json_t *names, size_t i) {
    const char *name = json_string_value(json_array_get(names, i));
    return name != NULL ? name : "";
}

bool live_array_make(const json_t *names, struct live_array **out) {
    size_t n = json_array_size(names);
    if (n == 0 || n > MAX_CHANNELS)
        return false;
    struct live_array *a = calloc(1, sizeof *a);
    if (a == NULL)
        return false;
    a->n_channels = (uint32_t)n;
    a->channels = calloc(n, sizeof *a->channels);
    for (size_t i = 0; a->channels != NULL && i < n; i++)
        a->channels[i] = channel_named(name_at(names, i));
    if (a->channels == NULL || !number_pixels(a)) {
        live_array_free(a);
        return false;
    }
    *out = a;
    return true;
}

void live_array_free(struct live_array *a) {
    if (a == NULL)
        return;
    free(a->channels);
    free(a->index_of_pixel);
    free(a);
}

bool live_array_same(const struct live_array *a, const json_t *names) {
    if (json_array_size(names) != a->n_channels)
        return false;
    for (uint32_t i = 0; i < a->n_channels; i++) {
        struct live_channel c = channel_named(name_at(names, i));
        if (strcmp(c.name, a->channels[i].name) != 0)
            return false;
    }
    return true;
}

/* Pixels are in order of numbers. */
uint32_t live_array_find(const struct live_array *a, int32_t number) {
    uint32_t lo = 0, hi = a->n_pixels;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (a->channels[a->index_of_pixel[mid]].number < number)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < a->n_pixels && a->channels[a->index_of_pixel[lo]].number == number ? a->index_of_pixel[lo] : UINT32_MAX;
}

bool live_array_equal(const struct live_array *a, const struct live_array *b) {
    bool same = a->n_channels == b->n_channels;
    for (uint32_t i = 0; same && i < a->n_channels; i++)
        same = strcmp(a->channels[i].name, b->channels[i].name) == 0;
    return same;
}
