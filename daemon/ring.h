/* daemon/ring.h - blocks between two threads: single producer, single consumer, four verbs.
 *   producer: take_empty, fill, mark_full        consumer: take_full, read, mark_empty
 * The blocks belong to the ring's owner and are never copied; each side holds at most one at a time and may keep it as long as it likes. No
 * locks, no system calls; nobody waits here: NULL says that there is none, and what then happens is said where the ring is made (live:
 * refuse and count; replay: wait). A consumer that finds nothing sleeps a tick of its own. */
#ifndef TESD_DAEMON_RING_H
#define TESD_DAEMON_RING_H

#include <stdbool.h>
#include <stddef.h>

struct ring;   /* opaque */

/* blocks: n >= 2 blocks, all empty, borrowed until _free; the array itself is copied. False: no memory. */
bool ring_new(void *const *blocks, size_t n, struct ring **out);
void ring_free(struct ring *r);

void *ring_take_empty(struct ring *r);         /* producer; NULL: full. Again before mark_full: the same block */
void ring_mark_full(struct ring *r);           /* producer: hands on what take_empty gave */
void *ring_take_full(struct ring *r);          /* consumer; NULL: nothing there. Again before mark_empty: the same block */
void ring_mark_empty(struct ring *r);          /* consumer: gives back what take_full gave */

size_t ring_size(const struct ring *r);
size_t ring_filled(const struct ring *r);      /* any thread: blocks handed on and not given back, a moment ago */

#endif
