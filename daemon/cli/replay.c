#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/basis_check.h"
#include "daemon/cli/cli.h"
#include "daemon/cli/offline_arguments.h"
#include "daemon/cli/output_path.h"
#include "daemon/cli/verdict_table.h"
#include "daemon/exit_code.h"
#include "daemon/kernel_choice.h"
#include "daemon/learning.h"
#include "daemon/log.h"
#include "daemon/model_store.h"
#include "daemon/play.h"
#include "daemon/reprocess.h"
#include "daemon/sink/picture.h"
#include "daemon/stage/bin.h"

enum { KEY_CALIBRATION = 2000, KEY_SPEED, KEY_PUBLISH, KEY_PLOT, KEY_REPORT };

struct arguments {
    struct offline_arguments offline;
    const char *output, *calibration, *plot, *report;
    bool publish, realtime;
    int argc;
    char **argv;
};

static error_t parse_argument(int key, char *value, struct argp_state *state) {
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->offline; return 0;
    case 'o': a->output = value; return 0;
    case KEY_CALIBRATION: a->calibration = value; return 0;
    case KEY_PLOT: a->plot = value; return 0;
    case KEY_REPORT: a->report = value; return 0;
    case KEY_PUBLISH: a->publish = true; return 0;
    case KEY_SPEED:
        if (strcmp(value, "max") != 0 && strcmp(value, "realtime") != 0)
            argp_error(state, "--speed %s: max or realtime", value);
        a->realtime = strcmp(value, "realtime") == 0;
        return 0;
    case ARGP_KEY_END:
        if (a->output == NULL)
            argp_error(state, "-o OUT.nxs is needed");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* A calibration of another array is refused; one that lacks some channels leaves them without energies. */
static bool tell_missing_channels(const char *path, const struct array_model *m) {
    size_t found = 0;
    int32_t missing = -1;
    for (size_t i = m->n_channels; i-- > 0;) {
        bool here = m->channels[i].model != NULL || strcmp(m->channels[i].reason, array_model_not_stored) != 0;
        found += here;
        if (!here)
            missing = m->channels[i].channel;
    }
    if (found == 0)
        log_error("%s: holds none of the %zu channels of these pulses (channel %d is the first); give the calibration of this array", path, m->n_channels, missing);
    else if (found < m->n_channels)
        log_warning("%s: does not hold %zu of the %zu channels of these pulses (channel %d is the first); they get no energies", path, m->n_channels - found,
                    m->n_channels, missing);
    return found > 0;
}

static bool load_model(const char *path, struct beamtime *b, struct array_model **out) {
    struct array_model *stored;
    size_t n = b->pulses.n_channels;
    int32_t *channels = calloc(n, sizeof *channels);
    bool good = channels != NULL && model_store_load(path, &stored);
    for (size_t i = 0; good && i < n; i++)
        channels[i] = b->pulses.channels[i].channel;
    good = good && array_model_select(stored, channels, n, out);
    for (size_t i = 0; good && i < n; i++)
        if ((*out)->channels[i].name[0] == 0)
            snprintf((*out)->channels[i].name, sizeof (*out)->channels[i].name, "%s", b->pulses.channels[i].name);
    free(channels);
    if (good && !tell_missing_channels(path, *out)) {
        array_model_free(*out);
        return false;
    }
    b->refused += good ? basis_check(&b->pulses, *out) : 0;
    return good;
}

static const char **list_inputs(const struct beamtime *b, size_t *n) {
    *n = 0;
    for (size_t i = 0; i < b->pulses.n_channels; i++)
        *n += b->pulses.channels[i].n_files;
    const char **list = calloc(*n + 1, sizeof *list);
    size_t k = 0;
    for (size_t i = 0; list != NULL && i < b->pulses.n_channels; i++)
        for (size_t j = 0; j < b->pulses.channels[i].n_files; j++)
            list[k++] = b->pulses.channels[i].files[j].path;
    return list;
}

/* "map.png" for one group of scans; "map_SAMPLE_EDGE.png" for each of several. */
static bool plot(const char *path, const struct reprocessed *r) {
    bool good = true;
    const char *dot = strrchr(path, '.');
    if (r->n_sums == 0)
        log_warning("no scan with points lies in these records, so there is nothing to plot");
    for (size_t k = 0; k < r->n_sums; k++) {
        const struct scan_sum *s = &r->sums[k];
        char *name = NULL, title[160];
        int made = r->n_sums == 1 || dot == NULL ? asprintf(&name, "%s", path) : asprintf(&name, "%.*s_%s%s", (int)(dot - path), path, s->group, dot);
        snprintf(title, sizeof title, "%s, %u scan%s", s->group, s->n_scans, s->n_scans == 1 ? "" : "s");
        if (made >= 0 && picture_products(name, title, s->sum))
            printf("picture: %s\n", name);
        else
            good = false;
        free(made >= 0 ? name : NULL);
    }
    return good;
}

/* What the files held besides whole records in order, one line for each kind. */
static void tell_damage(const struct beamtime *b, const struct reprocessed *r) {
#define COUNT(field) offsetof(struct pixel_totals, field)
    static const struct { size_t offset; const char *what; } kinds[] = {
        { COUNT(torn), "torn records were passed over; 'tesd inspect FILE' says where" },
        { COUNT(tail_bytes), "bytes of unfinished records at the ends of files; still being written, or cut short" },
        { COUNT(duplicates), "records came twice and are counted once" },
        { COUNT(restarts), "restarts of the frame counter" },
        { COUNT(disagreements), "records whose time stamp and frame counter disagree by more than 1 ms; the stamp counts" },
    };
#undef COUNT
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        unsigned long long sum = 0, channels = 0, first = 0;
        for (size_t i = r->n_pixels; i-- > 0;) {
            uint64_t n = *(const uint64_t *)(const void *)((const char *)&r->pixels[i] + kinds[k].offset);
            sum += n;
            channels += n > 0;
            first = n > 0 ? i : first;
        }
        if (sum > 0)
            log_warning("%llu %s (%llu channel%s, the first is %d)", sum, kinds[k].what, channels, channels == 1 ? "" : "s", b->pulses.channels[first].channel);
    }
}

