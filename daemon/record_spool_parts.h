/* daemon/record_spool_parts.h - what record_spool.c (keeping) and record_spool_walk.c share. Private to them.
 * The file is an array of chunks of equal size. A chunk holds records of one pixel and one group, one behind the other: a head and its
 * samples or coefficients, each padded to 8 bytes. A record longer than a chunk is refused. */
#ifndef TESD_DAEMON_RECORD_SPOOL_PARTS_H
#define TESD_DAEMON_RECORD_SPOOL_PARTS_H

#include "daemon/record_spool.h"

struct head {
    int64_t time_ns, frame;
    uint32_t n_samples, n_presamples;
    float sample_period_s;
    uint32_t basis;                /* 0: samples */
    int16_t epoch;
    uint16_t gap_before;
};

/* What follows a head: samples, or an off_record. */
static inline size_t head_payload(const struct head *h) { return ((h->basis != 0 ? sizeof(struct off_record) : 2 * (size_t)h->n_samples) + 7) / 8 * 8; }

struct chunk {
    uint32_t group;                /* 0: free */
    uint32_t used;                 /* bytes */
    uint64_t number;               /* grows in order of filling */
    uint16_t pixel;
};

struct open_chunk { uint8_t *bytes; uint32_t used, group; };

struct group { uint32_t id; uint64_t records; int64_t first_ns, last_ns; uint32_t *of_pixel; bool forgotten; };

struct record_spool {
    int fd;
    struct off_bases *bases;
    size_t n_pixels, n_chunks, capacity, most_chunks;
    struct chunk *chunks;          /* of the file */
    uint64_t filled;               /* chunks so far */
    struct open_chunk *open;       /* one per pixel */
    struct head *last;             /* of each pixel, of samples */
    size_t n_groups, group_capacity;
    struct group *groups;          /* oldest first */
    uint32_t newest, now;          /* group ids */
    uint64_t refused;
    bool complained;
    struct { struct chunk *chunks; struct head *last; size_t n_chunks; uint32_t newest; } frozen;   /* chunks NULL: not */
};

#endif
