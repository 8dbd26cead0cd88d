#include <argp.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cli/cli.h"
#include "daemon/cli/offline_arguments.h"
#include "daemon/cli/output_path.h"
#include "daemon/cli/verdict_table.h"
#include "daemon/exit_code.h"
#include "daemon/learning.h"
#include "daemon/log.h"
#include "daemon/model_store.h"

enum { KEY_STATE = 2000, KEY_REPORT };

struct arguments {
    struct offline_arguments offline;
    const char *output, *report;
    int state;   /* CALn, -1: all */
    int argc;
    char **argv;
};

static error_t parse_argument(int key, char *value, struct argp_state *state) {
    struct arguments *a = state->input;
    char *end;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->offline; return 0;
    case 'o': a->output = value; return 0;
    case KEY_REPORT: a->report = value; return 0;
    case KEY_STATE:
        a->state = strncmp(value, "CAL", 3) == 0 && isdigit((unsigned char)value[3]) ? (int)strtol(value + 3, &end, 10) : -1;
        if (a->state < 0 || *end != 0)
            argp_error(state, "--state %s: the label of a calibration, such as CAL0", value);
        return 0;
    case ARGP_KEY_END:
        if (a->output == NULL)
            argp_error(state, "-o FILE.h5 is needed");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static bool any_good(const struct array_model *m) {
    for (size_t k = 0; k < m->n_tables; k++)
        for (uint32_t i = 0; i < m->tables[k]->n_pixels; i++)
            if (m->tables[k]->pixels[i].curve != NULL)
                return true;
    return false;
}

/* The table and the report also of a calibration that failed: they say why. */
static int deliver(const struct arguments *a, const struct beamtime *b, const struct array_model *m, const struct report_spectra *spectra) {
    if (!a->offline.quiet)
        verdict_table_print(stdout, m, NULL);
    if (m->n_tables == 0) {
        log_error("CAL%d is not among the calibration states of these records", a->state);
        return EXIT_REFUSED;
    }
    bool reported = a->report == NULL || offline_report(a->report, b, m, spectra, a->argc, a->argv);
    if (!any_good(m)) {
        log_error("no pixel could be calibrated, so no calibration was written; the table says why for each");
        return EXIT_FAILED;
    }
    if (!model_store_save(a->output, m))
        return EXIT_FAILED;
    printf("calibration: %s\n", a->output);
    return reported ? EXIT_GOOD : EXIT_FAILED;
}

static int work(const struct arguments *a, const struct options *options, const struct line_table *lines) {
    struct beamtime b;
    struct array_model *m;
    struct report_spectra *spectra = NULL;
    if (!beamtime_open(&a->offline.paths, options->scan.i0_key, &b))
        return EXIT_REFUSED;
    int code = b.refused ? EXIT_REFUSED : EXIT_GOOD;
    struct learning_settings settings = {
        .workers = (unsigned)(a->offline.workers >= 0 ? a->offline.workers : options->replay.workers),
        .lines = lines, .mono_eV = options->calibration.mono_eV, .only_calibration = a->state,
    };
    if (b.n_calibrations == 0) {
        log_error("no calibration state (CALn in *_experiment_state.txt, or a calibration log) lies in the time of these records; give --logs DIR");
        code = EXIT_REFUSED;
    } else if (!learning_run(&b, &settings, &m, a->report != NULL ? &spectra : NULL)) {
        code = EXIT_FAILED;
    } else {
        int delivered = deliver(a, &b, m, spectra);
        code = delivered != EXIT_GOOD ? delivered : code;
        report_spectra_free(spectra);
        array_model_free(m);
    }
    beamtime_close(&b);
    return code;
}

int cmd_calibrate(int argc, char **argv) {
    static const struct argp_option rows[] = {
        { .name = "output", .key = 'o', .arg = "CAL.h5", .doc = "where to keep what was learnt (needed)" },
        { .name = "report", .key = KEY_REPORT, .arg = "FILE.html", .doc = "a page that shows every pixel's spectrum, fits, curve, errors, drift and verdict" },
        { .name = "state", .key = KEY_STATE, .arg = "CALn", .doc = "this calibration alone (default: all there are)" },
        { 0 }
    };
    static const struct argp_child children[] = { { .argp = &offline_argp }, { 0 } };
    static const struct argp argp = { .options = rows, .parser = parse_argument, .args_doc = "PULSES...", .children = children,
                                      .doc = "Learns noise, filters, corrections and energy curves of every pixel and keeps them in one file." };
    struct arguments a = { .offline.workers = -1, .state = -1, .argc = argc, .argv = argv };
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    struct options options;
    struct line_table *lines;
    int code = (int)output_path_check(a.output);
    if (code == EXIT_GOOD && offline_settings(&a.offline, &options, &lines, &code)) {
        code = work(&a, &options, lines);
        line_table_free(lines);
        options_done(&options);
    }
    offline_arguments_done(&a.offline);
    return code;
}