enum unfit { UNFIT_LENGTH, UNFIT_COEFFICIENTS, UNFIT_SAMPLES, N_UNFIT };

static enum unfit unfit_of(const struct channel_input *records, const struct pixel_model *model) {
    if (model == NULL || model->coefficients == records->coefficients)
        return UNFIT_LENGTH;
    return records->coefficients ? UNFIT_COEFFICIENTS : UNFIT_SAMPLES;
}

/* Records that the calibration's filters cannot measure, and what would help. */
static void tell_unfit(const struct beamtime *b, const struct array_model *m, const struct reprocessed *r) {
    static const char *const what[N_UNFIT] = {
        [UNFIT_LENGTH] = "are of another length than the filter is for and have no energy; give a calibration learnt from such records",
        [UNFIT_COEFFICIENTS] = "are coefficients (OFF), the filter is for samples (LJH), and have no energy; give the run's LJH files, or a calibration learnt from OFF files",
        [UNFIT_SAMPLES] = "are samples (LJH), the filter is for coefficients (OFF), and have no energy; give the run's OFF files (--prefer off where both are there), or a calibration learnt from LJH files",
    };
    for (enum unfit u = UNFIT_LENGTH; u < N_UNFIT; u++) {
        unsigned long long sum = 0, channels = 0, first = 0;
        for (size_t i = r->n_pixels; i-- > 0;) {
            const uint64_t n = unfit_of(&b->pulses.channels[i], m->channels[i].model) == u ? r->pixels[i].cut_counts[CUT_SHORT] : 0;
            sum += n;
            channels += n > 0;
            first = n > 0 ? i : first;
        }
        if (sum > 0)
            log_warning("%llu records %s (%llu channel%s, the first is %d)", sum, what[u], channels, channels == 1 ? "" : "s", b->pulses.channels[first].channel);
    }
}

static void tell_jumps(const struct beamtime *b, const struct reprocessed *r) {
    for (size_t i = 0; i < r->n_pixels; i++) {
        const struct pixel_totals *t = &r->pixels[i];
        if (t->cut_counts[CUT_JUMPED] > 0)
            log_warning("channel %d jumped %.1f s after the first record: %llu of its records do not count, as the calibration need not hold for them; learn a calibration of where it stands now, or replay without --calibration",
                        b->pulses.channels[i].channel, (double)(t->jumped_ns - b->pulses.first_ns) * 1e-9, (unsigned long long)t->cut_counts[CUT_JUMPED]);
    }
}

