#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/cli/cli.h"
#include "daemon/cli/stream_keys.h"
#include "daemon/client/file_states.h"
#include "daemon/client/subscriber.h"
#include "daemon/client/web_server.h"
#include "daemon/clock.h"
#include "daemon/exit_code.h"
#include "daemon/log.h"

enum { STEP_MS = 50, TITLE = 256 };

struct arguments {
    const char *what, *listen, *control;
    struct subscriber_keys keys;
};

static volatile sig_atomic_t stopped;   /* the signal flag */

static void stop(int number) {
    (void)number;
    stopped = 1;
}

static error_t parse_argument(int key, char *value, struct argp_state *state) {
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->keys; return 0;
    case 'l': a->listen = value; return 0;
    case 'c': a->control = value; return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0)
            argp_error(state, "one endpoint or file, not %s as well", value);
        a->what = value;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static bool keep(void *store, const struct stream_state *state) { return web_store_put(store, state); }

/* What is new of the stream goes into the store, until a signal. */
static void follow(struct subscriber *s, struct web_store *store, struct web_server *w) {
    uint64_t boots = 0;
    uint64_t *seen = NULL;   /* seq by place; places move only when topics come, and then all is put again */
    size_t n_seen = 0;
    while (!stopped) {
        unsigned n_new = subscriber_step(s, STEP_MS, clock_ms());
        web_server_age(w, subscriber_silence_ms(s, clock_ms()));
        size_t n = subscriber_topics(s);
        bool other = subscriber_counts(s).boots != boots;
        if (n_new == 0 && !other)
            continue;
        if (other && boots > 0)
            web_store_clear(store);
        if (other || n != n_seen) {
            uint64_t *more = realloc(seen, (n + 1) * sizeof *seen);
            if (more == NULL)
                break;
            seen = more;
            memset(seen, 0, (n + 1) * sizeof *seen);
            n_seen = n;
        }
        boots = subscriber_counts(s).boots;
        for (size_t k = 0; k < n; k++) {
            const struct stream_state *state = subscriber_state(s, k);
            if (state->seq != seen[k] && web_store_put(store, state))
                seen[k] = state->seq;
        }
    }
    free(seen);
}

static int serve(const struct arguments *a, struct web_store *store) {
    const bool file = strstr(a->what, "://") == NULL;
    const struct web_settings settings = { .listen = a->listen, .title = a->what, .control = a->control };
    struct subscriber *s = NULL;
    struct web_server *w = NULL;
    if (file && !file_states_read(a->what, keep, store))
        return EXIT_REFUSED;
    if (!file && !subscriber_new(a->what, stream_keys_of(&a->keys), NULL, 0, &s))
        return EXIT_USAGE;
    if (!web_server_new(&settings, store, &w)) {
        subscriber_free(s);
        return EXIT_FAILED;
    }
    printf("http://%.*s:%d/\n", (int)(strrchr(a->listen, ':') - a->listen), a->listen, web_server_port(w));
    fflush(stdout);
    web_server_age(w, file ? -2 : -1);
    const struct timespec tick = { .tv_nsec = 100000000 };
    while (file && !stopped)
        nanosleep(&tick, NULL);
    if (!file)
        follow(s, store, w);
    web_server_free(w);
    subscriber_free(s);
    return EXIT_GOOD;
}

int cmd_web(int argc, char **argv) {
    static const struct argp_option rows[] = {
        { .name = "listen", .key = 'l', .arg = "ADDRESS:PORT", .doc = "where the page is served (default 127.0.0.1:8080; port 0: a free one)" },
        { .name = "control", .key = 'c', .arg = "ENDPOINT", .doc = "windows may be changed from the page, by this control port (tcp://127.0.0.1:5561); without it the page is read-only" },
        { 0 }
    };
    static const struct argp_child children[] = { { .argp = &stream_keys_argp }, { 0 } };
    static const struct argp argp = { .options = rows, .parser = parse_argument, .children = children, .args_doc = "[ENDPOINT|OUT.nxs]",
                                      .doc = "Serves a page that shows what a stream tells (default tcp://127.0.0.1:5560), or a finished file: maps, spectra, pixels, losses." };
    struct arguments a = { .what = "tcp://127.0.0.1:5560", .listen = "127.0.0.1:8080" };
    struct web_store *store;
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    if (strrchr(a.listen, ':') == NULL) {
        log_error("--listen %s: an address and a port, like 127.0.0.1:8080", a.listen);
        return EXIT_USAGE;
    }
    if (!web_store_new(&store)) {
        log_error("out of memory");
        return EXIT_FAILED;
    }
    const struct sigaction action = { .sa_handler = stop };
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    int code = serve(&a, store);
    web_store_free(store);
    return code;
}
