#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cli/cli.h"
#include "daemon/cli/output_path.h"
#include "daemon/exit_code.h"
#include "daemon/journal_recovery.h"
#include "daemon/log.h"
#include "daemon/rebuild.h"

struct arguments {
    const char *output, *calibration;
    const char *const *inputs;
    size_t n_inputs;
};

static error_t parse_argument(int key, char *value, struct argp_state *state) {
    struct arguments *a = state->input;
    switch (key) {
    case 'o': a->output = value; return 0;
    case 'c': a->calibration = value; return 0;
    case ARGP_KEY_ARGS:
        a->inputs = (const char *const *)(state->argv + state->next);
        a->n_inputs = (size_t)(state->argc - state->next);
        return 0;
    case ARGP_KEY_END:
        if (a->n_inputs == 0 || a->output == NULL)
            argp_error(state, "a JOURNAL or OUT.nxs and -o FIXED.nxs are needed");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static int recover_journal(const struct arguments *a) {
    struct journal_summary said;
    if (a->n_inputs != 1) {
        log_error("one journal at a time: each is a run of its own");
        return EXIT_USAGE;
    }
    const bool good = journal_recovery(a->inputs[0], a->calibration, a->output, &said);
    printf("%s: %llu rows and %llu events in %llu blocks of %llu session%s\n", a->inputs[0], (unsigned long long)said.rows, (unsigned long long)said.events,
           (unsigned long long)said.blocks, (unsigned long long)said.sessions, said.sessions == 1 ? "" : "s");
    if (said.missing_blocks + said.damaged_bytes + said.lost_rows > 0)
        printf("  not there: %llu blocks, %llu damaged bytes; %llu rows that the disk had not taken\n", (unsigned long long)said.missing_blocks,
               (unsigned long long)said.damaged_bytes, (unsigned long long)said.lost_rows);
    if (good)
        printf("NeXus file: %s\n", a->output);
    return good ? EXIT_GOOD : said.rows == 0 ? EXIT_REFUSED : EXIT_FAILED;
}

int cmd_recover(int argc, char **argv) {
    static const struct argp_option rows[] = {
        { .name = "output", .key = 'o', .arg = "FIXED.nxs", .doc = "the file to make" },
        { .name = "calibration", .key = 'c', .arg = "CAL.h5", .doc = "for a journal: another calibration than the one it names, or that one where it is now" },
        { 0 }
    };
    static const struct argp argp = { .options = rows, .parser = parse_argument, .args_doc = "JOURNAL | OUT.nxs...",
                                      .doc = "Makes a whole NeXus file after a crash: from the journal of a run, or from files of scans as their writer left them, with all that was "
                                             "flushed. Inputs are left as they are." };
    struct arguments a = { 0 };
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    const enum exit_code ready = output_path_check(a.output);
    if (ready != EXIT_GOOD)
        return (int)ready;
    if (journal_recovery_is_journal(a.inputs[0]))
        return recover_journal(&a);
    char *command = NULL;
    if (asprintf(&command, "tesd recover %s%s -o %s", a.inputs[0], a.n_inputs > 1 ? " ..." : "", a.output) < 0)
        return EXIT_FAILED;
    const bool good = rebuild_file(&(struct rebuild){ .n_inputs = a.n_inputs, .inputs = a.inputs, .state = "recovered", .command_line = command }, a.output);
    if (good)
        printf("NeXus file: %s\n", a.output);
    free(command);
    return good ? EXIT_GOOD : EXIT_REFUSED;
}
