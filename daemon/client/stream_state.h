/* daemon/client/stream_state.h - one message of the stream (doc/stream.md) as a reader has it.
 *   frames of a multipart message --stream_state_read--> header, arrays (own copy)
 * Bytes from outside: what does not follow the schema is refused with the reason, never half taken. An array whose codec is not known is
 * left out, keys that are not known are kept in the header. No sockets, no clock. */
#ifndef TESD_DAEMON_CLIENT_STREAM_STATE_H
#define TESD_DAEMON_CLIENT_STREAM_STATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/data_array.h"

enum { STREAM_TOPIC_TEXT = 128, STREAM_BOOT_TEXT = 64, STREAM_ARRAYS = 32, STREAM_SCHEMA = 1 };

struct stream_frame { const void *bytes; size_t n; };

enum stream_refusal {
    STREAM_GOOD,
    STREAM_FRAMES,      /* no header, or more blobs than a message may have */
    STREAM_TOPIC,       /* not printable ASCII ending in '/', or too long */
    STREAM_HEADER,      /* no JSON object, or a needed key is missing or of another type */
    STREAM_VERSION,     /* of a later schema */
    STREAM_ARRAY,       /* an array does not fit its blob, or is described wrongly */
    STREAM_MEMORY,
    N_STREAM_REFUSALS
};
extern const char *const stream_refusal_texts[N_STREAM_REFUSALS];

struct stream_state {
    char topic[STREAM_TOPIC_TEXT];
    json_t *header;
    const char *kind, *boot;            /* of the header */
    uint64_t seq;
    bool snap;
    unsigned n_arrays;
    struct data_array arrays[STREAM_ARRAYS];   /* texts of the header, data of `bytes` */
    unsigned char *bytes;
};

/* *out is untouched unless STREAM_GOOD; free with stream_state_free. */
enum stream_refusal stream_state_read(const struct stream_frame *frames, size_t n_frames, struct stream_state **out);
void stream_state_free(struct stream_state *s);

const struct data_array *stream_state_array(const struct stream_state *s, const char *name);   /* NULL: none */
double stream_state_value(const struct data_array *a, uint64_t k);   /* element k as a double */
const char *stream_state_text(const struct stream_state *s, const char *key);                  /* "" when absent or no text */
int64_t stream_state_integer(const struct stream_state *s, const char *key, int64_t otherwise);
int64_t stream_state_ns(const struct stream_state *s, const char *key);                        /* of a decimal text; 0: none */

#endif
