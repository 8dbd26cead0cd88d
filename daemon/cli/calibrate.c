#include <argp.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/basis_check.h"
#include "daemon/cli/calibrant.h"
#include "daemon/cli/cli.h"
#include "daemon/cli/number_option.h"
#include "daemon/cli/offline_arguments.h"
#include "daemon/cli/output_path.h"
#include "daemon/cli/verdict_table.h"
#include "daemon/exit_code.h"
#include "daemon/learning.h"
#include "daemon/log.h"
#include "daemon/model_store.h"

enum { KEY_STATE = 2000, KEY_REPORT, KEY_CALIBRANT, KEY_MONO_UNC, KEY_COURSE };
static const double usual_mono_unc_eV = 0.2;

struct arguments {
    struct offline_arguments offline;
    const char *output, *report;
    const char *state;   /* label of the calibration to use alone; NULL: all */
    bool calibrant;      /* the output is a line table of the mix */
    double mono_unc_eV, course_s;
    int argc;
    char **argv;
};

static error_t parse_argument(int key, char *value, struct argp_state *state) {
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->offline; return 0;
    case 'o': a->output = value; return 0;
    case KEY_REPORT: a->report = value; return 0;
    case KEY_STATE: a->state = value; return 0;
    case KEY_CALIBRANT: a->calibrant = true; return 0;
    case KEY_MONO_UNC: a->mono_unc_eV = number_option_value(&(const struct number_option){ .name = "mono-unc", .lo = 0, .hi = 50 }, value, state); return 0;
    case KEY_COURSE: a->course_s = number_option_value(&(const struct number_option){ .name = "course", .lo = 1, .hi = 1e6 }, value, state); return 0;
    case ARGP_KEY_END:
        if (a->output == NULL)
            argp_error(state, "-o FILE.h5 is needed, or -o TABLE.csv with --calibrant");
        if (a->calibrant && (a->state != NULL || a->report != NULL))
            argp_error(state, "--calibrant takes all calibrations together and draws no report");
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

/* The states there are, for a message: "CAL0, CAL3". */
static void list_states(const struct beamtime *b, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < scan_timeline_count(b->timeline) && used + 80 < size; i++) {
        const struct scan *s = scan_timeline_at(b->timeline, i);
        if (s->calibration)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", s->label[0] ? s->label : s->log_name);
    }
}

static bool has_calibration(const struct arguments *a, const struct beamtime *b) {
    char states[400];
    list_states(b, states, sizeof states);
    if (a->state != NULL && !learning_has_state(b->timeline, a->state)) {
        log_error("%s is not among the states of these records; calibrations are: %s. --state takes any label of the state file, or all", a->state,
                  states[0] ? states : "none");
        return false;
    }
    if (b->n_calibrations == 0)
        log_error("no calibration state (CALn in *_experiment_state.txt, or a calibration log) lies in the time of these records; give --logs DIR, or "
                  "--state LABEL with any label of the state file, or --state all");
    return b->n_calibrations > 0;
}

/* The table and the report also of a calibration that failed: they say why. */
static int deliver(const struct arguments *a, const struct line_table *lines, const struct beamtime *b, const struct array_model *m,
                   const struct report_spectra *spectra) {
    if (!a->offline.quiet)
        verdict_table_print(stdout, m, NULL);
    if (m->n_tables == 0) {
        log_error("%s holds no photons, so there is nothing to calibrate with", a->state ? a->state : "no calibration state");
        return EXIT_REFUSED;
    }
    bool reported = a->report == NULL || offline_report(a->report, b, m, spectra, a->argc, a->argv);
    if (lines->n > 0 && !any_good(m)) {
        log_error("no pixel could be calibrated, so no calibration was written; the table says why for each");
        return EXIT_FAILED;
    }
    if (!model_store_save(a->output, m))
        return EXIT_FAILED;
    printf("%s: %s\n", lines->n > 0 ? "calibration" : "filters and peaks, without curves", a->output);
    return reported ? EXIT_GOOD : EXIT_FAILED;
}

