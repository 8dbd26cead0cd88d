#include <argp.h>
#include <stdio.h>

#include "daemon/cli/cli.h"
#include "daemon/exit_code.h"
#include "daemon/live_run.h"
#include "daemon/options.h"

static error_t parse_argument(int key, char *value, struct argp_state *state) {
    const char **config = state->input;
    switch (key) {
    case 'c': *config = value; return 0;
    case ARGP_KEY_ARG: argp_error(state, "%s: tesd run takes no arguments; everything is in the config file", value); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int cmd_run(int argc, char **argv) {
    static const struct argp_option rows[] = {
        { .name = "config", .key = 'c', .arg = "FILE", .doc = "settings (YAML); tesd check-config --reference lists them" },
        { 0 }
    };
    static const struct argp argp = { .options = rows, .parser = parse_argument,
                                      .doc = "Listens to DASTARD, analyses every record as it comes, publishes maps and spectra and keeps runs, until SIGTERM or SIGINT.\v"
                                             "SIGHUP reads the config anew, SIGUSR1 tells the counters." };
    const char *config = NULL;
    struct options options;
    argp_parse(&argp, argc, argv, 0, NULL, &config);
    if (!options_load(config, &options))
        return EXIT_USAGE;
    int code = live_run(config, &options);
    options_done(&options);
    return code;
}
