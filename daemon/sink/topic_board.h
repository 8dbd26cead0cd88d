/* daemon/sink/topic_board.h - the newest state of every topic of the stream, and the socket on which they go out (doc/stream.md, Delivery).
 *   state --offer--> (paced, the newest wins) --> XPUB      subscription --> the cached states again      once a second: those that stand still, again
 * What the measurements of ZeroMQ ask for: a full pipe drops the newest message, so every message is a whole state and the last one is sent
 * again before each heartbeat unless it is newer than the topic's interval; VERBOSE, or a second subscriber to a topic is never announced; a bounded send queue, so
 * that a stuck viewer costs a bounded part of memory and nobody else anything; no message is written of a topic that nobody reads (its seq grows all the same, and whoever
 * subscribes gets the cached state). One thread owns it; nothing waits. */
#ifndef TESD_DAEMON_SINK_TOPIC_BOARD_H
#define TESD_DAEMON_SINK_TOPIC_BOARD_H

#include "daemon/curve_gate.h"
#include "daemon/sink/stream_message.h"

struct topic_board;   /* opaque */

struct board_settings {
    const char *endpoint;        /* tcp://127.0.0.1:5560 */
    void *zmq;                   /* context, borrowed */
    struct curve_gate *gate;     /* NULL: this machine alone */
};

struct board_rates { uint64_t messages, bytes; };

bool topic_board_new(const struct board_settings *settings, struct topic_board **out);   /* false after logging */
void topic_board_free(struct topic_board *b);
const char *topic_board_endpoint(const struct topic_board *b);   /* as bound */
struct stream_source *topic_board_source(struct topic_board *b); /* what all messages say of their source; the board's boot is set */

/* The topic's number, made when it is new; -1: no memory. quiet: it is never sent again with the heartbeat, for new states come anyway. */
int topic_board_topic(struct topic_board *b, const char *name, int64_t interval_ms, bool quiet);
/* The state replaces one that waits; at_once does not wait for the topic's interval. */
void topic_board_offer(struct topic_board *b, int topic, const struct stream_meta *meta, const struct data_group *group, json_t *keys, bool at_once);
/* Topics below detail/ are made only for those who ask: whoever has subscribed to one by its whole name. The k-th of them; false: there are no more. */
enum { BOARD_TOPIC = 64 };
bool topic_board_asked(const struct topic_board *b, size_t k, char topic[BOARD_TOPIC]);
bool topic_board_due(const struct topic_board *b, int topic);     /* a state offered now would go out at once */
void topic_board_forget(struct topic_board *b, const char *prefix, bool (*keep)(void *context, const char *name), void *context);   /* their cached states */
void topic_board_flush(struct topic_board *b);                    /* whatever waits for its interval goes out */
/* A message that is no state: a heartbeat. */
void topic_board_send(struct topic_board *b, int topic, const struct stream_meta *meta, json_t *keys);

/* Sends what is due, reads subscriptions and answers them. */
void topic_board_step(struct topic_board *b);
/* Before a heartbeat: who has just subscribed gets the cached states of all topics that `last` will name, so that whoever hears the heartbeat has had them. */
void topic_board_answer(struct topic_board *b);
/* Before each heartbeat: states that have not changed for the topic's interval go out again. */
void topic_board_repeat(struct topic_board *b);

json_t *topic_board_last(const struct topic_board *b);            /* {topic: seq} of those that have a state; new reference */
int topic_board_pending(const struct topic_board *b);             /* states that wait to be sent */
struct board_rates topic_board_rates(struct topic_board *b);      /* since the last call */
/* Frames of the last state of every topic that begins with the prefix; [{"topic": name, "frames": n}, ...], a new reference. */
json_t *topic_board_snapshot(const struct topic_board *b, const char *prefix, stream_frame *take, void *to);

#endif
