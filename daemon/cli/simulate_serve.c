#include "daemon/cli/simulate_serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cli/simulate_twin.h"

static const struct number_option numbers[] = {
#define AT(field) offsetof(struct serve_settings, field)
    {"block", "S", 0.05, NAN, 0.001, 1, false, AT(block_s), "data are processed in blocks of this length; the records of a block leave back to back"},
    {"all-together", "N", 0, NAN, 0, 1000, true, AT(together), "pooled: all channels fire together, N times in each block; 0: at random, --rate"},
    {"pool", "N", 16, NAN, 1, 10000, true, AT(pool), "pooled: records made for each pixel"},
    {"first-channel", "N", 1, NAN, 0, 1000000, true, AT(first_channel), "number of the first pixel's channel"},
    {"channel-step", "N", 2, NAN, 1, 1000, true, AT(channel_step), "from one channel number to the next"},
    {"auto-delay", "S", 0.02048, NAN, 0.0001, 10, false, AT(auto_delay_s), "between triggers of --auto channels"},
    {"torn", "N", 0, NAN, 0, 1e9, true, AT(torn_every), "every N-th record of a channel is torn in its file; 0: none"},
    {"external", "HZ", 0, NAN, 0, 10000, false, AT(external_Hz), "external triggers per second"},
    {"await", "N", 0, NAN, 0, 65536, true, AT(await), "SourceControl.Start waits until so many subscriptions to records are there, 20 s at most: tesd run has 1024"},
    {"queue", "N", 100, NAN, 1, 1e7, true, AT(queue), "records that wait for each connection to the record port before more are dropped: 100 as DASTARD"},
    {"for", "S", 0, NAN, 0, 1e9, false, AT(for_s), "end after this time; 0: at SIGINT or SIGTERM"},
    {"restart-after", "S", 0, NAN, 0, 1e9, false, AT(restart_after_s), "the source stops and starts again, frames from 0; 0: never"},
    {"stall-after", "S", 0, NAN, 0, 1e9, false, AT(stall_after_s), "processing hangs, then catches up in one burst; 0: never"},
    {"stall-for", "S", 1, NAN, 0.01, 3600, false, AT(stall_s), "how long it hangs"},
    {"vanish-after", "S", 0, NAN, 0, 1e9, false, AT(vanish_after_s), "the server dies: ports gone, buffers lost; 0: never"},
    {"vanish-for", "S", 2, NAN, 0.1, 3600, false, AT(vanish_s), "until it is there again"},
    {"frames-go-on", "0|1", 0, NAN, 0, 1, true, AT(frames_go_on), "1: a source that starts again counts its frames on, as no DASTARD does today; 0: from 0"},
    {"drop-after", "S", 0, NAN, 0, 1e9, false, AT(drop_after_s), "one block of data is lost in the readout; 0: never"},
#undef AT
};
enum { N_NUMBERS = sizeof numbers / sizeof numbers[0], KEY_NUMBER = 2000 };
_Static_assert(N_NUMBERS == (int)SERVE_NUMBERS, "the header counts the rows");
enum key { KEY_SERVE = 1500, KEY_RECORDS, KEY_CLOCK, KEY_TDM, KEY_GROUP, KEY_AUTO, KEY_WRITE, KEY_FILES, KEY_SIGNED, KEY_IDLE, KEY_OPEN };

/* ---- words ---- */

static bool is_loopback(const char *host) {
    struct in_addr a;
    return inet_pton(AF_INET, host, &a) == 1 && ntohl(a.s_addr) >> 24 == 127;
}

/* 0 for *, -1 for what is no port with room for its neighbours. */
static int port_of(const char *text) {
    char *end = NULL;
    if (strcmp(text, "*") == 0)
        return 0;
    const long port = strtol(text, &end, 10);
    return end == text || *end != '\0' || port < 0 || port > 65533 || (port > 0 && port < 3) ? -1 : (int)port;
}

