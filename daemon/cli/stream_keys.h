/* daemon/cli/stream_keys.h - the options with which a client of the stream shows its keys: --server-key and --key, both or none. */
#ifndef TESD_DAEMON_CLI_STREAM_KEYS_H
#define TESD_DAEMON_CLI_STREAM_KEYS_H

#include <argp.h>

#include "daemon/client/subscriber.h"

extern const struct argp stream_keys_argp;   /* a child; its input is a struct subscriber_keys, zero at first */

/* What subscriber_new wants: NULL when none were given. */
const struct subscriber_keys *stream_keys_of(const struct subscriber_keys *keys);

#endif
