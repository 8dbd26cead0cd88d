#include "daemon/kept_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void kept_session_free(struct kept_session *k) {
    if (k == NULL)
        return;
    free(k->array.channels);
    free(k->array.index_of_pixel);
    free(k->config_text);
    free(k);
}

struct kept_session *kept_session_new(const struct live_session *s) {
    const struct live_array *a = s->array;
    struct kept_session *k = calloc(1, sizeof *k);
    if (k == NULL)
        return NULL;
    k->array = *a;
    k->array.channels = malloc((a->n_channels + (size_t)1) * sizeof *a->channels);
    k->array.index_of_pixel = malloc((a->n_pixels + (size_t)1) * sizeof *a->index_of_pixel);
    k->config_text = strdup(s->config_text);
    if (k->array.channels == NULL || k->array.index_of_pixel == NULL || k->config_text == NULL) {
        kept_session_free(k);
        return NULL;
    }
    memcpy(k->array.channels, a->channels, a->n_channels * sizeof *a->channels);
    memcpy(k->array.index_of_pixel, a->index_of_pixel, a->n_pixels * sizeof *a->index_of_pixel);
    snprintf(k->folder, sizeof k->folder, "%s", s->folder);
    snprintf(k->base_name, sizeof k->base_name, "%s", s->base_name);
    snprintf(k->calibration_path, sizeof k->calibration_path, "%s", s->calibration_path);
    k->session = *s;
    k->session.array = &k->array;
    k->session.folder = k->folder;
    k->session.base_name = k->base_name;
    k->session.calibration_path = k->calibration_path;
    k->session.config_text = k->config_text;
    return k;
}
