/* daemon/cli/simulate.c - tesd simulate: arguments, then daemon/cli/simulate_run.c (-o) or simulate_serve.c (--serve) does the work. */
#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/cli/cli.h"
#include "daemon/cli/number_option.h"
#include "daemon/cli/output_path.h"
#include "daemon/cli/simulate_photons.h"
#include "daemon/cli/simulate_run.h"
#include "daemon/cli/simulate_serve.h"
#include "daemon/exit_code.h"
#include "daemon/log.h"

static const struct number_option numbers[] = {
#define AT(field) offsetof(struct simulate_settings, field)
    {"pixels", "N", 16, 8, 1, 4096, true, AT(pixels), "pixels of the array"},
    {"seed", "N", 1, NAN, 0, 9007199254740992., true, AT(seed), "everything follows from it"},
    {"samples", "N", 1024, NAN, 64, 8192, true, AT(samples), "record length"},
    {"presamples", "N", 256, NAN, 16, 8000, true, AT(presamples), "samples before the trigger"},
    {"period", "S", 6.4e-6, NAN, 2e-7, 1e-4, false, AT(period_s), "sample period in seconds"},
    {"rate", "HZ", 6, 20, 0.01, 1000, false, AT(rate_Hz), "photons per second and pixel: in calibrations, and on average over a scan"},
    {"scans", "N", 2, 1, 0, 1000, true, AT(scans), "repeats of each edge in each condition"},
    {"points", "N", 61, 41, 2, 2000, true, AT(points), "incident energies of a scan"},
    {"dwell", "S", 1.2, 0.8, 0.01, 3600, false, AT(dwell_s), "length of a point"},
    {"move", "S", 0.35, 0.2, 0, 60, false, AT(move_s), "from one point to the next"},
    {"flux-step", "F", 1, NAN, 1, 100, false, AT(flux_step), "every other point of a scan has F times the flux of those between them; --rate stays the mean"},
    {"calibration-s", "S", 300, 100, 1, 86400, false, AT(calibration_s), "length of the calibrations before and after"},
    {"mono", "EV", 1000, NAN, 300, 1200, false, AT(mono_eV), "incident energy of the calibrations"},
    {"noise-records", "N", 500, 300, 0, 100000, true, AT(noise_records), "records of the noise run"},
    {"bad-fraction", "F", 0.13, NAN, 0, 1, false, AT(bad_fraction), "share of pixels that have something wrong"},
    {"resolution", "EV", 1.4, NAN, 0.05, 50, false, AT(resolution_eV), "FWHM that a perfect analysis reaches at 700 eV, on average"},
    {"gain-step", "F", 0, NAN, 0, 0.05, false, AT(gain_step), "rms over the pixels of a relative gain step halfway"},
    {"gain-drift", "F", 0, NAN, -0.05, 0.05, false, AT(gain_drift), "relative gain that the typical pixel gains evenly over the run; 0.004 is 3 eV at 750 eV"},
    {"gain-bow", "F", 0, NAN, -0.05, 0.05, false, AT(gain_bow), "relative gain that it gains towards the middle of the run and loses again"},
    {"mains-wander", "HZ", 0.015, NAN, 0, 100, false, AT(mains_wander_Hz), "rms of the mains' frequency about its mean"},
    {"stamp-jitter", "US", 60, NAN, 0, 1000, false, AT(stamp_jitter_us), "of the records' time stamps, in us"},
    {"jumping", "F", 0, NAN, 0, 1, false, AT(jumping), "share of the good pixels that lock at another point during the run"},
    {"jump-at", "F", 0.75, NAN, 0, 1, false, AT(jump_at), "when pixels jump, of the length of the run"},
    {"jump-back", "F", 0, NAN, 0, 1, false, AT(jump_back), "when they come back; 0: never"},
    {"jump-counts", "N", 230, NAN, 0, 20000, false, AT(jump_counts), "how far their heights jump, typically; about 12 counts are 1 eV"},
    {"jump-baseline", "F", 3, NAN, -100, 100, false, AT(jump_baseline), "counts that the baseline jumps for each of them"},
    {"crosstalk", "F", 0, NAN, 0, 0.1, false, AT(crosstalk), "share of a neighbour's pulse that a pixel sees, on average; 0 is some 0.0003"},
    {"showers", "HZ", 0, NAN, 0, 1000, false, AT(shower_Hz), "showers of cosmic rays per second, each of which hits many pixels at once"},
    {"shower-share", "F", 0.4, NAN, 0, 1, false, AT(shower_share), "share of the pixels that a shower hits"},
    {"workers", "N", 0, NAN, 0, 256, true, AT(workers), "threads; 0 is one per core. The result does not depend on it"},
#undef AT
};
enum { N_NUMBERS = sizeof numbers / sizeof numbers[0], N_WORDS = 11, KEY_NUMBER = 1000 };
enum key { KEY_OUT = 'o', KEY_EDGES = 500, KEY_CONDITIONS, KEY_FEATURE, KEY_TRIGGER, KEY_START, KEY_LINES, KEY_QUICK, KEY_FORCE, KEY_CALIBRANT, KEY_PHOTONS };

