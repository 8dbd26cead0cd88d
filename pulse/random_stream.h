/* pulse/random_stream.h - repeatable random numbers.  seed + names of the stream --init--> numbers
 * xoshiro256++ (Blackman, Vigna 2018), its state filled by splitmix64 from the seed and two numbers that name the stream, so that
 * each pixel and purpose has its own stream and nothing depends on who computes which pixel first. Plain state, copy it freely. */
#ifndef TESD_PULSE_RANDOM_STREAM_H
#define TESD_PULSE_RANDOM_STREAM_H

#include <stdbool.h>
#include <stdint.h>

struct random_stream {
    uint64_t state[4];
    double spare;       /* second normal of a pair */
    bool has_spare;
};

/* Streams of the same seed that differ in `index` or `purpose` are independent. */
void random_stream_init(struct random_stream *r, uint64_t seed, uint64_t index, uint64_t purpose);

uint64_t random_stream_bits(struct random_stream *r);
double random_stream_uniform(struct random_stream *r);       /* [0, 1), 53 bits */
double random_stream_between(struct random_stream *r, double lo, double hi);
double random_stream_normal(struct random_stream *r);        /* mean 0, variance 1 */
double random_stream_exponential(struct random_stream *r);   /* mean 1 */
uint64_t random_stream_poisson(struct random_stream *r, double mean);  /* mean >= 0 and < 1e15 */

/* A hash of (seed, index, purpose) as a normal number: noise that can be asked for in any order. */
double random_stream_normal_at(uint64_t seed, uint64_t index, uint64_t purpose);

#endif
