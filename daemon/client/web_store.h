/* daemon/client/web_store.h - what browsers are shown: the newest state of every topic, of this scan and of earlier ones, each as one binary message.
 *   stream_state --put--> [u32 length of header][JSON header][to 8 bytes][arrays, each to 8 bytes]   --next--> connections, each at its own pace
 * A connection asks for what is newer than what it had, so a slow one skips states and holds up nobody. States of scans are kept by their set: the
 * header's `set` where it has one (a sum in a file), else "scan N". Maps and the details of pixels are large, states of pixels many: they are given only
 * to whoever names their set, their topic, or "pixel/", and in that order, so that the map need not wait for a thousand pixels. Of a stream the last sets are kept; of files all. One thread puts, any thread asks. */
#ifndef TESD_DAEMON_CLIENT_WEB_STORE_H
#define TESD_DAEMON_CLIENT_WEB_STORE_H

#include "daemon/client/stream_state.h"

struct web_store;    /* opaque */
struct web_message { size_t n; const unsigned char *bytes; struct web_block *block; };   /* borrowed until released */

enum { WEB_SET_TEXT = 200 };

/* all: every set stays; else the last thirty, and the maps of the last twelve. False: no memory. */
bool web_store_new(bool all, struct web_store **out);
void web_store_free(struct web_store *s);

bool web_store_put(struct web_store *s, const struct stream_state *state);   /* false: no memory */
void web_store_clear(struct web_store *s);       /* another start of the program: what there was is of no use */

/* The oldest message that is newer than *after, which becomes its number; false: none. The number 0 is before all. want NULL: of what everybody
 * gets; else a set, a topic or "pixel/": of the large states of that set or topic, or of the states of all pixels. */
bool web_store_next(struct web_store *s, const char *want, uint64_t *after, struct web_message *out);
void web_message_release(struct web_message *m);
uint64_t web_store_generation(struct web_store *s);   /* grows with each clear */

#endif
