/* daemon/sink/stream_message.h - one message of stream v1 (doc/stream.md): [topic][JSON header][blob per array].
 *   meta + data_group --stream_message_new--> message (a copy, so the products may change) --stream_message_send--> socket
 * The header is written when the message is sent, for only then its seq is known; a message may be sent again from the cache. */
#ifndef TESD_DAEMON_SINK_STREAM_MESSAGE_H
#define TESD_DAEMON_SINK_STREAM_MESSAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/sink/data_group.h"
#include "daemon/sink/publish.h"

enum { STREAM_VERSION = 1, UUID_TEXT = 37 };

struct stream_source {          /* the same for every message of a publisher */
    char boot[UUID_TEXT], run[UUID_TEXT];
    char state[16], calibration_id[80];
};

struct stream_meta {            /* what a message says about itself */
    const char *kind;           /* "pfy", "rixs_map", "rixs_row", "run", "hb" */
    const char *accum;          /* "cumulative", "series", "window" */
    const char *event;          /* kind run: "start", "point_end", "end", "abort"; else NULL */
    int32_t scan, point;        /* -1: none */
    uint32_t n_points;          /* of the whole scan, as far as it is known */
    uint32_t final_points;      /* of those, the first so many will not change any more */
    int64_t t_ns, start_ns;     /* up to when, and since when, the data count; since 1970 UTC */
    char sample[64], label[32];
    struct publish_lost lost;
};

struct stream_message;  /* opaque */

/* group NULL: a message without arrays. keys: further keys of the header, or NULL; a reference is taken. STATUS_NO_MEMORY only. */
enum status stream_message_new(const struct stream_meta *meta, const struct data_group *group, json_t *keys, struct stream_message **out);
/* Gives it up; its arrays live on until ZeroMQ has sent them. */
void stream_message_free(struct stream_message *m);
const struct stream_meta *stream_message_meta(const struct stream_message *m);
/* How a message is sent: under which topic, and which of its states it is. */
struct stream_address { const char *topic; const struct stream_source *source; uint64_t seq; bool snap; };
/* Never blocks. Large arrays are not copied: a message that waits in many queues, or is sent again and again, has them in memory once. Returns
 * the bytes given to the socket, 0 when it took none. */
size_t stream_message_send(const struct stream_message *m, void *socket, const struct stream_address *to);
/* The same frames one by one to a function; how many. */
typedef void stream_frame(void *to, const void *bytes, size_t n);
unsigned stream_message_frames(const struct stream_message *m, const struct stream_address *address, stream_frame *take, void *to);

void stream_uuid(char out[UUID_TEXT]);   /* a random one */

#endif