static bool any_pixel_used(const struct scan_products *p) {
    for (uint32_t i = 0; i < p->n_pixels; i++)
        if (p->pixels_used[i])
            return true;
    return false;
}

static const char *why_no_photons(const struct scan_products *p, const struct reprocessed *r) {
    uint64_t records = 0, unfit = 0;
    for (uint32_t i = 0; i < p->n_pixels; i++) {
        records += p->pixels_used[i] ? r->pixels[i].records : 0;
        unfit += p->pixels_used[i] ? r->pixels[i].cut_counts[CUT_SHORT] : 0;
    }
    if (!any_pixel_used(p))
        return "no pixel has an energy calibration";
    return records > 0 && unfit == records ? "no record is what the calibration's filters are for" : "were the pulses of its run given?";
}

static void print_elastic(const struct scan_elastic *e) {
    if (e->found)
        printf(", elastic %+.2f(%.2f) eV, FWHM %.2f\n", e->offset_eV, e->offset_sigma_eV, e->fwhm_eV);
    else
        printf("\n");
}

static void print_scans(const struct reprocessed *r) {
    for (size_t k = 0; k < r->bins->n_products; k++) {
        const struct scan_products *p = r->bins->products[k];
        unsigned long long photons = 0, moving = 0;
        for (uint32_t i = 0; i < p->n_points; i++) {
            photons += p->photons[i];
            moving += p->moving[i];
        }
        printf("scan %4d %-16.16s %5u points %10llu photons %8llu moving", p->scan->number, p->scan->sample, p->n_points, photons, moving);
        print_elastic(&r->elastics.of[k]);
        if (photons == 0)
            log_warning("scan %d (%s): no photons; %s", p->scan->number, p->scan->log_name, why_no_photons(p, r));
    }
}

/* What is different from the file of this name that was there before. */
static void print_history(const struct product_history *h, const char *state) {
    enum { MOST = 6 };
    if (h->version == 1)
        return;
    printf("version %lld (%s), %zu changes against the version before:\n", (long long)h->version, state, h->n_changes);
    for (size_t k = 0; k < h->n_changes && k < MOST; k++)
        printf("  %s\n", h->changes[k]);
    if (h->n_changes > MOST)
        printf("  and %zu more, in entry/process/changes\n", h->n_changes - MOST);
}

static void print_speed(const struct reprocessed *r) {
    double records = 0;
    for (size_t i = 0; i < r->n_pixels; i++)
        records += (double)r->pixels[i].records;
    if (records > 0)
        printf("%.0f records in %.2f s, %.2f us of CPU each\n", records, r->photons_wall_s, 1e6 * r->photons_cpu_s / records);
}

static bool process(const struct arguments *a, const struct options *o, const struct beamtime *b, const struct array_model *m) {
    struct reprocessed r;
    char *command_line = offline_command_line(a->argc, a->argv);
    struct reprocess_settings settings = reprocess_settings_of(o);
    if (a->offline.workers >= 0)
        settings.workers = (unsigned)a->offline.workers;
    settings.process.command_line = command_line ? command_line : "";
    settings.process.state = a->calibration ? "prelim" : "final";
    settings.tell = !a->offline.quiet;
    settings.causal = a->calibration != NULL;
    settings.calibration_state = a->calibration ? "loaded; the latest before a photon" : "learnt; interpolated in time between calibrations";
    settings.title = b->pulses.n_folders ? b->pulses.folders[0] : "";
    const char **inputs = list_inputs(b, &settings.process.n_inputs);
    settings.process.inputs = inputs;
    bool good = inputs != NULL && reprocess_run(b, m, &settings, a->output, &r);
    free(inputs);
    free(command_line);
    if (!good)
        return false;
    tell_damage(b, &r);
    tell_unfit(b, m, &r);
    tell_jumps(b, &r);
    if (!a->offline.quiet) {
        verdict_table_print(stdout, m, r.pixels);
        print_scans(&r);
        print_speed(&r);
        print_history(&r.history, settings.process.state);
    }
    if (a->plot != NULL)
        good = plot(a->plot, &r);
    if (a->publish)
        good = play_products(r.bins->products, r.bins->n_products, o->stream.endpoint, a->realtime) && good;
    printf("NeXus file: %s\n", a->output);
    reprocessed_done(&r);
    return good;
}

