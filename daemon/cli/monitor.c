#include <argp.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "daemon/cli/cli.h"
#include "daemon/cli/stream_keys.h"
#include "daemon/client/monitor_view.h"
#include "daemon/client/stream_yield.h"
#include "daemon/clock.h"
#include "daemon/exit_code.h"
#include "daemon/log.h"

enum { KEY_ONCE = 2000, KEY_JSON, KEY_REGION, KEY_WAIT, REDRAW_MS = 250, JSON_MS = 1000, SETTLE_MS = 300 };

struct arguments {
    const char *endpoint, *region;
    struct subscriber_keys keys;
    bool once, json;
    double wait_s;               /* for a first word of the stream */
};

static error_t parse_argument(int key, char *value, struct argp_state *state) {
    struct arguments *a = state->input;
    char *end;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->keys; return 0;
    case KEY_ONCE: a->once = true; return 0;
    case KEY_JSON: a->json = true; return 0;
    case KEY_REGION: a->region = value; return 0;
    case KEY_WAIT:
        a->wait_s = strtod(value, &end);
        if (end == value || *end != '\0' || !(a->wait_s >= 0 && a->wait_s <= 3600))
            argp_error(state, "--wait %s: 0 to 3600 s", value);
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0)
            argp_error(state, "one endpoint, not %s as well", value);
        a->endpoint = value;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- the screen ---- */

struct terminal { struct termios before; bool raw; };

static struct monitor_screen screen_of(const struct arguments *a, const char *region) {
    struct winsize size = { .ws_col = 80, .ws_row = 24 };
    bool terminal = isatty(STDOUT_FILENO);
    if (terminal && (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0))
        size = (struct winsize){ .ws_col = 80, .ws_row = 24 };
    return (struct monitor_screen){ .width = size.ws_col, .height = size.ws_row, .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
                                    .colour = terminal && getenv("NO_COLOR") == NULL, .endpoint = a->endpoint, .region = region };
}

/* Keys one by one and unechoed, on the terminal's other screen, so that what stood there is there again afterwards. */
static void terminal_begin(struct terminal *t) {
    if (isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &t->before) == 0) {
        struct termios keys = t->before;
        keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        keys.c_cc[VMIN] = 0;
        keys.c_cc[VTIME] = 0;
        t->raw = tcsetattr(STDIN_FILENO, TCSANOW, &keys) == 0;
    }
    fputs("\033[?1049h\033[?25l", stdout);
}

static void terminal_end(const struct terminal *t) {
    fputs("\033[?25h\033[?1049l", stdout);
    fflush(stdout);
    if (t->raw)
        tcsetattr(STDIN_FILENO, TCSANOW, &t->before);
}

/* In one write and without clearing first, so that nothing flickers. */
static void draw(const struct subscriber *s, const struct monitor_screen *screen) {
    char *text = NULL;
    size_t n = 0;
    FILE *page = open_memstream(&text, &n);
    if (page == NULL)
        return;
    monitor_view_text(s, clock_ms(), screen, page);
    fclose(page);
    fputs("\033[H", stdout);
    for (char *line = text, *end; text != NULL && (end = strchr(line, '\n')) != NULL; line = end + 1)
        printf("%.*s\033[K%s", (int)(end - line), line, end[1] != '\0' ? "\n" : "");
    fputs("\033[J", stdout);
    fflush(stdout);
    free(text);
}

/* False: the user wants to leave. Space and tab: the next window is drawn large. */
static bool take_keys(const struct terminal *t, const struct subscriber *s, char region[STREAM_REGION_TEXT]) {
    char keys[16];
    ssize_t n = t->raw ? read(STDIN_FILENO, keys, sizeof keys) : 0;
    for (ssize_t k = 0; k < n; k++) {
        if (keys[k] == 'q' || keys[k] == 'Q' || keys[k] == 4)
            return false;
        if (keys[k] != ' ' && keys[k] != '\t')
            continue;
        const struct stream_yields all = stream_yields_of(s);
        const struct stream_state *next = stream_yields_next(&all, region);
        if (next != NULL)
            stream_yield_region(next, region);
    }
    return true;
}

