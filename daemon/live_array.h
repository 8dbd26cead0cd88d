/* daemon/live_array.h - the array as the acquisition server describes it: its channels by index, and which of them are our pixels.
 *   CHANNELNAMES, STATUS, TRIGGER, GROUPTRIGGER bodies --live_array_make--> immutable layout, shared by all threads of a session
 * Pixels are the channels called chanN, ordered by number as in replay; errN and other names have none. A server that comes back with other
 * names makes another array, and so another session. */
#ifndef TESD_DAEMON_LIVE_ARRAY_H
#define TESD_DAEMON_LIVE_ARRAY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/record_block.h"
#include "daemon/trigger_mode.h"

struct live_channel {
    char name[64];             /* "chan17", "err17" */
    int32_t number;            /* -1: the name says none */
    uint16_t pixel;            /* BLOCK_NO_PIXEL: not analysed */
    bool is_error;             /* "errN" */
};

struct live_array {
    uint32_t n_channels;       /* channel indices are 0..n_channels-1 */
    struct live_channel *channels;
    uint32_t n_pixels;
    uint16_t *index_of_pixel;  /* n_pixels */
};

/* names: the body of CHANNELNAMES, an array of strings in index order. False: no memory, no names, or more than 65536. */
bool live_array_make(const json_t *names, struct live_array **out);
void live_array_free(struct live_array *a);
bool live_array_equal(const struct live_array *a, const struct live_array *b);  /* the same channels at the same indices */
bool live_array_same(const struct live_array *a, const json_t *names);   /* would _make give the same? */
uint32_t live_array_find(const struct live_array *a, int32_t number);    /* index of chanNUMBER; UINT32_MAX: none */

#endif
