/* daemon/client/subscriber.h - the newest state of every topic of a stream.   SUB socket --step--> states by topic
 * Drains to the newest, drops what came before under the same boot, forgets everything when the program was started anew, and knows
 * how old what it has is. One thread. What a stalled or vanished program last said stays, with its age. */
#ifndef TESD_DAEMON_CLIENT_SUBSCRIBER_H
#define TESD_DAEMON_CLIENT_SUBSCRIBER_H

#include "daemon/client/stream_state.h"

struct subscriber;  /* opaque */

struct subscriber_counts {
    uint64_t messages, bytes;      /* taken, and their size */
    uint64_t again;                /* states had before */
    uint64_t missed;               /* states between two numbers of a topic: paced or lost, the newest is here */
    uint64_t refused[N_STREAM_REFUSALS];
    uint64_t boots;                /* starts of the program seen; 1 when all is well */
};

/* CURVE: files of the server's public key and of one's own secret (key_file.h). */
struct subscriber_keys { const char *server, *own; };

/* keys NULL: none. prefixes: topics that begin with one of them are wanted; n_prefixes 0: all. False after logging. */
bool subscriber_new(const char *endpoint, const struct subscriber_keys *keys, const char *const *prefixes, size_t n_prefixes, struct subscriber **out);
void subscriber_free(struct subscriber *s);
/* Topics that begin with this are wanted too, or not any more. What is there of them stays. */
void subscriber_want(struct subscriber *s, const char *prefix, bool wanted);

/* Takes all that has come, waiting up to wait_ms for a first message. How many states are new. now_ms: any clock that only goes forward. */
unsigned subscriber_step(struct subscriber *s, int wait_ms, int64_t now_ms);
/* Takes one message whose frames are in memory, as _step does. True: a new state. For tests and other transports. */
bool subscriber_take(struct subscriber *s, const struct stream_frame *frames, size_t n_frames, int64_t now_ms);

/* A state that is new since it was given last, each once; NULL: there are no more now. */
const struct stream_state *subscriber_news(struct subscriber *s);
size_t subscriber_topics(const struct subscriber *s);
const struct stream_state *subscriber_state(const struct subscriber *s, size_t k);            /* in order of topic; until the next step */
const struct stream_state *subscriber_find(const struct subscriber *s, const char *topic);    /* NULL: nothing of it yet */
/* Milliseconds since the last message of any topic, since the last new state of the topic; -1: none yet. */
int64_t subscriber_silence_ms(const struct subscriber *s, int64_t now_ms);
int64_t subscriber_age_ms(const struct subscriber *s, const char *topic, int64_t now_ms);
struct subscriber_counts subscriber_counts(const struct subscriber *s);

#endif
