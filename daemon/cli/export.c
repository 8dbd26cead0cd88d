#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cli/cli.h"
#include "daemon/cli/export_tables.h"
#include "daemon/exit_code.h"
#include "daemon/h5_file.h"
#include "daemon/log.h"
#include "daemon/product_choice.h"
#include "daemon/sink/picture.h"
#include "daemon/sink/picture_group.h"

enum { KEY_WHAT = 2000, KEY_FORMAT, KEY_SCAN, KEY_SUM };

struct arguments {
    const char *input, *output;
    char *what;                      /* own copy: its ':' becomes the end of the kind */
    struct product_choice choice;
    bool emission;                   /* xes:E or xes:LO-HI, made from the maps */
    struct export_range range;
    enum export_format format;
    bool picture;                    /* png or svg, by the ending of the output */
};

/* "530.5" or "529.5-532"; false: it is a name. */
static bool parse_range(const char *text, struct export_range *r) {
    char *end;
    r->lo_eV = r->hi_eV = strtod(text, &end);
    if (end == text)
        return false;
    if (*end == '-') {
        const char *second = end + 1;
        r->hi_eV = strtod(second, &end);
        if (end == second)
            return false;
    }
    return *end == '\0' && r->lo_eV <= r->hi_eV;
}

static void parse_what(struct arguments *a, const char *value, struct argp_state *state) {
    char *what = strdup(value);
    if (what == NULL) {
        argp_failure(state, EXIT_FAILED, errno, "--what");
        return;
    }
    free(a->what);
    a->what = what;
    char *colon = strchr(a->what, ':');
    if (colon != NULL)
        *colon = '\0';
    a->choice.kind = a->what;
    a->choice.name = colon != NULL ? colon + 1 : NULL;
    a->emission = strcmp(a->what, "xes") == 0 && colon != NULL && parse_range(colon + 1, &a->range);
    if (a->emission) {
        a->choice.kind = "rixs";
        a->choice.name = NULL;
    }
}

