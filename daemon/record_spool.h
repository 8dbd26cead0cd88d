/* daemon/record_spool.h - records of a live session kept aside for learning, in groups (a noise run, a calibration state).
 *   record_blocks --add--> a file without a name --walk--> one pixel's records of some groups, in their true order, as often as wanted
 * Samples as they came; of an OFF record its coefficients, whose basis is in off_bases.h.
 * The file is in the given folder and gone with the process. It never exceeds most_bytes: when it is full the oldest group but the one
 * being filled is forgotten, and if there is none, records are refused and counted. In memory: one chunk per pixel that is being filled,
 * 24 bytes per chunk in the file; while a pixel is walked, 32 bytes per record of it. One thread adds and forgets; while it does neither, or
 * between _freeze and _thaw, any number may walk, different pixels each. Frozen they see what was there then; nothing that they see is forgotten. */
#ifndef TESD_DAEMON_RECORD_SPOOL_H
#define TESD_DAEMON_RECORD_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/learning_input.h"
#include "daemon/off_bases.h"
#include "daemon/record_block.h"

enum { SPOOL_CHUNK = 64 << 10, SPOOL_RECORDS_MAX = 20000 };   /* bytes; records of a pixel kept per group (learn.h keeps no more) */

struct record_spool;   /* opaque */

/* bases: of OFF records, borrowed; NULL: those are refused. False: no memory, or no file there (errno says). */
bool record_spool_new(const char *folder, size_t n_pixels, uint64_t most_bytes, struct off_bases *bases, struct record_spool **out);
void record_spool_free(struct record_spool *s);

uint32_t record_spool_begin(struct record_spool *s);                  /* a new group, which records go to from now on; numbers grow from 1 */
void record_spool_resume(struct record_spool *s, uint32_t group);     /* or to one that is there already */
void record_spool_forget(struct record_spool *s, uint32_t group);
bool record_spool_holds(const struct record_spool *s, uint32_t group);

/* Row i of the block, which must belong to a pixel. False: refused and counted. */
bool record_spool_add(struct record_spool *s, const struct record_block *b, size_t i);
uint64_t record_spool_records(const struct record_spool *s, uint32_t group);   /* of all pixels */
uint64_t record_spool_refused(const struct record_spool *s);
void record_spool_span(const struct record_spool *s, uint32_t group, int64_t *first_ns, int64_t *last_ns);   /* first > last: no records */
uint32_t record_spool_n_samples(const struct record_spool *s, size_t pixel);   /* length of the last record of samples; 0: none */

/* The adder's: what is here now may be walked by others while more is added; _forget of what was here then waits for _thaw. When the file is
 * full meanwhile, records are refused. False: no memory, or no room for what is open; then it is not frozen. */
bool record_spool_freeze(struct record_spool *s);
void record_spool_thaw(struct record_spool *s);   /* nobody walks any more */

struct spool_part { uint32_t group; int64_t from_ns, until_ns; };   /* its records with stamps in [from, until); group 0: none */

/* The pixel's records of the parts, by epoch and frame: samples, or coefficients if there are more of them; of the record length or the basis of the
 * last of those, others are left out; none of a basis that is not kept any more. False: no memory, or the file cannot be read. */
bool record_spool_walk(struct record_spool *s, size_t pixel, const struct spool_part *parts, size_t n_parts, struct record_walk *out);

#endif
