/* tests/daemon/made_rows.h - rows of analysis from a number each, so that whoever finds one later can say that it is right and which. */
#ifndef TESD_TESTS_DAEMON_MADE_ROWS_H
#define TESD_TESTS_DAEMON_MADE_ROWS_H

#include <assert.h>

#include "daemon/row_block.h"

enum { MADE_ROW_PIXELS = 12 };

static const int64_t made_rows_start_ns = INT64_C(1764000000000000000), made_rows_step_ns = 50000;

/* Row number k: all else follows. */
static inline void made_row_add(struct row_block *b, uint64_t k) {
    const size_t i = b->n;
    assert(i < b->capacity);
    b->photons->time_ns[i] = made_rows_start_ns + (int64_t)k * made_rows_step_ns;
    b->photons->frame[i] = (int64_t)k * 7 + 3;
    b->photons->pixel[i] = (uint16_t)(k % MADE_ROW_PIXELS);
    b->photons->height[i] = (float)(k % 1000);
    b->photons->energy_eV[i] = (float)(300 + k % 700);
    b->photons->energy_sigma_eV[i] = 0.1f;
    b->photons->arrival[i] = 0.25f;
    b->photons->pretrigger_mean[i] = 1000;
    b->photons->cuts[i] = k % 10 == 9 ? 4 : 0;
    b->photons->grade[i] = 0;
    b->photons->flags[i] = 0;
    b->photons->scan[i] = b->photons->point[i] = -1;
    b->photons->incident_eV[i] = 0;
    b->pulses[i] = (struct measured_pulse){ .time_ns = b->photons->time_ns[i], .frame = b->photons->frame[i], .height = b->photons->height[i], .residual = (float)(k % 13),
                                            .baseline = 5, .cuts = b->photons->cuts[i] & 1 };
    b->flags[i] = (uint8_t)(k % 3 == 0);
    if (k % 50 == 0)
        b->seconds[b->n_seconds++] = (struct inner_event){ .row = i, .time_ns = b->photons->time_ns[i] + 700 };
    b->photons->n = ++b->n;
}

static inline void made_rows(struct row_block *b, uint64_t first, size_t n) {
    row_block_clear(b);
    for (size_t k = 0; k < n; k++)
        made_row_add(b, first + k);
}

static inline uint64_t made_row_number(int64_t time_ns) { return (uint64_t)((time_ns - made_rows_start_ns) / made_rows_step_ns); }

#endif
