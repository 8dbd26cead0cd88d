/* pulse/growing_list.h - room for one more in a list that the caller holds: room doubles, so that adding one by one costs the same each time.
 *   struct thing *list = growing_list_room(x->list, x->n, &x->capacity, sizeof *list, 64);
 *   if (list == NULL) return false;       x->list and x->capacity are what they were
 *   x->list = list;  x->list[x->n++] = thing; */
#ifndef TESD_PULSE_GROWING_LIST_H
#define TESD_PULSE_GROWING_LIST_H

#include <stddef.h>

/* list: of n things of `size` bytes in the room of *capacity, from malloc or NULL. first: capacity to begin with, > 0. Returns the list, moved when it had to
 * be and *capacity grown, or NULL when there is no memory. */
void *growing_list_room(void *list, size_t n, size_t *capacity, size_t size, size_t first);

#endif
