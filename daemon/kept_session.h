/* daemon/kept_session.h - what sinks are told of a session (live_sink.h), as a copy with all that it points to: for those who outlive the
 * original, or live on another thread. */
#ifndef TESD_DAEMON_KEPT_SESSION_H
#define TESD_DAEMON_KEPT_SESSION_H

#include "daemon/live_sink.h"

struct kept_session {
    struct live_session session;   /* points to what follows */
    struct live_array array;
    char folder[512], base_name[96], calibration_path[512];
    char *config_text;
};

struct kept_session *kept_session_new(const struct live_session *s);   /* NULL: no memory */
void kept_session_free(struct kept_session *k);                        /* NULL is fine */

#endif
