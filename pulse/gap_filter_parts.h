/* pulse/gap_filter_parts.h - what gap_filter.c (measures) and gap_filter_learn.c share. Private to them. */
#ifndef TESD_PULSE_GAP_FILTER_PARTS_H
#define TESD_PULSE_GAP_FILTER_PARTS_H

#include "pulse/gap_filter.h"

enum { GAP_ARRIVAL_MOST = 2 };

void gap_filter_terms(const struct gap_filter *g, double height, double arrival, double terms[GAP_TERMS]);
double gap_filter_on_whole_scale(const struct gap_filter *g, double height, double arrival);
/* Samples: what the whole filter says where this one says `arrival`; learnt up to GAP_ARRIVAL_MOST, beyond it straight on. */
double gap_filter_whole_arrival(const struct gap_filter *g, double arrival);

#endif