/* tcp://HOST:PORT; HOST an IPv4 address, localhost or *, PORT a number or *. */
static bool split_endpoint(struct serve_settings *s, const char *text) {
    static const char scheme[] = "tcp://";
    const char *colon = strrchr(text, ':');
    if (strncmp(text, scheme, strlen(scheme)) != 0 || colon == NULL || colon < text + strlen(scheme))
        return false;
    const size_t n = (size_t)(colon - text) - strlen(scheme);
    if (n == 0 || n >= sizeof s->host)
        return false;
    memcpy(s->host, text + strlen(scheme), n);
    s->host[n] = '\0';
    if (strcmp(s->host, "localhost") == 0)
        strcpy(s->host, "127.0.0.1");
    if (strcmp(s->host, "0.0.0.0") == 0)
        strcpy(s->host, "*");
    struct in_addr a;
    s->port = port_of(colon + 1);
    if (s->port < 0)
        return false;
    return strcmp(s->host, "*") == 0 || inet_pton(AF_INET, s->host, &a) == 1;
}

static void take_clock(struct serve_settings *s, const char *text, struct argp_state *state) {
    static const struct number_option factor = {.name = "clock", .lo = 0.01, .hi = 1000};
    if (strcmp(text, "injected") == 0)
        s->clock = CLOCK_INJECTED;
    else if (text[0] == 'x')
        s->speed = number_option_value(&factor, text + 1, state);
    else if (strcmp(text, "real") != 0)
        argp_error(state, "--clock %s: real, xN (N times faster) or injected", text);
}

static void take_records(struct serve_settings *s, const char *text, struct argp_state *state) {
    s->synthesised = strcmp(text, "synthesised") == 0;
    if (!s->synthesised && strcmp(text, "pooled") != 0)
        argp_error(state, "--records %s: pooled or synthesised", text);
}

static void take_readout(struct serve_settings *s, const char *text, struct argp_state *state) {
    s->readout = strcmp(text, "coupled") == 0 ? READOUT_COUPLED : READOUT_PAIRS;
    if (s->readout == READOUT_PAIRS && strcmp(text, "pairs") != 0)
        argp_error(state, "--tdm %s: pairs or coupled", text);
}

/* A channel index at *text, which moves behind it; false: none. */
static bool read_index(const char **text, unsigned *index) {
    char *end;
    errno = 0;
    const unsigned long n = strtoul(*text, &end, 10);
    if (end == *text || **text == '-' || errno != 0 || n > 65535)
        return false;
    *text = end;
    *index = (unsigned)n;
    return true;
}

static void take_files(struct serve_settings *s, const char *text, struct argp_state *state) {
    const bool both = strcmp(text, "both") == 0;
    s->formats = (struct dastard_formats){.ljh = both || strcmp(text, "ljh") == 0, .off = both || strcmp(text, "off") == 0};
    if (!s->formats.ljh && !s->formats.off)
        argp_error(state, "--files %s: ljh, off or both", text);
}

static void take_groups(struct serve_settings *s, const char *list, struct argp_state *state) {
    const char *at = list;
    do {
        unsigned source = 0, receiver = 0;
        const bool good = s->n_groups < SERVE_LIST && read_index(&at, &source) && *at++ == ':' && read_index(&at, &receiver) && (*at == ',' || *at == '\0');
        if (!good || source == receiver)
            argp_error(state, "--group %s: up to %d pairs of channel indices like 0:30,0:31 are needed", list, SERVE_LIST);
        s->groups[s->n_groups].source = source;
        s->groups[s->n_groups++].receiver = receiver;
    } while (*at++ == ',');
}

static void take_automatic(struct serve_settings *s, const char *list, struct argp_state *state) {
    const char *at = list;
    do {
        if (s->n_automatic == SERVE_LIST || !read_index(&at, &s->automatic[s->n_automatic]) || (*at != ',' && *at != '\0'))
            argp_error(state, "--auto %s: up to %d channel indices like 60,61 are needed", list, SERVE_LIST);
        s->n_automatic++;
    } while (*at++ == ',');
}

static void check(struct serve_settings *s, struct argp_state *state) {
    if (s->endpoint == NULL)
        return;
    if (!split_endpoint(s, s->endpoint))
        argp_error(state, "--serve %s: tcp://127.0.0.1:PORT is needed, the port of the records (PORT * takes free ones)", s->endpoint);
    if (!s->open_network && !is_loopback(s->host))
        argp_error(state, "--serve %s: others could reach the control port; 127.0.0.1, or --open-network if that is meant", s->endpoint);
    if (s->synthesised && s->together > 0)
        argp_error(state, "--all-together is for --records pooled");
}

