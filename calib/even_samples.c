#include "calib/even_samples.h"

#include <math.h>
#include <string.h>

void even_samples_clear(struct even_samples *s) {
    s->n = s->seen = 0;
    s->stride = 1;
}

/* Every second one is enough from here on. */
static void halve(struct even_samples *s) {
    for (uint32_t i = 0; i < EVEN_SAMPLES / 2; i++)
        s->values[i] = s->values[2 * i];
    s->n = EVEN_SAMPLES / 2;
    s->stride *= 2;
}

void even_samples_add(struct even_samples *s, float value) {
    if (!isfinite(value))
        return;
    const uint32_t at = s->seen++;
    if (at % s->stride != 0)
        return;
    if (s->n == EVEN_SAMPLES) {
        halve(s);
        if (at % s->stride != 0)
            return;
    }
    s->values[s->n++] = value;
}

void even_samples_add_finite(struct even_samples *s, const float *values, size_t n) {
    size_t i = -(size_t)s->seen & (s->stride - 1);
    while (i < n) {
        const size_t wanted = (n - i + s->stride - 1) / s->stride, room = EVEN_SAMPLES - s->n, taken = wanted < room ? wanted : room;
        if (s->stride == 1)
            memcpy(s->values + s->n, values + i, taken * sizeof *values);
        else
            for (size_t k = 0; k < taken; k++)
                s->values[s->n + k] = values[i + k * s->stride];
        s->n += (uint32_t)taken;
        i += taken * s->stride;
        if (i < n) {
            halve(s);
            i += -((size_t)s->seen + i) & (s->stride - 1);
        }
    }
    s->seen += (uint32_t)n;
}
