#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/cli/cli.h"
#include "daemon/cli/stream_keys.h"
#include "daemon/client/file_pixels.h"
#include "daemon/client/file_states.h"
#include "daemon/client/pixel_layout.h"
#include "daemon/client/subscriber.h"
#include "daemon/client/web_server.h"
#include "daemon/clock.h"
#include "daemon/exit_code.h"
#include "daemon/log.h"
#include "daemon/model_store.h"
#include "daemon/source/file_bytes.h"

enum { STEP_MS = 50, MOST_FILES = 8, MOST_PIXELS = 32, LAYOUT_BYTES = 1 << 20, NAME = 61 };

struct arguments {
    const char *what[MOST_FILES], *listen, *control, *calibration, *layout;
    unsigned n_what;
    struct subscriber_keys keys;
};

static volatile sig_atomic_t stopped;   /* the signal flag */

static void stop(int number) {
    (void)number;
    stopped = 1;
}

static bool is_stream(const char *what) { return strstr(what, "://") != NULL; }

static error_t parse_argument(int key, char *value, struct argp_state *state) {
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->keys; return 0;
    case 'l': a->listen = value; return 0;
    case 'c': a->control = value; return 0;
    case 'm': a->calibration = value; return 0;
    case 'p': a->layout = value; return 0;
    case ARGP_KEY_ARG:
        if (a->n_what > 0 && (is_stream(value) || is_stream(a->what[0])))
            argp_error(state, "one endpoint, or files; not %s as well", value);
        if (a->n_what == MOST_FILES)
            argp_error(state, "at most %d files", MOST_FILES);
        a->what[a->n_what++] = value;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static bool keep(void *store, const struct stream_state *state) { return web_store_put(store, state); }

/* ---- a stream ---- */

/* Details of pixels that somebody looks at are subscribed to, for as long. */
static void follow_pixels(struct subscriber *s, struct web_server *w, int *had, size_t *n_had) {
    int now[MOST_PIXELS];
    const size_t n = web_server_pixels(w, now, MOST_PIXELS);
    if (n == *n_had && memcmp(now, had, n * sizeof *now) == 0)
        return;
    for (int round = 0; round < 2; round++) {   /* new ones, then those that were */
        const int *from = round == 0 ? now : had, *other = round == 0 ? had : now;
        const size_t n_from = round == 0 ? n : *n_had, n_other = round == 0 ? *n_had : n;
        for (size_t k = 0; k < n_from; k++) {
            char topic[32];
            size_t j = 0;
            while (j < n_other && other[j] != from[k])
                j++;
            snprintf(topic, sizeof topic, "detail/%d/", from[k]);
            if (j == n_other)
                subscriber_want(s, topic, round == 0);
        }
    }
    memcpy(had, now, n * sizeof *now);
    *n_had = n;
}

/* What is new of the stream goes into the store, until a signal. */
static void follow(struct subscriber *s, struct web_store *store, struct web_server *w) {
    int pixels[MOST_PIXELS];
    uint64_t boots = 0;
    size_t n_pixels = 0;
    while (!stopped) {
        const struct stream_state *state;
        subscriber_step(s, STEP_MS, clock_ms());
        web_server_age(w, subscriber_silence_ms(s, clock_ms()));
        follow_pixels(s, w, pixels, &n_pixels);
        if (subscriber_counts(s).boots != boots && boots > 0)
            web_store_clear(store);
        boots = subscriber_counts(s).boots;
        while ((state = subscriber_news(s)) != NULL)
            web_store_put(store, state);
    }
}

static bool listen_to(const struct arguments *a, struct subscriber **out) {
    static const char *const prefixes[] = { "hb/", "run/", "pfy/", "xes/", "rixs/map/", "rixs/loss/", "cal/", "pixel/", "alarm/", "disk/", "control/", "consistency/" };
    return subscriber_new(a->what[0], stream_keys_of(&a->keys), prefixes, sizeof prefixes / sizeof *prefixes, out);
}

/* ---- files ---- */

/* What a file is called where there are several: its own name, with its place where another has the same. */
static void name_of(const struct arguments *a, unsigned k, char out[NAME]) {
    char own[MOST_FILES][NAME];
    bool twice = false;
    for (unsigned j = 0; j < a->n_what; j++) {
        const char *slash = strrchr(a->what[j], '/'), *base = slash != NULL ? slash + 1 : a->what[j];
        const size_t n = strlen(base), ending = n > 4 && strcmp(base + n - 4, ".nxs") == 0 ? 4 : 0;
        snprintf(own[j], NAME, "%.*s", (int)(n - ending), base);
    }
    for (unsigned j = 0; j < a->n_what; j++)
        twice = twice || (j != k && strcmp(own[j], own[k]) == 0);
    if (twice)
        snprintf(out, NAME, "%.*s #%u", NAME - 16, own[k], k + 1);
    else
        snprintf(out, NAME, "%s", a->n_what > 1 ? own[k] : "");
}

static bool read_files(const struct arguments *a, struct web_store *store) {
    struct array_model *model = NULL;
    bool good = a->calibration == NULL || model_store_load(a->calibration, &model);
    for (unsigned k = a->n_what; good && k-- > 0;) {   /* the first one last: what came last is shown first */
        char name[NAME];
        name_of(a, k, name);
        good = file_states_read(a->what[k], name, keep, store);
    }
    good = good && file_pixels_read(a->what[0], model, keep, store);
    array_model_free(model);
    return good;
}

static bool read_layout(const char *path, struct web_store *store) {
    struct stream_state s = { .topic = "layout/", .seq = 1, .boot = "file", .kind = "layout" };
    struct pixel_layout l = { 0 };
    struct complaint why = { .text = "" };
    char wrong[LAYOUT_WHY] = "";
    uint8_t *text = NULL;
    size_t n = 0;
    if (path == NULL)
        return true;
    if (file_bytes_text(path, LAYOUT_BYTES, &text, &n, &why) != STATUS_OK || !pixel_layout_read((const char *)text, n, &l, wrong)) {
        log_error("%s: %s", path, wrong[0] != '\0' ? wrong : why.text);
        free(text);
        return false;
    }
    json_t *channels = json_array(), *rows = json_array(), *columns = json_array();
    for (size_t k = 0; k < l.n; k++) {
        json_array_append_new(channels, json_integer(l.places[k].channel));
        json_array_append_new(rows, json_integer(l.places[k].row));
        json_array_append_new(columns, json_integer(l.places[k].column));
    }
    s.header = json_pack("{s:s,s:i,s:[],s:o,s:o,s:o}", "kind", "layout", "scan", -1, "arrays", "channels", channels, "rows", rows, "columns", columns);
    const bool good = s.header != NULL && web_store_put(store, &s);
    json_decref(s.header);
    pixel_layout_done(&l);
    free(text);
    return good;
}

static int serve(const struct arguments *a, struct web_store *store) {
    const bool file = !is_stream(a->what[0]);
    char title[256] = "";
    for (unsigned k = 0; k < a->n_what; k++)
        snprintf(title + strlen(title), sizeof title - strlen(title), "%s%s", k > 0 ? ", " : "", a->what[k]);
    const struct web_settings settings = { .listen = a->listen, .title = title, .control = a->control };
    struct subscriber *s = NULL;
    struct web_server *w = NULL;
    if (!read_layout(a->layout, store) || (file && !read_files(a, store)))
        return EXIT_REFUSED;
    if (!file && !listen_to(a, &s))
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
        { .name = "calibration", .key = 'm', .arg = "CAL.h5", .doc = "average pulses and noise of the pixels of a file (a stream tells them itself)" },
        { .name = "layout", .key = 'p', .arg = "FILE", .doc = "where the pixels sit: lines of channel,row,column" },
        { 0 }
    };
    static const struct argp_child children[] = { { .argp = &stream_keys_argp }, { 0 } };
    static const struct argp argp = { .options = rows, .parser = parse_argument, .children = children, .args_doc = "[ENDPOINT|OUT.nxs...]",
                                      .doc = "Serves a page that shows what a stream tells (default tcp://127.0.0.1:5560), or finished files: maps, spectra, two conditions side by side, pixels, losses." };
    struct arguments a = { .listen = "127.0.0.1:8080" };
    struct web_store *store;
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    if (a.n_what == 0)
        a.what[a.n_what++] = "tcp://127.0.0.1:5560";
    if (strrchr(a.listen, ':') == NULL) {
        log_error("--listen %s: an address and a port, like 127.0.0.1:8080", a.listen);
        return EXIT_USAGE;
    }
    if (!web_store_new(!is_stream(a.what[0]), &store)) {
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
