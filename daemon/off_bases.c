#include "daemon/off_bases.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/growing_list.h"

struct kept { uint32_t number; int32_t channel; struct channel_shape shape; double *basis; struct pixel_model *model; };   /* model NULL: none can be made of it */

struct off_bases {
    pthread_mutex_t lock;
    size_t n, capacity;
    struct kept *list;               /* oldest first */
    uint32_t newest;
};

bool off_bases_new(struct off_bases **out) {
    struct off_bases *b = calloc(1, sizeof *b);
    if (b == NULL)
        return false;
    pthread_mutex_init(&b->lock, NULL);
    *out = b;
    return true;
}

static void kept_done(struct kept *k) {
    pixel_model_free(k->model);
    free(k->basis);
}

void off_bases_free(struct off_bases *b) {
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->n; i++)
        kept_done(&b->list[i]);
    free(b->list);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

static size_t bytes_of(const struct channel_shape *s) { return (size_t)s->n_samples * s->n_bases * sizeof *s->basis; }

static double *copy_of(const struct channel_shape *s) {
    double *basis = malloc(bytes_of(s));
    return basis != NULL ? memcpy(basis, s->basis, bytes_of(s)) : NULL;
}

static bool alike(const void *a, const void *b, size_t n) { return memcmp(a, b, n) == 0; }   /* to the bit */

static bool is_same(const struct kept *k, int32_t channel, const struct channel_shape *s) {
    return k->channel == channel && k->shape.n_samples == s->n_samples && k->shape.n_presamples == s->n_presamples && k->shape.n_bases == s->n_bases &&
           alike(&k->shape.sample_period_s, &s->sample_period_s, sizeof s->sample_period_s) && alike(k->basis, s->basis, bytes_of(s));
}

/* The channel's oldest, when it has as many as are kept. */
static void make_place(struct off_bases *b, int32_t channel) {
    size_t of_channel = 0, oldest = b->n;
    for (size_t i = b->n; i-- > 0;)
        if (b->list[i].channel == channel) {
            of_channel++;
            oldest = i;
        }
    if (of_channel < OFF_BASES_KEPT)
        return;
    kept_done(&b->list[oldest]);
    memmove(b->list + oldest, b->list + oldest + 1, (--b->n - oldest) * sizeof *b->list);
}

static uint32_t keep(struct off_bases *b, int32_t channel, const struct channel_shape *shape) {
    for (size_t i = 0; i < b->n; i++)
        if (is_same(&b->list[i], channel, shape))
            return b->list[i].number;
    make_place(b, channel);
    struct kept *list = growing_list_room(b->list, b->n, &b->capacity, sizeof *list, 64);
    if (list == NULL)
        return 0;
    b->list = list;
    struct kept *k = &b->list[b->n];
    const struct off_header h = channel_shape_header(shape);
    *k = (struct kept){ .number = b->newest + 1, .channel = channel, .shape = *shape };
    k->shape.basis = k->basis = copy_of(shape);
    if (k->basis == NULL || pixel_model_from_off(&h, shape->n_presamples, k->basis, &k->model) == STATUS_NO_MEMORY) {
        free(k->basis);
        return 0;
    }
    b->n++;
    return ++b->newest;
}

uint32_t off_bases_put(struct off_bases *b, int32_t channel, const struct channel_shape *shape) {
    pthread_mutex_lock(&b->lock);
    uint32_t number = keep(b, channel, shape);
    pthread_mutex_unlock(&b->lock);
    return number;
}

bool off_bases_copy(struct off_bases *b, uint32_t number, struct channel_shape *out) {
    double *basis = NULL;
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < b->n; i++)
        if (b->list[i].number == number) {
            *out = b->list[i].shape;
            out->basis = basis = copy_of(&b->list[i].shape);
        }
    pthread_mutex_unlock(&b->lock);
    return basis != NULL;
}

bool off_bases_measured_by(struct off_bases *b, uint32_t number, const struct pixel_model *m) {
    bool same = false;
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < b->n; i++)
        if (b->list[i].number == number)
            same = b->list[i].model != NULL && pixel_model_same_basis(b->list[i].model, m);
    pthread_mutex_unlock(&b->lock);
    return same;
}
