#include "calib/shower_sim.h"

#include <stdlib.h>

#include "pulse/random_stream.h"

enum purpose { DRAW_SHOWERS = 121, DRAW_HITS = 122 };

static const double mean_eV = 400;   /* a minimum-ionising particle leaves keV in the frame, of which an absorber sees some hundred eV [guess] */
static const double spread_ns = 1000;

static size_t walk(const struct shower_settings *s, uint32_t pixel, struct shower_hit *out) {
    struct random_stream showers, own;
    random_stream_init(&showers, s->seed, 0, DRAW_SHOWERS);
    random_stream_init(&own, s->seed, pixel, DRAW_HITS);
    const double length_ns = (double)(s->end_ns - s->start_ns), mean_ns = 1e9 / s->rate_Hz;
    size_t n = 0;
    for (double at = mean_ns * random_stream_exponential(&showers); at < length_ns; at += mean_ns * random_stream_exponential(&showers)) {
        const bool hit = random_stream_uniform(&own) < s->share;
        const double energy_eV = mean_eV * random_stream_exponential(&own), late_ns = spread_ns * random_stream_uniform(&own);
        if (hit && out != NULL)
            out[n] = (struct shower_hit){s->start_ns + (int64_t)(at + late_ns), energy_eV};
        n += hit;
    }
    return n;
}

enum status shower_sim_hits(const struct shower_settings *s, uint32_t pixel, struct shower_hit **out, size_t *n) {
    *out = NULL;
    *n = 0;
    if (!(s->rate_Hz > 0))
        return STATUS_OK;
    const size_t hits = walk(s, pixel, NULL);
    struct shower_hit *list = malloc((hits + 1) * sizeof *list);
    if (list == NULL)
        return STATUS_NO_MEMORY;
    *n = walk(s, pixel, list);
    *out = list;
    return STATUS_OK;
}