static error_t parse_argument(int key, char *value, struct argp_state *state) {
    struct arguments *a = state->input;
    char *end;
    switch (key) {
    case 'o': a->output = value; return 0;
    case KEY_WHAT: parse_what(a, value, state); return 0;
    case KEY_SUM: a->choice.sum = value; return 0;
    case KEY_SCAN: {
        long scan = strtol(value, &end, 10);
        if (end == value || *end != '\0' || scan < 0 || scan > INT32_MAX)
            argp_error(state, "--scan %s: a scan number is wanted", value);
        a->choice.scan = (int32_t)scan;
        return 0;
    }
    case KEY_FORMAT:
        if (strcmp(value, "csv") != 0 && strcmp(value, "xdi") != 0 && strcmp(value, "png") != 0 && strcmp(value, "svg") != 0)
            argp_error(state, "--format %s: csv, xdi, png or svg", value);
        a->picture = strcmp(value, "png") == 0 || strcmp(value, "svg") == 0;
        a->format = strcmp(value, "xdi") == 0 ? EXPORT_XDI : EXPORT_CSV;
        return 0;
    case ARGP_KEY_ARG:
        if (a->input != NULL)
            argp_error(state, "one file at a time, not %s as well", value);
        a->input = value;
        return 0;
    case ARGP_KEY_END:
        if (a->input == NULL || a->what == NULL)
            argp_error(state, "OUT.nxs and --what are needed");
        if (a->picture && (a->output == NULL || !picture_name_good(a->output)))
            argp_error(state, "a picture needs -o FILE.png or FILE.svg");
        if (a->picture && a->what != NULL && (a->emission || strcmp(a->what, "photons") == 0))
            argp_error(state, "pictures are of products of the file; 'tesd merge --xes NAME=LO:HI' makes one of an emission spectrum");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* For one product PATH itself; for one of several PATH with _GROUP before its ending. malloc'ed, NULL: no memory. */
static char *output_name(const char *path, const char *group, bool several) {
    char *name = NULL;
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    int stem = dot != NULL && (slash == NULL || dot > slash) ? (int)(dot - path) : (int)strlen(path);
    int made = several ? asprintf(&name, "%.*s_%s%s", stem, path, group, path + stem) : asprintf(&name, "%s", path);
    return made < 0 ? NULL : name;
}

static bool write_one(const struct arguments *a, struct h5_input *in, hid_t entry, const char *group, FILE *to) {
    if (strcmp(group, "photons") == 0)
        return export_photons(in, entry, to);
    struct nexus_group *g = nexus_group_read(in, entry, group);
    bool good = g != NULL && (a->emission ? export_emission(in, entry, g, a->range, a->format, to) : export_group(in, entry, g, a->format, to));
    nexus_group_free(g);
    return good;
}

static bool write_picture(struct h5_input *in, hid_t entry, const char *group, const char *path) {
    struct nexus_group *g = path != NULL ? nexus_group_read(in, entry, group) : NULL;
    const bool good = g != NULL && picture_group(path, g);
    nexus_group_free(g);
    if (good)
        fprintf(stderr, "%s: %s\n", path, group);
    return good;
}

static bool write_file(const struct arguments *a, struct h5_input *in, hid_t entry, const char *group, bool several) {
    if (a->output == NULL)
        return write_one(a, in, entry, group, stdout);
    char *path = output_name(a->output, group, several);
    if (a->picture) {
        const bool drawn = write_picture(in, entry, group, path);
        free(path);
        return drawn;
    }
    FILE *to = path != NULL ? fopen(path, "w") : NULL;
    bool good = to != NULL && write_one(a, in, entry, group, to);
    if (to == NULL)
        log_error("%s: cannot be written: %s", path != NULL ? path : a->output, strerror(errno));
    else if (fclose(to) != 0) {
        log_error("%s: cannot be written: %s", path, strerror(errno));
        good = false;
    }
    if (to != NULL && !good)
        remove(path);
    if (good)
        fprintf(stderr, "%s: %s\n", path, group);
    free(path);
    return good;
}

/* Keeps those that are meant, in front; how many. The names behind are the caller's to free as well. */
static size_t choose(const struct product_choice *c, char **names, size_t n) {
    size_t kept = 0;
    for (size_t k = 0; k < n; k++)
        if (product_choice_meets(c, names[k])) {
            char *name = names[k];
            names[k] = names[kept];
            names[kept++] = name;
        }
    return kept;
}

/* Of several products those that XDI cannot hold are left out, and said. */
static bool fits(const struct arguments *a, struct h5_input *in, hid_t entry, const char *group) {
    if (a->picture || a->emission || a->format != EXPORT_XDI)
        return true;
    struct nexus_group *g = nexus_group_read(in, entry, group);
    const bool curve = g == NULL || export_has_curve(g);   /* what cannot be read is an error of its own */
    if (!curve)
        fprintf(stderr, "%s is left out: %s\n", group, export_is_map(g) ? "a map, and XDI holds curves" : "no value at any point");
    nexus_group_free(g);
    return curve;
}

static int export_chosen(const struct arguments *a, struct h5_input *in, hid_t entry) {
    size_t n = 0;
    char **names = nexus_group_names(in, entry, &n);
    if (names == NULL)
        return EXIT_FAILED;
    size_t chosen = choose(&a->choice, names, n);
    int code = EXIT_GOOD;
    if (chosen == 0) {
        log_error("%s: holds no such product; 'tesd inspect %s' lists what there is", a->input, a->input);
        code = EXIT_USAGE;
    } else if (chosen > 1 && a->output == NULL) {
        log_error("%s: %zu products are meant, from %s to %s; choose with --scan, --sum or --what, or give -o FILE for one file each", a->input, chosen,
                  names[0], names[chosen - 1]);
        code = EXIT_USAGE;
    }
    for (size_t k = 0; k < chosen && code == EXIT_GOOD; k++)
        if ((chosen == 1 || fits(a, in, entry, names[k])) && !write_file(a, in, entry, names[k], chosen > 1))
            code = EXIT_FAILED;
    nexus_group_names_free(names, n);
    return code;
}

static int work(const struct arguments *a) {
    struct h5_input in;
    if (!h5_input_open(a->input, &in))
        return EXIT_REFUSED;
    hid_t entry = h5_input_group(&in, in.id, "entry");
    int code = EXIT_REFUSED;
    if (!in.failed && strcmp(a->choice.kind, "photons") == 0 && a->format == EXPORT_XDI) {
        log_error("photons are no curve, and XDI holds curves; take --format csv");
        code = EXIT_USAGE;
    } else if (!in.failed && strcmp(a->choice.kind, "photons") == 0) {
        code = write_file(a, &in, entry, "photons", false) ? EXIT_GOOD : EXIT_FAILED;
    } else if (!in.failed) {
        code = export_chosen(a, &in, entry);
    }
    h5_file_close_group(entry);
    h5_input_close(&in);
    return code;
}

int cmd_export(int argc, char **argv) {
    static const struct argp_option rows[] = {
        { .name = "what", .key = KEY_WHAT, .arg = "KIND[:NAME]", .doc = "pfy:O (the window O of every scan and sum), rixs, loss, xes:530.5 or xes:529.5-532 (emission spectrum at one "
                                                                        "incident energy or over some, from the maps), photons, any other product of the file, all of them (all), or the name of a group" },
        { .name = "format", .key = KEY_FORMAT, .arg = "csv|xdi|png|svg", .doc = "csv for spreadsheets (default), xdi for Athena and Larch, or a picture with axes, units and error bars" },
        { .name = "scan", .key = KEY_SCAN, .arg = "N", .doc = "of this scan only" },
        { .name = "sum", .key = KEY_SUM, .arg = "GROUP", .doc = "of this sum of scans only, such as heated_O" },
        { .name = "output", .key = 'o', .arg = "FILE", .doc = "where to (default: standard output); several products: FILE_GROUP.ending each" },
        { 0 }
    };
    static const struct argp argp = { .options = rows, .parser = parse_argument, .args_doc = "OUT.nxs",
                                      .doc = "Writes products of a NeXus file as text columns with their errors and what must be known about them, or as pictures." };
    struct arguments a = { .choice.scan = -1 };
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    int code = work(&a);
    free(a.what);
    return code;
}
