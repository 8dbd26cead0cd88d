/* daemon/sink/raw_gaps.h - which records of which channel were not recorded, and the text file that says so (raw_recorder.h). */
#ifndef TESD_DAEMON_SINK_RAW_GAPS_H
#define TESD_DAEMON_SINK_RAW_GAPS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { RAW_GAPS_KEPT = 64 };   /* of a channel; later ones make the last one longer */

struct raw_gaps;   /* opaque */

bool raw_gaps_new(uint32_t n_channels, struct raw_gaps **out);   /* false: no memory */
void raw_gaps_free(struct raw_gaps *g);
void raw_gaps_add(struct raw_gaps *g, uint32_t channel, int64_t from_ns, int64_t to_ns, uint64_t lost);   /* records are, between these times */
void raw_gaps_close(struct raw_gaps *g, uint32_t channel);                  /* the next one is not */
uint64_t raw_gaps_lost(const struct raw_gaps *g, uint32_t channel);
uint64_t raw_gaps_count(const struct raw_gaps *g, uint32_t channel);
bool raw_gaps_news(const struct raw_gaps *g);     /* something was lost since _written */
void raw_gaps_written(struct raw_gaps *g);
void raw_gaps_print(const struct raw_gaps *g, uint32_t channel, int32_t number, FILE *f);

/* The file is written beside itself and renamed, so that there is always a whole one. NULL and false with errno. */
FILE *raw_gaps_open(const char *path);
bool raw_gaps_finish(FILE *f, const char *path);

#endif
