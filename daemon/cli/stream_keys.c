#include "daemon/cli/stream_keys.h"

enum { KEY_SERVER = 3000, KEY_OWN };

static error_t parse_argument(int key, char *value, struct argp_state *state) {
    struct subscriber_keys *k = state->input;
    switch (key) {
    case KEY_SERVER: k->server = value; return 0;
    case KEY_OWN: k->own = value; return 0;
    case ARGP_KEY_END:
        if ((k->server == NULL) != (k->own == NULL))
            argp_error(state, "--server-key and --key go together");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option rows[] = {
    { .name = "server-key", .key = KEY_SERVER, .arg = "server.key", .doc = "of a stream that demands keys (tesd keygen)" },
    { .name = "key", .key = KEY_OWN, .arg = "NAME.secret", .doc = "your own, for such a stream" },
    { 0 }
};
const struct argp stream_keys_argp = { .options = rows, .parser = parse_argument };

const struct subscriber_keys *stream_keys_of(const struct subscriber_keys *keys) { return keys->server != NULL ? keys : NULL; }