static error_t parse(int key, char *value, struct argp_state *state) {
    struct serve_settings *s = state->input;
    if (key >= KEY_NUMBER && key < KEY_NUMBER + N_NUMBERS) {
        const struct number_option *row = &numbers[key - KEY_NUMBER];
        *number_option_place(row, s) = number_option_value(row, value, state);
        return 0;
    }
    switch (key) {
    case ARGP_KEY_INIT:
        for (size_t i = 0; i < N_NUMBERS; i++)
            *number_option_place(&numbers[i], s) = numbers[i].usual;
        s->speed = 1;
        s->formats.ljh = true;
        return 0;
    case KEY_SERVE: s->endpoint = value; return 0;
    case KEY_RECORDS: take_records(s, value, state); return 0;
    case KEY_CLOCK: take_clock(s, value, state); return 0;
    case KEY_TDM: take_readout(s, value, state); return 0;
    case KEY_GROUP: take_groups(s, value, state); return 0;
    case KEY_AUTO: take_automatic(s, value, state); return 0;
    case KEY_WRITE: s->write_folder = value; return 0;
    case KEY_FILES: take_files(s, value, state); return 0;
    case KEY_SIGNED: s->is_signed = true; return 0;
    case KEY_IDLE: s->idle = true; return 0;
    case KEY_OPEN: s->open_network = true; return 0;
    case ARGP_KEY_END: check(s, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option words[SERVE_WORDS] = {
    {.doc = "A twin of the acquisition server instead of files:"},
    {.name = "serve", .key = KEY_SERVE, .arg = "ENDPOINT", .doc = "tcp://127.0.0.1:5502 as DASTARD: records there, control at 5500, status 5501, summaries 5504; port * takes free ones"},
    {.name = "records", .key = KEY_RECORDS, .arg = "KIND", .doc = "synthesised: the beamtime that -o would write, record for record, then the source stops; pooled: ready-made records, fast, without end [pooled]"},
    {.name = "clock", .key = KEY_CLOCK, .arg = "CLOCK", .doc = "real, xN (N times faster), or injected: time passes when SimulatedClock.Advance [seconds] on the control port says so [real]"},
    {.name = "tdm", .key = KEY_TDM, .arg = "KIND", .doc = "error and feedback channels in turn; pairs: error channels are silent, coupled: they follow their feedback as secondary records"},
    {.name = "group", .key = KEY_GROUP, .arg = "LIST", .doc = "group triggers by channel index: 0:30,0:31 makes 30 and 31 follow 0"},
    {.name = "auto", .key = KEY_AUTO, .arg = "LIST", .doc = "channel indices with an auto trigger and no other"},
    {.name = "write", .key = KEY_WRITE, .arg = "DIR", .doc = "write growing files and experiment states from the begin; without it when WriteControl says so"},
    {.name = "files", .key = KEY_FILES, .arg = "KIND", .doc = "what --write writes: ljh, off (coefficients by projectors of the pixel's own pulse) or both [ljh]"},
    {.name = "signed", .key = KEY_SIGNED, .doc = "samples are i16, 32768 lower"},
    {.name = "idle", .key = KEY_IDLE, .doc = "the source waits for SourceControl.Start"},
    {.name = "open-network", .key = KEY_OPEN, .doc = "allow an address that others can reach"},
};

void simulate_serve_flags(struct serve_flags *out) {
    memcpy(out->options, words, sizeof words);
    for (int i = 0; i < N_NUMBERS; i++)
        out->options[SERVE_WORDS + i] = number_option_flag(&numbers[i], KEY_NUMBER + i, out->help[i]);
    out->options[SERVE_WORDS + N_NUMBERS] = (struct argp_option){0};
    out->argp = (struct argp){.options = out->options, .parser = parse};
}

int simulate_serve(const struct simulate_settings *settings, const struct serve_settings *serve) {
    struct simulate_settings s = *settings;
    struct twin *twin = NULL;
    enum exit_code code = simulate_twin_new(&s, serve, &twin);
    if (code == EXIT_GOOD)
        code = simulate_twin_run(twin);
    simulate_twin_free(twin);
    return (int)code;
}