/* Signals wait until they are asked for, so that the terminal is always put back. */
static bool told_to_leave(const sigset_t *signals) {
    return sigtimedwait(signals, NULL, &(struct timespec){ 0 }) > 0;
}

static int watch(const struct arguments *a, struct subscriber *s) {
    struct terminal t = { .raw = false };
    char region[STREAM_REGION_TEXT] = "";
    if (a->region != NULL)
        snprintf(region, sizeof region, "%s", a->region);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    terminal_begin(&t);
    while (!told_to_leave(&signals) && take_keys(&t, s, region)) {
        struct monitor_screen screen = screen_of(a, region);
        draw(s, &screen);
        subscriber_step(s, REDRAW_MS, clock_ms());
    }
    terminal_end(&t);
    return EXIT_GOOD;
}

/* ---- for scripts ---- */

/* Until the stream's first heartbeat, and then as long as a cache needs to answer. */
static bool hear(const struct arguments *a, struct subscriber *s) {
    int64_t until = clock_ms() + (int64_t)(a->wait_s * 1e3);
    while (subscriber_find(s, "hb/") == NULL && clock_ms() < until)
        subscriber_step(s, 50, clock_ms());
    for (int64_t settled = clock_ms() + SETTLE_MS; clock_ms() < settled;)
        subscriber_step(s, 50, clock_ms());
    return subscriber_silence_ms(s, clock_ms()) >= 0;
}

static void print_json(const struct subscriber *s, const char *endpoint) {
    json_t *all = monitor_view_json(s, clock_ms(), endpoint);
    json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(17));
    putchar('\n');
    fflush(stdout);
    json_decref(all);
}

static int print(const struct arguments *a, struct subscriber *s) {
    if (!hear(a, s)) {
        log_error("%s: no stream there in %g s; is tesd running, and is stream.endpoint this one?", a->endpoint, a->wait_s);
        return EXIT_FAILED;
    }
    if (!a->json) {
        struct monitor_screen screen = screen_of(a, a->region);
        monitor_view_text(s, clock_ms(), &screen, stdout);
        return EXIT_GOOD;
    }
    print_json(s, a->endpoint);
    while (!a->once && !ferror(stdout)) {
        for (int64_t next = clock_ms() + JSON_MS; clock_ms() < next;)
            subscriber_step(s, 100, clock_ms());
        print_json(s, a->endpoint);
    }
    return EXIT_GOOD;
}

int cmd_monitor(int argc, char **argv) {
    static const struct argp_option rows[] = {
        { .name = "once", .key = KEY_ONCE, .doc = "print one screen (or object) and leave" },
        { .name = "json", .key = KEY_JSON, .doc = "an object a line, every second, instead of a screen" },
        { .name = "region", .key = KEY_REGION, .arg = "NAME", .doc = "window whose PFY is drawn large, such as O (default: the first)" },
        { .name = "wait", .key = KEY_WAIT, .arg = "SECONDS", .doc = "how long --once and --json wait for the stream (default 5)" },
        { 0 }
    };
    static const struct argp_child children[] = { { .argp = &stream_keys_argp }, { 0 } };
    static const struct argp argp = { .options = rows, .parser = parse_argument, .children = children, .args_doc = "[ENDPOINT]",
                                      .doc = "Shows what tesd publishes (default tcp://127.0.0.1:5560): run, rates, losses, spectra, pixels, alarms. Space: the next window, q: leave." };
    struct arguments a = { .endpoint = "tcp://127.0.0.1:5560", .wait_s = 5 };
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    setlocale(LC_CTYPE, "");
    struct subscriber *s;
    if (!subscriber_new(a.endpoint, stream_keys_of(&a.keys), NULL, 0, &s))
        return EXIT_USAGE;
    int code = a.once || a.json ? print(&a, s) : watch(&a, s);
    subscriber_free(s);
    return code;
}
