#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cli/cli.h"
#include "daemon/cli/merge_arguments.h"
#include "daemon/cli/offline_arguments.h"
#include "daemon/cli/output_path.h"
#include "daemon/cut_list.h"
#include "daemon/exit_code.h"
#include "daemon/rebuild.h"

enum { KEY_APART = 2000, KEY_EMISSION, KEY_LOSS, KEY_ROI, KEY_PIXELS, KEY_XES, KEY_CEE, KEY_CET, KEY_IPFY, MOST_WINDOWS = 64 };

struct arguments {
    const char *output;
    const char *const *inputs;
    size_t n_inputs;
    bool apart;
    struct rebuild_choice choice;
    struct yield_region windows[MOST_WINDOWS];
};

static void take_window(struct arguments *a, const char *value, struct argp_state *state) {
    char why[200];
    const uint32_t n = a->choice.n_regions;
    if (n == MOST_WINDOWS)
        argp_error(state, "--roi: more than %d windows", MOST_WINDOWS);
    else if (!cut_window_parse(value, &a->windows[n], why, sizeof why))
        argp_error(state, "--roi %s", why);
    for (uint32_t k = 0; k < n; k++)
        if (strcmp(a->windows[k].name, a->windows[n].name) == 0)
            argp_error(state, "--roi %s: there is a window of this name already", value);
    a->choice.regions = a->windows;
    a->choice.n_regions++;
}

static void take_cut(struct arguments *a, enum cut_kind kind, const char *value, struct argp_state *state) {
    char why[200];
    if (!cut_list_add(&a->choice.cuts, kind, value, why, sizeof why))
        argp_error(state, "%s", why);
}

static error_t parse_argument(int key, char *value, struct argp_state *state) {
    struct arguments *a = state->input;
    char why[200];
    switch (key) {
    case 'o': a->output = value; return 0;
    case KEY_APART: a->apart = true; return 0;
    case KEY_EMISSION:
        a->choice.emission_given = merge_axis_parse(value, &a->choice.emission, why, sizeof why);
        if (!a->choice.emission_given)
            argp_error(state, "--emission %s", why);
        return 0;
    case KEY_LOSS:
        a->choice.loss_given = merge_axis_parse(value, &a->choice.loss, why, sizeof why);
        if (!a->choice.loss_given)
            argp_error(state, "--loss %s", why);
        return 0;
    case KEY_XES: take_cut(a, CUT_XES, value, state); return 0;
    case KEY_CEE: take_cut(a, CUT_CEE, value, state); return 0;
    case KEY_CET: take_cut(a, CUT_CET, value, state); return 0;
    case KEY_IPFY: take_cut(a, CUT_IPFY, value, state); return 0;
    case KEY_ROI: take_window(a, value, state); return 0;
    case KEY_PIXELS:
        if (!pixel_choice_parse(value, &a->choice.pixels))
            argp_error(state, "--pixels %s: all, best:N, resolution:EV (FWHM at most), or channels like 3, 17, 100-120", value);
        return 0;
    case ARGP_KEY_ARGS:
        a->inputs = (const char *const *)(state->argv + state->next);
        a->n_inputs = (size_t)(state->argc - state->next);
        return 0;
    case ARGP_KEY_END:
        if (a->n_inputs == 0 || a->output == NULL)
            argp_error(state, "A.nxs ... and -o C.nxs are needed");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int cmd_merge(int argc, char **argv) {
    static const struct argp_option rows[] = {
        { .name = "output", .key = 'o', .arg = "C.nxs", .doc = "the file to make (needed)" },
        { .name = "apart", .key = KEY_APART, .doc = "put files together although nothing in them is to be summed: other samples or edges" },
        { .name = "emission", .key = KEY_EMISSION, .arg = "LO:HI:BIN", .doc = "emission axis of the maps, in eV (default: that of the files)" },
        { .name = "loss", .key = KEY_LOSS, .arg = "LO:HI:BIN", .doc = "energy-loss axis of the maps, in eV" },
        { .name = "roi", .key = KEY_ROI, .arg = "NAME=LO:HI", .doc = "window of a PFY, in eV; as often as wanted, and then instead of those of the files" },
        { .name = "xes", .key = KEY_XES, .arg = "NAME=LO:HI", .doc = "an emission spectrum over these incident energies, beside the one over all" },
        { .name = "cee", .key = KEY_CEE, .arg = "NAME=LO:HI", .doc = "a cut at constant emission energy" },
        { .name = "cet", .key = KEY_CET, .arg = "NAME=LO:HI", .doc = "a cut at constant energy loss" },
        { .name = "ipfy", .key = KEY_IPFY, .arg = "NAME=LO:HI[-LO:HI]", .doc = "an inverse PFY of this window of emission energy, less what a second window beside the line tells of its background; beside those of C, N and O while another edge is scanned" },
        { .name = "pixels", .key = KEY_PIXELS, .arg = "WHICH", .doc = "all, best:64 (of the best resolution), resolution:1.6 (FWHM in eV at most), or channels like 3, 17, 100-120" },
        { 0 }
    };
    static const struct argp argp = { .options = rows, .parser = parse_argument, .args_doc = "A.nxs [B.nxs ...]",
                                      .doc = "Sums NeXus files exactly: shards of one array (a scan's channels in several files) and repeated scans. Counts, exposure and live time are "
                                             "summed, then divided; scans are grouped by sample and edge, set points matched to half a step. Every product is counted anew from the "
                                             "photons, on other axes, windows or pixels if asked for, also of one file alone. What must not be summed is refused, with the reason." };
    struct arguments a = { .output = NULL };
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    const enum exit_code ready = output_path_check(a.output);
    char *command = ready == EXIT_GOOD ? offline_command_line(argc, argv) : NULL;
    if (ready != EXIT_GOOD || command == NULL)
        return ready != EXIT_GOOD ? (int)ready : EXIT_FAILED;
    const struct rebuild what = { .n_inputs = a.n_inputs, .inputs = a.inputs, .command_line = command, .merging = true, .apart = a.apart, .choice = &a.choice };
    const bool good = rebuild_file(&what, a.output);
    if (good)
        printf("NeXus file: %s\n", a.output);
    free(command);
    return good ? EXIT_GOOD : EXIT_REFUSED;
}