static const struct argp_option words[N_WORDS] = {
    {.name = "output", .key = KEY_OUT, .arg = "DIR", .doc = "folder to write; made when it is not there"},
    {.name = "quick", .key = KEY_QUICK, .doc = "a tiny beamtime: other defaults, in brackets"},
    {.name = "force", .key = KEY_FORCE, .doc = "write into a folder that is not empty; an earlier simulation in it is removed"},
    {.name = "edges", .key = KEY_EDGES, .arg = "LIST", .doc = "of o, mn, co, ni, in this order [co,o]"},
    {.name = "conditions", .key = KEY_CONDITIONS, .arg = "LIST", .doc = "names of the sample's conditions [pristine,heated]"},
    {.name = "feature", .key = KEY_FEATURE, .arg = "LIST", .doc = "strength of the 531/523 eV feature in each condition, as a share of the O K fluorescence [0.03,0.15]"},
    {.name = "trigger", .key = KEY_TRIGGER, .arg = "MODE", .doc = "edge-multi (every pulse gets a full record) or edge (blind for a record) [edge-multi]"},
    {.name = "start", .key = KEY_START, .arg = "TIME", .doc = "UTC time of the pulse run [2026-03-02T09:00:00; served by the real clock or xN: now]"},
    {.name = "calibrant", .key = KEY_CALIBRANT, .arg = "LIST", .doc = "mono energies in eV of further calibrations after the first, for tesd calibrate --calibrant [none]"},
    {.name = "photons", .key = KEY_PHOTONS, .doc = "no records: photons with their true arrivals and energies smeared by --resolution, through the same grading and products; -o is a NeXus file"},
    {.name = "lines", .key = KEY_LINES, .arg = "TABLE", .doc = "line table that gives the calibration mix its positions and profiles [nslsii-mix]"},
};

static size_t count_of(const char *list) {
    size_t n = *list != '\0';
    for (const char *c = list; *c != '\0'; c++)
        n += *c == ',';
    return n;
}

/* Item i of a comma-separated list into out; false: longer than there is room for, or empty. */
static bool item_of(const char *list, size_t i, char *out, size_t size) {
    for (; i > 0; i--)
        list = strchr(list, ',') + 1;
    const size_t n = strcspn(list, ",");
    if (n == 0 || n >= size)
        return false;
    memcpy(out, list, n);
    out[n] = '\0';
    return true;
}

static void take_edges(struct simulate_settings *s, const char *list, struct argp_state *state) {
    s->n_edges = (uint32_t)count_of(list);
    if (s->n_edges > BEAMTIME_MAX_EDGES)
        argp_error(state, "--edges: more than %d edges", BEAMTIME_MAX_EDGES);
    for (uint32_t i = 0; i < s->n_edges; i++) {
        char name[16];
        s->edges[i] = item_of(list, i, name, sizeof name) ? rixs_edge_named(name) : NULL;
        if (s->edges[i] == NULL)
            argp_error(state, "--edges %s: edge %u is not known; there are o, mn, co and ni", list, i + 1);
    }
}