static void print_neighbours(const struct array_model *m) {
    size_t used = 0;
    for (size_t i = 0; m->neighbours != NULL && i < m->n_channels; i++)
        used += m->neighbours->of[i].used;
    if (m->neighbours == NULL || m->neighbours->mains == NULL)
        printf("neighbour mode: %zu of %zu pixels, no mains that could be followed\n", used, m->n_channels);
    else
        printf("neighbour mode: %zu of %zu pixels, mains at %.4f Hz\n", used, m->n_channels, mains_track_mean_Hz(m->neighbours->mains));
}

static int work(const struct arguments *a, const struct options *o, const struct line_table *lines) {
    struct beamtime b;
    struct array_model *m;
    struct report_spectra *spectra = NULL;
    if (!beamtime_open(&a->offline.paths, o->scan.i0_key, &b))
        return EXIT_REFUSED;
    b.refused += a->calibration == NULL ? basis_check(&b.pulses, NULL) : 0;
    struct learning_settings learning = offline_learning(&a->offline, o, lines);
    learning.neighbours = o->analysis.neighbours;
    if (a->calibration == NULL && b.n_calibrations == 0)
        log_warning("no calibration state (CALn in *_experiment_state.txt, or a calibration log) lies in the time of these records: the file will "
                    "have heights but no energies; give --logs DIR or --calibration FILE");
    const struct dot_kernel *kernel = kernel_choice(o->analysis.kernel);
    int code = EXIT_REFUSED;
    if (kernel == NULL) {
        code = EXIT_USAGE;
    } else if (a->calibration != NULL ? load_model(a->calibration, &b, &m) : learning_run(&b, &learning, &m, a->report != NULL ? &spectra : NULL)) {
        kernel_choice_apply(kernel, m);
        if (a->calibration == NULL && learning.neighbours)
            print_neighbours(m);
        bool reported = a->report == NULL || offline_report(a->report, &b, m, spectra, a->argc, a->argv);
        report_spectra_free(spectra);
        code = !process(a, o, &b, m) || !reported ? EXIT_FAILED : b.refused ? EXIT_REFUSED : EXIT_GOOD;
        array_model_free(m);
    } else if (a->calibration == NULL) {
        code = EXIT_FAILED;
    }
    beamtime_close(&b);
    return code;
}

int cmd_replay(int argc, char **argv) {
    static const struct argp_option rows[] = {
        { .name = "output", .key = 'o', .arg = "OUT.nxs", .doc = "the NeXus file to write (needed)" },
        { .name = "calibration", .key = KEY_CALIBRATION, .arg = "CAL.h5", .doc = "apply what tesd calibrate kept, instead of learning from these records" },
        { .name = "plot", .key = KEY_PLOT, .arg = "FILE", .doc = "picture of map and PFY, .png or .svg; one per sample and edge" },
        { .name = "report", .key = KEY_REPORT, .arg = "FILE.html", .doc = "a page that shows the calibration, pixel by pixel, as tesd calibrate --report does" },
        { .name = "publish", .key = KEY_PUBLISH, .doc = "send the products over the stream, point by point as they were measured" },
        { .name = "speed", .key = KEY_SPEED, .arg = "max|realtime", .doc = "pace of --publish; realtime keeps the times of the scan (default max)" },
        { 0 }
    };
    static const struct argp_child children[] = { { .argp = &offline_argp }, { 0 } };
    static const struct argp argp = { .options = rows, .parser = parse_argument, .args_doc = "PULSES...", .children = children,
                                      .doc = "Turns recorded runs (folders, LJH or OFF files) into one NeXus file with photons, maps and spectra." };
    struct arguments a = { .offline.workers = -1, .argc = argc, .argv = argv };
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    struct options options;
    struct line_table *lines;
    int code = (int)output_path_check(a.output);
    if (code == EXIT_GOOD && a.plot != NULL)
        code = (int)output_path_check_picture(a.plot);
    if (code == EXIT_GOOD && offline_settings(&a.offline, &options, &lines, &code)) {
        code = work(&a, &options, lines);
        line_table_free(lines);
        options_done(&options);
    }
    offline_arguments_done(&a.offline);
    return code;
}