/* Without a line table every spectrum will do: where no state is a calibration, all records are one. */
static bool open_beamtime(struct arguments *a, const struct options *options, const struct line_table *lines, struct beamtime *b) {
    a->offline.paths.calibration = a->state;
    if (!beamtime_open(&a->offline.paths, options->scan.i0_key, b))
        return false;
    if (lines->n > 0 || b->n_calibrations > 0 || a->state != NULL)
        return true;
    beamtime_close(b);
    a->offline.paths.calibration = "all";
    return beamtime_open(&a->offline.paths, options->scan.i0_key, b);
}

static int deliver_calibrant(const struct arguments *a, const struct line_table *lines, const struct array_model *m, const struct calibration_states *states) {
    char *command_line = offline_command_line(a->argc, a->argv);
    struct calibrant_request request = { .output = a->output, .command_line = command_line != NULL ? command_line : "", .mono_unc_eV = a->mono_unc_eV, .quiet = a->offline.quiet };
    int code = (int)calibrant_write(&request, lines, m, states);
    free(command_line);
    return code;
}

static int work(struct arguments *a, const struct options *options, const struct line_table *lines) {
    struct beamtime b;
    struct array_model *m;
    struct report_spectra *spectra = NULL;
    struct calibration_states states = { 0 };
    if (!open_beamtime(a, options, lines, &b))
        return EXIT_REFUSED;
    b.refused += basis_check(&b.pulses, NULL);
    int code = b.refused ? EXIT_REFUSED : EXIT_GOOD;
    struct learning_settings settings = offline_learning(&a->offline, options, lines);
    settings.course_s = a->course_s;
    settings.only = a->state;
    settings.keep = a->calibrant ? &states : NULL;
    if (!has_calibration(a, &b)) {
        code = EXIT_REFUSED;
    } else if (!learning_run(&b, &settings, &m, a->report != NULL ? &spectra : NULL)) {
        code = EXIT_FAILED;
    } else {
        int delivered = a->calibrant ? deliver_calibrant(a, lines, m, &states) : deliver(a, lines, &b, m, spectra);
        code = delivered != EXIT_GOOD ? delivered : code;
        report_spectra_free(spectra);
        array_model_free(m);
    }
    calibration_states_done(&states);
    beamtime_close(&b);
    return code;
}

int cmd_calibrate(int argc, char **argv) {
    static const struct argp_option rows[] = {
        { .name = "output", .key = 'o', .arg = "FILE", .doc = "CAL.h5, where to keep what was learnt, or with --calibrant TABLE.csv (needed)" },
        { .name = "calibrant", .key = KEY_CALIBRANT, .doc = "calibrate the calibrant: from elastic lines of calibrations at three or more mono energies, the energies of the mix's own lines as a new line table" },
        { .name = "mono-unc", .key = KEY_MONO_UNC, .arg = "EV", .doc = "with --calibrant: error of each mono energy (default 0.2)" },
        { .name = "report", .key = KEY_REPORT, .arg = "FILE.html", .doc = "a page that shows every pixel's spectrum, fits, curve, errors, drift and verdict" },
        { .name = "course", .key = KEY_COURSE, .arg = "SECONDS", .doc = "also tell what each calibration would have been after every so many seconds of it: how long to calibrate" },
        { .name = "state", .key = KEY_STATE, .arg = "LABEL", .doc = "this calibration alone: CALn, any label of the state file, or all for all records (default: every CALn)" },
        { 0 }
    };
    static const struct argp_child children[] = { { .argp = &offline_argp }, { 0 } };
    static const struct argp argp = { .options = rows, .parser = parse_argument, .args_doc = "PULSES...", .children = children,
                                      .doc = "Learns noise, filters, corrections and energy curves of every pixel and keeps them in one file." };
    struct arguments a = { .offline.workers = -1, .mono_unc_eV = usual_mono_unc_eV, .argc = argc, .argv = argv };
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    struct options options;
    struct line_table *lines;
    int code = a.calibrant ? (int)calibrant_output_check(a.output) : (int)output_path_check(a.output);
    if (code == EXIT_GOOD && offline_settings(&a.offline, &options, &lines, &code)) {
        code = work(&a, &options, lines);
        line_table_free(lines);
        options_done(&options);
    }
    offline_arguments_done(&a.offline);
    return code;
}
