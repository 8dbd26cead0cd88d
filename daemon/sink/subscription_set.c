#include "daemon/sink/subscription_set.h"

#include <string.h>

static unsigned place_of(const struct subscription_set *s, const char *prefix, size_t length) {
    unsigned k = 0;
    while (k < s->n && !(s->known[k].length == length && memcmp(s->known[k].prefix, prefix, length) == 0))
        k++;
    return k;
}

void subscription_set_note(struct subscription_set *s, bool subscribes, const char *prefix, size_t length) {
    const bool fits = length <= SUBSCRIPTION_BYTES;
    const unsigned k = fits ? place_of(s, prefix, length) : s->n;
    if (!subscribes) {
        if (k < s->n)
            s->known[k] = s->known[--s->n];
        return;
    }
    if (k < s->n)
        return;
    if (!fits || s->n == SUBSCRIPTIONS_MAX) {
        s->everything = true;
        return;
    }
    s->known[s->n].length = length;
    memcpy(s->known[s->n++].prefix, prefix, length);
}

bool subscription_set_covers(const struct subscription_set *s, const char *topic) {
    for (unsigned k = 0; k < s->n && !s->everything; k++)
        if (strncmp(topic, s->known[k].prefix, s->known[k].length) == 0)
            return true;
    return s->everything;
}