static bool is_name(const char *text) {
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == strlen(text);
}

static void take_conditions(struct simulate_settings *s, const char *list, struct argp_state *state) {
    s->n_conditions = (uint32_t)count_of(list);
    if (s->n_conditions < 1 || s->n_conditions > BEAMTIME_MAX_CONDITIONS)
        argp_error(state, "--conditions: between 1 and %d", BEAMTIME_MAX_CONDITIONS);
    for (uint32_t i = 0; i < s->n_conditions; i++)
        if (!item_of(list, i, s->conditions[i], sizeof s->conditions[i]) || !is_name(s->conditions[i]))
            argp_error(state, "--conditions %s: name %u is empty, longer than %d letters, or holds other signs than letters, digits, _ and -", list, i + 1, BEAMTIME_NAME - 1);
}

static void take_strengths(struct simulate_settings *s, const char *list, struct argp_state *state) {
    s->n_strengths = (uint32_t)count_of(list);
    if (s->n_strengths > BEAMTIME_MAX_CONDITIONS)
        argp_error(state, "--feature: more than %d strengths", BEAMTIME_MAX_CONDITIONS);
    for (uint32_t i = 0; i < s->n_strengths; i++) {
        char text[32] = "";
        item_of(list, i, text, sizeof text);
        static const struct number_option strength = {.name = "feature", .lo = 0, .hi = 10};
        s->feature[i] = number_option_value(&strength, text, state);
    }
}

static void take_calibrant(struct simulate_settings *s, const char *list, struct argp_state *state) {
    s->n_calibrant = (uint32_t)count_of(list);
    if (s->n_calibrant > BEAMTIME_MAX_CALIBRANT)
        argp_error(state, "--calibrant: more than %d mono energies", BEAMTIME_MAX_CALIBRANT);
    for (uint32_t i = 0; i < s->n_calibrant; i++) {
        char text[32] = "";
        item_of(list, i, text, sizeof text);
        s->calibrant_eV[i] = number_option_value(&(const struct number_option){.name = "calibrant", .lo = 210, .hi = 1200}, text, state);
    }
}

/* 1980 to 2040: what the electronics' clocks and seconds as doubles agree on. */
static void take_start(struct simulate_settings *s, const char *text, struct argp_state *state) {
    struct tm t = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &t);
    const time_t at = end == NULL || (*end != '\0' && strcmp(end, "Z") != 0) ? -1 : timegm(&t);
    if (at < 315532800 || at > 2208988800)
        argp_error(state, "--start %s: a UTC time like 2026-03-02T09:00:00 is needed, 1980 to 2039", text);
    s->start_ns = (int64_t)at * 1000000000;
    s->start_given = true;
}

static void take_trigger(struct simulate_settings *s, const char *text, struct argp_state *state) {
    if (strcmp(text, "edge") == 0)
        s->trigger = TRIGGER_EDGE;
    else if (strcmp(text, "edge-multi") == 0)
        s->trigger = TRIGGER_EDGE_MULTI;
    else
        argp_error(state, "--trigger %s: edge-multi or edge", text);
}

struct arguments {
    struct simulate_settings settings;
    struct serve_settings serve;
    bool quick, photons, given[N_NUMBERS];
};

static void finish_arguments(struct arguments *a, struct argp_state *state) {
    struct simulate_settings *s = &a->settings;
    for (size_t i = 0; i < N_NUMBERS; i++)
        if (!a->given[i])
            *number_option_place(&numbers[i], &a->settings) = a->quick && !isnan(numbers[i].quick) ? numbers[i].quick : numbers[i].usual;
    if ((s->folder == NULL) == (a->serve.endpoint == NULL))
        argp_error(state, "say where to write, -o DIR, or where to serve, --serve ENDPOINT");
    if (s->presamples + 32 > s->samples)
        argp_error(state, "--presamples %g leaves too little of %g samples", s->presamples, s->samples);
    if (s->samples * s->period_s > 0.1)
        argp_error(state, "--samples %g at --period %g make records longer than 0.1 s", s->samples, s->period_s);
    for (; s->n_strengths < s->n_conditions && s->n_strengths > 0; s->n_strengths++)
        s->feature[s->n_strengths] = s->feature[s->n_strengths - 1];
    if (s->n_strengths > s->n_conditions && s->feature_given)
        argp_error(state, "--feature has more strengths than there are conditions (%u)", s->n_conditions);
}

