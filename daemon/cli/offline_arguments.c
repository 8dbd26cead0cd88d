#include "daemon/cli/offline_arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/calibration_form.h"
#include "daemon/config_path.h"
#include "daemon/exit_code.h"
#include "daemon/log.h"
#include "daemon/source/file_bytes.h"

enum { KEY_NOISE = 1000, KEY_LOGS, KEY_LINES, KEY_WORKERS, KEY_PREFER };

static const struct argp_option rows[] = {
    { .name = "config", .key = 'c', .arg = "FILE", .doc = "settings (YAML); tesd check-config --reference lists them" },
    { .name = "noise", .key = KEY_NOISE, .arg = "PATH", .doc = "noise run: folder or files; may be given several times; never counts as pulses" },
    { .name = "logs", .key = KEY_LOGS, .arg = "DIR", .doc = "scan logs that do not lie in the run's own folder; may be given several times" },
    { .name = "lines", .key = KEY_LINES, .arg = "TABLE", .doc = "reference lines: a name in config/lines or a file; none: only list the peaks" },
    { .name = "prefer", .key = KEY_PREFER, .arg = "FORMAT", .doc = "ljh (default) or off, where a run has both for a channel" },
    { .name = "workers", .key = KEY_WORKERS, .arg = "N", .doc = "threads; 0: one per processor. Results do not depend on it" },
    { .name = "quiet", .key = 'q', .doc = "no table, warnings only" },
    { 0 }
};

static void add(char ***list, size_t *n, char *value, const struct argp_state *state) {
    char **grown = realloc(*list, (*n + 1) * sizeof *grown);
    if (grown == NULL) {
        argp_failure(state, EXIT_FAILED, 0, "out of memory");
        return;
    }
    *list = grown;
    grown[(*n)++] = value;
}

static int whole_number(const char *text, const struct argp_state *state) {
    char *end;
    long v = strtol(text, &end, 10);
    if (*end != 0 || end == text || v < 0 || v > 4096)
        argp_error(state, "--workers %s: a whole number from 0 to 4096", text);
    return (int)v;
}

static error_t parse_argument(int key, char *value, struct argp_state *state) {
    struct offline_arguments *a = state->input;
    switch (key) {
    case 'c': a->config = value; return 0;
    case 'q': a->quiet = 1; return 0;
    case KEY_LINES: a->lines = value; return 0;
    case KEY_NOISE: add(&a->paths.noise, &a->paths.n_noise, value, state); return 0;
    case KEY_LOGS: add(&a->paths.logs, &a->paths.n_logs, value, state); return 0;
    case KEY_WORKERS: a->workers = whole_number(value, state); return 0;
    case KEY_PREFER:
        if (strcmp(value, "ljh") != 0 && strcmp(value, "off") != 0)
            argp_error(state, "--prefer %s: ljh or off", value);
        a->paths.prefer_off = strcmp(value, "off") == 0;
        return 0;
    case ARGP_KEY_ARG: add(&a->paths.pulses, &a->paths.n_pulses, value, state); return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "which pulses? name a run folder or LJH/OFF files"); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

const struct argp offline_argp = { .options = rows, .parser = parse_argument };

void offline_arguments_done(struct offline_arguments *a) {
    free(a->paths.pulses);
    free(a->paths.noise);
    free(a->paths.logs);
}

bool offline_settings(const struct offline_arguments *a, struct options *options, struct line_table **lines, int *exit_code) {
    *exit_code = EXIT_USAGE;
    if (!options_load(a->config, options))
        return false;
    *exit_code = EXIT_REFUSED;
    *lines = named_lines(a->lines ? a->lines : options->calibration.lines);
    if (*lines == NULL)
        options_done(options);
    return *lines != NULL;
}

struct learning_settings offline_learning(const struct offline_arguments *a, const struct options *options, const struct line_table *lines) {
    struct learning_settings s = { .workers = (unsigned)(a->workers >= 0 ? a->workers : options->replay.workers),
                                   .lines = lines, .mono_eV = options->calibration.mono_eV, .form = CURVE_SPLINE,
                                   .rules = { .tails = options->calibration.tails } };
    calibration_form_named(options->calibration.curve, &s.form);   /* the settings' checks know the names */
    return s;
}

char *offline_command_line(int argc, char **argv) {
    size_t n = 1;
    for (int i = 0; i < argc; i++)
        n += strlen(argv[i]) + 1;
    char *line = calloc(n, 1), *end = line;
    for (int i = 0; line != NULL && i < argc; i++) {
        end = stpcpy(end, argv[i]);
        if (i + 1 < argc)
            end = stpcpy(end, " ");
    }
    return line;
}

bool offline_report(const char *path, const struct beamtime *b, const struct array_model *m, const struct report_spectra *spectra, int argc, char **argv) {
    char *command_line = offline_command_line(argc, argv);
    struct report_facts facts = { .title = b->pulses.n_folders ? b->pulses.folders[0] : "", .command_line = command_line ? command_line : "",
                                  .source = spectra ? "learnt" : "loaded" };
    bool written = report_write(path, &facts, m, spectra);
    free(command_line);
    if (written)
        printf("report: %s\n", path);
    return written;
}
