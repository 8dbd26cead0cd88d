/* daemon/array_events.h - what the whole array's events say about each pixel: when it is vetoed, and at what instants the beam was there.
 *   rows of all channels --collect--> coincidences, instants;   pixel --vetoes--> spans in which its photons do not count
 * Needs every channel's rows before the first one can be graded, so it is made only where a setting asks for it; the rows wait in
 * scratch meanwhile. Neighbour veto: an event of a pixel a given number of channels away, of more energy than crosstalk of a photon can
 * have (so that the vetoed photon cannot have made it), within the window on either side. Array veto: pulse/coincidence.h. */
#ifndef TESD_DAEMON_ARRAY_EVENTS_H
#define TESD_DAEMON_ARRAY_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/photon_block.h"
#include "daemon/array_model.h"
#include "daemon/scratch.h"
#include "pulse/time_span.h"

struct array_event_settings {
    const char *neighbours;          /* distances in channel number, "1, 2, 64"; "" or NULL: no neighbour veto. Borrowed */
    double neighbour_above_eV;       /* events of unknown energy are above */
    double neighbour_window_s;       /* 0: the record length */
    uint32_t array_pixels;           /* K other pixels; 0: no array veto */
    double array_window_s, array_hold_s;
    bool instants;                   /* live time is to be sampled at the other pixels' events */
};

bool array_events_wanted(const struct array_event_settings *s);

struct array_events;

/* m and scratch are borrowed. False after logging. */
bool array_events_new(const struct array_event_settings *s, const struct array_model *m, struct scratch *scratch, struct array_events **out);
void array_events_free(struct array_events *e);
uint32_t array_events_rules(const struct array_events *e);   /* enum array_rule (calib/scan_products.h): what live times owe to these events */
/* blocks: of all channels, secondary rows marked. Their times stay where they are until the last _vetoes; cuts may change, what is needed of
 * them is kept (a byte per row, in scratch). False after logging. */
bool array_events_collect(struct array_events *e, const struct photon_block *const *blocks);
/* Spans of the pixel, empty ones when nothing vetoes. Any thread, after _collect. False: no memory. */
bool array_events_vetoes(const struct array_events *e, size_t pixel, struct time_spans *out);
/* Times of all events of the array that their own pixel's vetoes leave, in order: a shower is no sample of the beam. One thread, after
 * _collect. *out NULL unless asked for. False after logging. */
bool array_events_instants(struct array_events *e, const int64_t **out, size_t *n);

#endif
