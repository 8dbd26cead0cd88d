/* daemon/sink/subscription_set.h - which topics somebody reads at an XPUB socket, so that nothing is written that nobody reads.
 *   messages of the socket: [1 or 0][prefix] --note--> prefixes in use --covers--> is a topic read?
 * With VERBOSE the socket tells each subscription, and an unsubscription when the last reader of that prefix has gone, lost connections
 * included: a prefix is in the set once, however often it was told. What does not fit (too many prefixes, or too long ones) counts as a
 * reader of everything from then on. Plain memory; one owner thread. */
#ifndef TESD_DAEMON_SINK_SUBSCRIPTION_SET_H
#define TESD_DAEMON_SINK_SUBSCRIPTION_SET_H

#include <stdbool.h>
#include <stddef.h>

enum { SUBSCRIPTIONS_MAX = 64, SUBSCRIPTION_BYTES = 64 };

struct subscription_set {      /* zeros: nobody */
    unsigned n;
    struct subscription { size_t length; char prefix[SUBSCRIPTION_BYTES]; } known[SUBSCRIPTIONS_MAX];
    bool everything;           /* more than fits */
};

void subscription_set_note(struct subscription_set *s, bool subscribes, const char *prefix, size_t length);
bool subscription_set_covers(const struct subscription_set *s, const char *topic);

#endif