static error_t parse_word(int key, char *value, struct argp_state *state) {
    struct arguments *a = state->input;
    struct simulate_settings *s = &a->settings;
    switch (key) {
    case KEY_OUT:
        s->folder = value;
        return 0;
    case KEY_QUICK:
        a->quick = true;
        return 0;
    case KEY_PHOTONS:
        a->photons = true;
        return 0;
    case KEY_FORCE:
        s->force = true;
        return 0;
    case KEY_EDGES:
        take_edges(s, value, state);
        return 0;
    case KEY_CONDITIONS:
        take_conditions(s, value, state);
        return 0;
    case KEY_FEATURE:
        s->feature_given = true;
        take_strengths(s, value, state);
        return 0;
    case KEY_TRIGGER:
        take_trigger(s, value, state);
        return 0;
    case KEY_START:
        take_start(s, value, state);
        return 0;
    case KEY_CALIBRANT:
        take_calibrant(s, value, state);
        return 0;
    case KEY_LINES:
        s->lines = value;
        return 0;
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->serve;
        return 0;
    case ARGP_KEY_SUCCESS:
        finish_arguments(a, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_argument(int key, char *value, struct argp_state *state) {
    struct arguments *a = state->input;
    if (key < KEY_NUMBER || key >= KEY_NUMBER + N_NUMBERS)
        return parse_word(key, value, state);
    const struct number_option *row = &numbers[key - KEY_NUMBER];
    *number_option_place(row, &a->settings) = number_option_value(row, value, state);
    a->given[key - KEY_NUMBER] = true;
    return 0;
}

static void make_flags(struct argp_option flags[N_WORDS + N_NUMBERS + 1], char help[N_NUMBERS][NUMBER_HELP]) {
    memcpy(flags, words, sizeof words);
    for (int i = 0; i < N_NUMBERS; i++)
        flags[N_WORDS + i] = number_option_flag(&numbers[i], KEY_NUMBER + i, help[i]);
    flags[N_WORDS + N_NUMBERS] = (struct argp_option){0};
}

int cmd_simulate(int argc, char **argv) {
    struct argp_option flags[N_WORDS + N_NUMBERS + 1];
    char help[N_NUMBERS][NUMBER_HELP];
    struct serve_flags serve;
    make_flags(flags, help);
    simulate_serve_flags(&serve);
    const struct argp_child children[] = {{.argp = &serve.argp}, {0}};
    const struct argp argp = {
        .options = flags,
        .parser = parse_argument,
        .children = children,
        .args_doc = "-o DIR\n--serve ENDPOINT",
        .doc = "Writes a synthetic beamtime: a noise run, calibrations before and after, energy scans of a layered oxide in two conditions, as LJH files with "
               "state files and scan logs, and truth.h5 with every photon and every number behind them; or serves it live, as the acquisition server DASTARD would."
               "\vThe same options give the same bytes. Served, the first line of output names the four ports; SIGINT or SIGTERM ends it. Exit status: 0 good, 1 it could not be written, 2 wrong use.",
    };
    struct arguments a = {.settings = {.lines = "nslsii-mix", .start_ns = INT64_C(1772442000) * 1000000000, .n_conditions = 2, .conditions = {"pristine", "heated"},
                                       .n_edges = 2, .edges = {rixs_edge_named("co"), rixs_edge_named("o")}, .n_strengths = 2, .feature = {0.03, 0.15}}};
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    if (a.photons && a.serve.endpoint == NULL) {
        const enum exit_code ready = output_path_check(a.settings.folder);
        return ready != EXIT_GOOD ? (int)ready : simulate_photons(&a.settings);
    }
    return a.serve.endpoint != NULL ? simulate_serve(&a.settings, &a.serve) : simulate_run(&a.settings);
}
