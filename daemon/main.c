#include <argp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/cli/cli.h"
#include "daemon/exit_code.h"
#include "daemon/log.h"
#include "daemon/version.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
};

static const struct command commands[] = {
    { "run", cmd_run, "the service: analyse what DASTARD measures, live, and publish it" },
    { "replay", cmd_replay, "recorded runs (LJH, OFF) to one NeXus file: photons, RIXS maps, PFY" },
    { "calibrate", cmd_calibrate, "learn filters and energy curves of every pixel and keep them" },
    { "export", cmd_export, "products of a NeXus file as columns for Athena, Larch and spreadsheets" },
    { "merge", cmd_merge, "sum shards and repeated scans exactly; count products anew from the photons" },
    { "compare", cmd_compare, "two conditions of a sample: ratios and differences with errors, what is still needed" },
    { "recover", cmd_recover, "after a crash: a whole NeXus file from a journal, or from files left open" },
    { "inspect", cmd_inspect, "say what a file is and what is in it" },
    { "monitor", cmd_monitor, "watch a stream in the terminal: run, losses, spectra, pixels" },
    { "web", cmd_web, "a page in the browser for a stream or a finished file" },
    { "keygen", cmd_keygen, "keys for the stream and the control port, where more than this machine may connect" },
    { "check-config", cmd_check_config, "check a config file; print a sample or the reference of all settings" },
    { "simulate", cmd_simulate, "write a synthetic beamtime with its truth" },
    { "bench", cmd_bench, "kernels and replay against what this machine can do" },
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *to) {
    fputs("tesd - real-time event processing for transition-edge-sensor X-ray arrays\n\n"
          "usage: tesd COMMAND [ARGUMENTS]      tesd COMMAND --help      tesd --version\n\ncommands:\n", to);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(to, "  %-14s %s\n", commands[i].name, commands[i].help);
    fputs("\nexit status: 0 good, 1 the work failed, 2 wrong use or bad config, 3 input refused\n", to);
}

static int run_command(const struct command *command, int argc, char **argv) {
    char title[64];
    snprintf(title, sizeof title, "tesd %s", command->name);
    argv[0] = title;
    argp_err_exit_status = EXIT_USAGE;
    argp_program_version = version_text;
    return command->run(argc, argv);
}

/* What was printed is part of the work: a full disk or a closed pipe on stdout must not look like success. */
static int flush_output(int code) {
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_GOOD) {
        log_error("standard output could not be written: %m");
        return EXIT_FAILED;
    }
    return code;
}

int main(int argc, char **argv) {
    const char *word = argc > 1 ? argv[1] : "";
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "-?") == 0 || strcmp(word, "help") == 0) {
        print_help(stdout);
        return flush_output(EXIT_GOOD);
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        puts(version_text);
        return flush_output(EXIT_GOOD);
    }
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(word, commands[i].name) == 0)
            return flush_output(run_command(&commands[i], argc - 1, argv + 1));
    if (*word == '\0')
        print_help(stderr);
    else
        log_error("no command '%s'; 'tesd --help' lists what there is", word);
    return EXIT_USAGE;
}
