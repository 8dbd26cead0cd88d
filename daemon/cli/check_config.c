#include <argp.h>
#include <stdbool.h>
#include <stdio.h>

#include "daemon/cli/cli.h"
#include "daemon/exit_code.h"
#include "daemon/option_reference.h"
#include "daemon/options.h"

struct arguments {
    const char *path;
    bool reference, sample, manual;
};

static error_t parse_argument(int key, char *value, struct argp_state *state) {
    struct arguments *a = state->input;
    switch (key) {
    case 'r':
        a->reference = true;
        return 0;
    case 's':
        a->sample = true;
        return 0;
    case 'm':
        a->manual = true;
        return 0;
    case ARGP_KEY_ARG:
        if (a->path != NULL)
            argp_error(state, "one config file at a time");
        a->path = value;
        return 0;
    case ARGP_KEY_END:
        if ((a->path != NULL) + a->reference + a->sample + a->manual != 1)
            argp_error(state, "give a config file, or --sample, --reference or --manual");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int cmd_check_config(int argc, char **argv) {
    static const struct argp_option flags[] = {
        { .name = "sample", .key = 's', .doc = "print a config file that holds every setting at its default" },
        { .name = "reference", .key = 'r', .doc = "print all settings as a Markdown page" },
        { .name = "manual", .key = 'm', .doc = "print all settings as a manual page" },
        { 0 },
    };
    static const struct argp argp = {
        .options = flags,
        .parser = parse_argument,
        .args_doc = "FILE\n--sample\n--reference\n--manual",
        .doc = "Checks a config file and says everything that is wrong with it, by line.\vExit status: 0 good, 2 not.",
    };
    struct arguments a = { .path = NULL };
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    if (a.sample)
        option_reference_sample(stdout);
    if (a.reference)
        option_reference_table(stdout);
    if (a.manual)
        option_reference_manual(stdout);
    if (a.path == NULL)
        return EXIT_GOOD;
    struct options options;
    if (!options_load(a.path, &options))
        return EXIT_USAGE;
    printf("%s: good, %u emission windows\n", a.path, options.n_roi);
    options_done(&options);
    return EXIT_GOOD;
}
