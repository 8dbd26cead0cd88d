/* daemon/live_reload.h - SIGHUP: the config read anew, what is hot taken over, the rest refused with its reason.
 *   config file --> options table row by row against those in force --> live_session_reload, and one line per key */
#ifndef TESD_DAEMON_LIVE_RELOAD_H
#define TESD_DAEMON_LIVE_RELOAD_H

#include <stdbool.h>

#include "daemon/live_session.h"
#include "daemon/options.h"

/* On any error the old settings stay, and the faults are logged. *in_force gets what was taken over. False: the file has faults. */
bool live_reload(const char *config_path, struct options *in_force, struct live_session_work *session);

/* Hot keys may change while running. */
bool live_reload_is_hot(const char *key);

#endif
