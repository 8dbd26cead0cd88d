#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/scan_repeat.h"
#include "daemon/cli/cli.h"
#include "daemon/cli/offline_arguments.h"
#include "daemon/cli/output_path.h"
#include "daemon/exit_code.h"
#include "daemon/log.h"
#include "daemon/sink/comparison.h"
#include "daemon/version.h"

enum { KEY_A = 2000, KEY_B, KEY_BY, KEY_WINDOW, KEY_PRE_EDGE, KEY_WANTED };

struct arguments {
    const char *files[2], *conditions[2], *by, *output;
    double window_eV[2], pre_edge_eV[2], wanted;
    bool has_pre_edge, line;
    int argc;
    char **argv;
};

/* "530:532", with ":line" behind it where that is allowed. */
static bool parse_range(const char *text, double out[2], bool *line) {
    char *end;
    out[0] = strtod(text, &end);
    if (end == text || *end != ':')
        return false;
    const char *second = end + 1;
    out[1] = strtod(second, &end);
    if (end == second || !(out[0] < out[1]))
        return false;
    if (line != NULL)
        *line = strcmp(end, ":line") == 0;
    return *end == '\0' || (line != NULL && *line);
}

static error_t parse_argument(int key, char *value, struct argp_state *state) {
    struct arguments *a = state->input;
    char *end;
    switch (key) {
    case 'o': a->output = value; return 0;
    case KEY_A: a->conditions[0] = value; return 0;
    case KEY_B: a->conditions[1] = value; return 0;
    case KEY_BY: a->by = value; return 0;
    case KEY_WINDOW:
        if (!parse_range(value, a->window_eV, NULL))
            argp_error(state, "--incident %s: LO:HI in eV is wanted", value);
        return 0;
    case KEY_PRE_EDGE:
        a->has_pre_edge = parse_range(value, a->pre_edge_eV, &a->line);
        if (!a->has_pre_edge)
            argp_error(state, "--pre-edge %s: LO:HI or LO:HI:line in eV is wanted", value);
        return 0;
    case KEY_WANTED:
        a->wanted = strtod(value, &end);
        if (end == value || *end != '\0' || !(a->wanted > 0))
            argp_error(state, "--wanted %s: a relative error above 0 is wanted, such as 0.05", value);
        return 0;
    case ARGP_KEY_ARG:
        if (a->files[1] != NULL)
            argp_error(state, "two files at most, not %s as well", value);
        a->files[a->files[0] != NULL] = value;
        return 0;
    case ARGP_KEY_END:
        if (a->files[0] == NULL)
            argp_error(state, "A.nxs and B.nxs are needed, or one file that holds both conditions");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* An open file and the conditions in it. */
struct side { struct h5_input in; hid_t entry; char **names; size_t n; };

static bool side_open(const char *path, struct side *s) {
    *s = (struct side){ .entry = -1, .in = { .id = -1 } };
    if (!h5_input_open(path, &s->in))
        return false;
    s->entry = h5_input_group(&s->in, s->in.id, "entry");
    s->names = s->in.failed ? NULL : condition_file_names(&s->in, s->entry, &s->n);
    return s->names != NULL;
}

static void side_close(struct side *s) {
    if (s->names != NULL)
        nexus_group_names_free(s->names, s->n);
    h5_file_close_group(s->entry);
    h5_input_close(&s->in);
}

static bool meet(const struct condition *a, const struct condition *b) {
    struct scan scans[2] = { { .n_points = a->n_points }, { .n_points = b->n_points } };
    struct scan_repeat r[2] = { { 0 }, { 0 } };
    bool good = a->n_points == b->n_points;
    for (int side = 0; good && side < 2; side++) {
        scans[side].points = calloc(a->n_points + (size_t)1, sizeof *scans[side].points);
        good = scans[side].points != NULL;
        for (uint32_t k = 0; good && k < a->n_points; k++)
            scans[side].points[k].incident_eV = (side ? b : a)->incident_eV[k];
        good = good && scan_repeat_new(&scans[side], &r[side]) == STATUS_OK;
    }
    good = good && scan_repeat_meets(&r[0], &r[1]);
    for (int side = 0; side < 2; side++) {
        scan_repeat_done(&r[side]);
        free(scans[side].points);
    }
    return good;
}

static const struct condition_yield *find_yield(const struct condition *c, const char *name) {
    for (size_t k = 0; k < c->n_yields; k++)
        if (strcmp(c->yields[k].name, name) == 0)
            return &c->yields[k];
    return NULL;
}

/* Areas by which yields and maps of both are divided. False after logging. */
static bool normalise(const struct arguments *a, struct condition *x, struct condition *y, struct comparison *c) {
    c->a_scale = c->b_scale = 1;
    if (strcmp(a->by, "i0") == 0)
        return true;
    const struct condition_yield *u = find_yield(x, a->by), *v = find_yield(y, a->by);
    if (u == NULL || v == NULL) {
        log_error("--by %s: %s has no such PFY", a->by, u == NULL ? x->name : y->name);
        return false;
    }
    const struct condition_sum p = condition_sum_of(&u->curve, &v->curve, -INFINITY, INFINITY), q = condition_sum_of(&v->curve, &u->curve, -INFINITY, INFINITY);
    if (!(p.value > 0) || !(q.value > 0)) {
        log_error("--by %s: there is nothing in it", a->by);
        return false;
    }
    for (size_t k = 0; k < x->n_yields; k++)
        condition_curve_normalise(&x->yields[k].curve, &p);
    for (size_t k = 0; k < y->n_yields; k++)
        condition_curve_normalise(&y->yields[k].curve, &q);
    c->a_scale = p.value;
    c->b_scale = q.value;
    return true;
}

static void subtract(const struct arguments *a, struct condition *c) {
    struct pre_edge p;
    for (size_t k = 0; a->has_pre_edge && k < c->n_yields; k++)
        if (condition_pre_edge(&c->yields[k].curve, a->pre_edge_eV[0], a->pre_edge_eV[1], a->line, &p) == STATUS_TOO_FEW &&
            condition_sum_of(&c->yields[k].curve, NULL, -INFINITY, INFINITY).counts > 10 * c->n_points)
            log_warning("%s, %s: too little before the edge (%g to %g eV) to subtract", c->name, c->yields[k].name, a->pre_edge_eV[0], a->pre_edge_eV[1]);
}

static void print_row(const struct condition_yield *y, const struct comparison_window *w, double wanted) {
    const struct condition_ratio *r = &w->ratio;
    printf("  %-14.14s %9.0f %9.0f   ", y->name, w->counts_a, w->counts_b);
    if (isfinite(r->sigma))
        printf("%8.4f(%.4f) %7.1f   ", r->ratio, r->sigma, (r->ratio - 1) / r->sigma);
    else
        printf("%16s %7s   ", "too few counts", "");
    printf("%6.1f / %-4u", w->shape.chi2, w->shape.dof);
    if (wanted > 0 && isfinite(w->counts_needed))
        printf(" %12.0f", w->counts_needed);
    putchar('\n');
}

/* One pair: table, and groups of the file when there is one. */
static bool compare_pair(const struct arguments *a, struct condition *x, struct condition *y, struct h5_file *f, hid_t entry) {
    char name[CONDITION_NAME];
    snprintf(name, sizeof name, "%.40s_vs_%.40s", x->name, y->name);
    struct comparison c = { .name = name, .a = x, .b = y, .normalised_by = strcmp(a->by, "i0") != 0 ? a->by : x->by_i0 ? "i0 x live_time" : "live_time" };
    subtract(a, x);
    subtract(a, y);
    if (!normalise(a, x, y, &c) || (f != NULL && !comparison_map(f, entry, &c)))
        return false;
    printf("%s against %s, normalised by %s%s, incident energies %g to %g eV\n", x->name, y->name, strcmp(a->by, "i0") != 0 ? "the area of PFY " : "", c.normalised_by,
           a->window_eV[0], a->window_eV[1]);
    printf("  %-14s %9s %9s   %16s %7s   %13s%s\n", "window", "counts A", "counts B", "ratio A / B", "from 1", "shape chi2", a->wanted > 0 ? "  still needed" : "");
    for (size_t k = 0; k < x->n_yields; k++) {
        const struct condition_yield *u = &x->yields[k], *v = find_yield(y, u->name);
        if (v == NULL)
            continue;
        const struct condition_sum p = condition_sum_of(&u->curve, &v->curve, a->window_eV[0], a->window_eV[1]);
        const struct condition_sum q = condition_sum_of(&v->curve, &u->curve, a->window_eV[0], a->window_eV[1]);
        const struct comparison_window w = { .lo_eV = a->window_eV[0], .hi_eV = a->window_eV[1], .ratio = condition_ratio_of(&p, &q), .counts_a = p.counts, .counts_b = q.counts,
                                             .counts_needed = a->wanted > 0 ? condition_counts_needed(&p, &q, a->wanted) : (double)NAN,
                                             .shape = condition_shape_of(&u->curve, &v->curve) };
        if (p.counts + q.counts > 0)
            print_row(u, &w, a->wanted);
        if (f != NULL)
            comparison_yield(f, entry, &c, u, v, &w);
    }
    return true;
}

/* Whether condition k of a side is meant. Of one file with itself each pair counts once. */
static bool wanted(const char *asked, const char *name) { return asked == NULL || strcmp(asked, name) == 0; }

static bool try_pair(const struct arguments *a, struct side *x, size_t i, struct side *y, size_t k, struct h5_file *f, hid_t entry, unsigned *n_pairs) {
    struct condition p, q;
    if (!condition_file_read(&x->in, x->entry, x->names[i], true, &p))
        return false;
    bool good = condition_file_read(&y->in, y->entry, y->names[k], p.by_i0, &q);
    if (good && p.by_i0 && !q.by_i0) {   /* one without I0: both by live time */
        condition_done(&p);
        good = condition_file_read(&x->in, x->entry, x->names[i], false, &p);
        log_warning("%s has no I0: both are divided by live time alone", q.name);
    }
    if (good && meet(&p, &q)) {
        good = compare_pair(a, &p, &q, f, entry);
        ++*n_pairs;
    }
    condition_done(&q);
    condition_done(&p);
    return good;
}

static bool compare_all(const struct arguments *a, struct side *x, struct side *y, bool same, struct h5_file *f, hid_t entry, unsigned *n_pairs) {
    bool good = true;
    for (size_t i = 0; good && i < x->n; i++)
        for (size_t k = 0; good && k < y->n; k++) {
            const bool once = !same || (a->conditions[0] == NULL && a->conditions[1] == NULL ? i < k : i != k);
            if (once && wanted(a->conditions[0], x->names[i]) && wanted(a->conditions[1], y->names[k]))
                good = try_pair(a, x, i, y, k, f, entry, n_pairs);
        }
    return good;
}

static void write_process(const struct arguments *a, struct h5_file *f, hid_t entry) {
    char *command = offline_command_line(a->argc, a->argv);
    const hid_t group = h5_file_group(f, entry, "process", "NXprocess");
    h5_file_text(f, group, "program", "tesd");
    h5_file_text(f, group, "version", version_number);
    h5_file_text(f, group, "git_id", version_git_id);
    h5_file_text(f, group, "command_line", command != NULL ? command : "");
    h5_file_texts(f, group, "input_files", a->files, a->files[1] != NULL ? 2 : 1, 0);
    h5_file_close_group(group);
    free(command);
}

static int work(const struct arguments *a, struct side *x, struct side *y, bool same) {
    struct h5_file *f = a->output != NULL ? h5_file_create(a->output) : NULL;
    hid_t entry = -1;
    unsigned n_pairs = 0;
    if (a->output != NULL && f == NULL)
        return EXIT_FAILED;
    if (f != NULL) {
        h5_file_attribute_text(f, f->id, "NX_class", "NXroot");
        h5_file_attribute_text(f, f->id, "default", "entry");
        entry = h5_file_group(f, f->id, "entry", "NXentry");
        h5_file_text(f, entry, "title", "comparison of conditions");
    }
    bool good = compare_all(a, x, y, same, f, entry, &n_pairs);
    if (good && n_pairs == 0) {
        log_error("no two conditions with the same set points; 'tesd inspect FILE' lists what there is, --a and --b choose");
        good = false;
    }
    if (f == NULL)
        return good ? EXIT_GOOD : EXIT_REFUSED;
    write_process(a, f, entry);
    h5_file_close_group(entry);
    if (!good) {
        h5_file_abandon(f);
        return EXIT_REFUSED;
    }
    if (!h5_file_finish(f))
        return EXIT_FAILED;
    printf("NeXus file: %s\n", a->output);
    return EXIT_GOOD;
}

int cmd_compare(int argc, char **argv) {
    static const struct argp_option rows[] = {
        { .name = "output", .key = 'o', .arg = "C.nxs", .doc = "difference maps and ratios of PFYs with errors and significance" },
        { .name = "a", .key = KEY_A, .arg = "GROUP", .doc = "this condition of the first file, such as heated_O or scan_0003 (default: all)" },
        { .name = "b", .key = KEY_B, .arg = "GROUP", .doc = "and this one of the second" },
        { .name = "by", .key = KEY_BY, .arg = "i0|PFY", .doc = "normalise by I0 (default) or by the area of a PFY: tfy, O, ..." },
        { .name = "incident", .key = KEY_WINDOW, .arg = "LO:HI", .doc = "incident energies over which the table's ratios are summed (default: all)" },
        { .name = "pre-edge", .key = KEY_PRE_EDGE, .arg = "LO:HI[:line]", .doc = "subtract what is constant, or a straight line, at these incident energies" },
        { .name = "wanted", .key = KEY_WANTED, .arg = "F", .doc = "relative error wanted of the ratios: how many counts are still needed" },
        { 0 }
    };
    static const struct argp argp = { .options = rows, .parser = parse_argument, .args_doc = "A.nxs [B.nxs]",
                                      .doc = "Compares conditions of a sample: every sum of scans of A with the one of B that has the same set points (half a step), or those of one file "
                                             "with each other. Says ratios of PFYs with their errors, whether the shapes agree, and what is still needed." };
    struct arguments a = { .by = "i0", .window_eV = { -INFINITY, INFINITY }, .argc = argc, .argv = argv };
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    if (a.output != NULL && output_path_check(a.output) != EXIT_GOOD)
        return (int)output_path_check(a.output);
    struct side x, y;
    const bool same = a.files[1] == NULL || strcmp(a.files[0], a.files[1]) == 0;
    const bool one = side_open(a.files[0], &x), other = side_open(same ? a.files[0] : a.files[1], &y);
    const int code = one && other ? work(&a, &x, &y, same) : EXIT_REFUSED;
    side_close(&x);
    side_close(&y);
    return code;
}
