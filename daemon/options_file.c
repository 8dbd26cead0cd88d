/* Config text -> struct options, in four readings that each report all they find: the outline (YAML at all, unknown and repeated
 * keys), the structure (libcyaml), each value against its row, and the rules that join several values. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/calibration_form.h"
#include "daemon/config_outline.h"
#include "daemon/config_values.h"
#include "daemon/cut_list.h"
#include "daemon/log.h"
#include "daemon/option_value.h"
#include "daemon/options.h"
#include "daemon/options_faults.h"
#include "daemon/options_roi.h"
#include "daemon/trigger_mode.h"

enum { MAX_BINS = 100000 };

static const char *const roi_keys[] = { "name", "lo_eV", "hi_eV" };

static bool is_section(const char *word, size_t n) {
    for (size_t i = 0; i < option_count; i++)
        if (option_section_length(&option_table[i]) == n && memcmp(option_table[i].name, word, n) == 0)
            return true;
    return false;
}

static bool is_roi_path(const char *path) {
    if (strncmp(path, "roi[", 4) != 0)
        return false;
    const char *end = strchr(path, ']');
    if (end == NULL || end[1] != '.')
        return end != NULL;
    for (size_t i = 0; i < sizeof roi_keys / sizeof roi_keys[0]; i++)
        if (strcmp(end + 2, roi_keys[i]) == 0)
            return true;
    return strpbrk(end + 2, ".[") != NULL;
}

/* What hangs below an unknown or a wrongly structured key is not judged: its parent is reported. */
static bool is_known_path(const char *path) {
    size_t first = strcspn(path, ".[");
    if (path[first] == '\0')
        return strcmp(path, "roi") == 0 || is_section(path, first);
    if (path[first] == '[')
        return is_roi_path(path) || strncmp(path, "roi[", 4) != 0;
    if (!is_section(path, first) || strpbrk(path + first + 1, ".[") != NULL)
        return true;
    for (size_t i = 0; i < option_count; i++)
        if (strcmp(path, option_table[i].name) == 0)
            return true;
    return false;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Levenshtein distance; both are shorter than OUTLINE_PATH. */
static size_t edit_distance(const char *a, const char *b) {
    size_t row[OUTLINE_PATH + 1], n = strlen(b);
    for (size_t k = 0; k <= n; k++)
        row[k] = k;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t k = 1; k <= n; k++) {
            size_t above = row[k];
            row[k] = least(least(row[k], row[k - 1]) + 1, diagonal + (a[i] != b[k - 1]));
            diagonal = above;
        }
    }
    return row[n];
}

static const char *nearest_option(const char *path) {
    const char *best = NULL;
    size_t best_distance = strlen(path) / 3 + 1;
    for (size_t i = 0; i < option_count; i++) {
        size_t distance = edit_distance(path, option_table[i].name);
        if (distance <= best_distance) {
            best_distance = distance - 1;
            best = option_table[i].name;
        }
    }
    return best;
}

static void report_unknown(const struct outline_key *key, struct options_faults *faults) {
    const char *near = nearest_option(key->path);
    if (near != NULL)
        options_faults_add(faults, key->line, "unknown key '%.60s'; is '%s' meant?", key->path, near);
    else
        options_faults_add(faults, key->line, "unknown key '%.60s'; 'tesd check-config --reference' lists all keys", key->path);
}

/* False when a key is repeated: libcyaml would report that again, with a poorer line. */
static bool check_outline(const struct config_outline *outline, struct options_faults *faults) {
    bool repeated = false;
    for (size_t i = 0; i < outline->n; i++) {
        const struct outline_key *key = &outline->keys[i];
        if (i > 0 && strcmp(key->path, key[-1].path) == 0) {
            options_faults_add(faults, key->line, "'%.60s' stands here again, first in line %u; keep one", key->path, key[-1].line);
            repeated = true;
        } else if (!is_known_path(key->path)) {
            report_unknown(key, faults);
        }
    }
    return !repeated;
}

static void set_values(const struct config_values *values, const struct config_outline *outline, struct options *o, struct options_faults *faults) {
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];
        char why[OPTION_WHY];
        if (values->text[i] != NULL && !option_value_set(row, values->text[i], o, why))
            options_faults_add(faults, config_outline_line(outline, row->name), "%s: %s", row->name, why);
    }
}

static uint32_t axis_line(const struct config_outline *outline, const char *const names[3]) {
    uint32_t line = 0;
    for (int i = 0; i < 3; i++) {
        uint32_t here = config_outline_line(outline, names[i]);
        line = here > line ? here : line;
    }
    return line;
}

static void check_axis(const struct energy_axis *a, const char *const names[3], const struct config_outline *outline, struct options_faults *faults) {
    uint32_t line = axis_line(outline, names);
    double bins = (a->hi_eV - a->lo_eV) / a->bin_eV;
    if (!(a->lo_eV < a->hi_eV))
        options_faults_add(faults, line, "%s is %g eV, but %s is %g eV; it must be above", names[1], a->hi_eV, names[0], a->lo_eV);
    else if (bins > MAX_BINS)
        options_faults_add(faults, line, "%s of %g eV makes %.0f bins, at most %d are allowed; widen the bins", names[2], a->bin_eV, bins, MAX_BINS);
    else if (fabs(bins - round(bins)) > 1e-6)
        options_faults_add(faults, line, "%s: %g to %g eV is no whole number of %g eV bins; end at %.10g", names[1], a->lo_eV, a->hi_eV, a->bin_eV,
                           a->lo_eV + ceil(bins) * a->bin_eV);
}

static void check_axes(const struct options *o, const struct config_outline *outline, struct options_faults *faults) {
    static const char *const emission[] = { "rixs.emission_lo_eV", "rixs.emission_hi_eV", "rixs.emission_bin_eV" };
    static const char *const loss[] = { "rixs.loss_lo_eV", "rixs.loss_hi_eV", "rixs.loss_bin_eV" };
    check_axis(&o->rixs.emission, emission, outline, faults);
    check_axis(&o->rixs.loss, loss, outline, faults);
}

static void check_live_time(const struct options *o, const struct config_outline *outline, struct options_faults *faults) {
    const struct { const char *name, *list; } lists[] = { { "trigger.auto_channels", o->trigger.automatic }, { "trigger.secondary_channels", o->trigger.secondary },
                                                         { "veto.neighbours", o->veto.neighbours } };
    enum trigger_kind kind;
    if (!trigger_kind_named(o->trigger.mode, &kind))
        options_faults_add(faults, config_outline_line(outline, "trigger.mode"),
                           "trigger.mode: '%s' is not known; give auto, edge, edge-multi, edge-multi-short, edge-multi-single, edge-multi-isolated or level", o->trigger.mode);
    if (strcmp(o->live_time.method, "interval") != 0 && strcmp(o->live_time.method, "array") != 0)
        options_faults_add(faults, config_outline_line(outline, "live_time.method"), "live_time.method: '%s' is not known; give interval or array", o->live_time.method);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (!trigger_list_good(lists[i].list))
            options_faults_add(faults, config_outline_line(outline, lists[i].name), "%s: '%.60s' is no list of channels; write like 3, 17, 100-120", lists[i].name, lists[i].list);
}

static void check_cuts(const struct options *o, const struct config_outline *outline, struct options_faults *faults) {
    const struct { const char *name, *list; enum cut_kind kind; } lists[] = { { "products.xes", o->products.xes, CUT_XES }, { "products.cee", o->products.cee, CUT_CEE },
                                                                             { "products.cet", o->products.cet, CUT_CET }, { "products.ipfy", o->products.ipfy, CUT_IPFY } };
    struct cut_list cuts = { 0 };
    char why[200];
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (!cut_list_parse(&cuts, lists[i].kind, lists[i].list, why, sizeof why))
            options_faults_add(faults, config_outline_line(outline, lists[i].name), "%s: %s", lists[i].name, why);
}

static void check_curve(const struct options *o, const struct config_outline *outline, struct options_faults *faults) {
    enum curve_form form;
    if (!calibration_form_named(o->calibration.curve, &form))
        options_faults_add(faults, config_outline_line(outline, "calibration.curve"), "calibration.curve: '%s' is not known; give spline, smoothing or quadratic",
                           o->calibration.curve);
}

static bool is_one_of(const char *value, const char *const *words) {
    for (; *words != NULL; words++)
        if (strcmp(value, *words) == 0)
            return true;
    return false;
}

static void check_follow(const struct options *o, const struct config_outline *outline, struct options_faults *faults) {
    static const char *const modes[] = { "off", "fill", "only", NULL }, *const notices[] = { "best", "inotify", "poll", NULL }, *const reads[] = { "best", "uring", "plain", NULL };
    static const char *const files[] = { "ljh", "off", NULL };
    if (!is_one_of(o->follow.mode, modes))
        options_faults_add(faults, config_outline_line(outline, "follow.mode"), "follow.mode: '%s' is not known; give off, fill or only", o->follow.mode);
    if (!is_one_of(o->follow.notice, notices))
        options_faults_add(faults, config_outline_line(outline, "follow.notice"), "follow.notice: '%s' is not known; give best, inotify or poll", o->follow.notice);
    if (!is_one_of(o->follow.reads, reads))
        options_faults_add(faults, config_outline_line(outline, "follow.reads"), "follow.reads: '%s' is not known; give best, uring or plain", o->follow.reads);
    if (!is_one_of(o->follow.prefer, files))
        options_faults_add(faults, config_outline_line(outline, "follow.prefer"), "follow.prefer: '%s' is not known; give ljh or off", o->follow.prefer);
}

static void parse_document(const uint8_t *bytes, size_t n, const struct config_outline *outline, struct options *o, struct options_faults *faults) {
    if (outline->empty || !check_outline(outline, faults))
        return;
    struct config_values *values;
    if (!config_values_load(bytes, n, &values, faults))
        return;
    set_values(values, outline, o, faults);
    if (faults->n == 0)
        check_axes(o, outline, faults);
    if (faults->n == 0)
        check_live_time(o, outline, faults);
    if (faults->n == 0)
        check_curve(o, outline, faults);
    if (faults->n == 0)
        check_cuts(o, outline, faults);
    if (faults->n == 0)
        check_follow(o, outline, faults);
    if (config_outline_line(outline, "roi") > 0)
        options_roi_set(values, outline, o, faults);
    config_values_free(values);
}

static char *copy_text(const uint8_t *bytes, size_t n) {
    char *text = malloc(n + 1);
    if (text == NULL)
        return NULL;
    if (n > 0)
        memcpy(text, bytes, n);
    text[n] = '\0';
    return text;
}

bool options_parse(const uint8_t *bytes, size_t n, struct options *out, struct options_faults *faults) {
    *faults = (struct options_faults){ 0 };
    if (n > OPTIONS_FILE_LIMIT) {
        options_faults_add(faults, 0, "longer than %d bytes, so this is no config file", OPTIONS_FILE_LIMIT);
        return false;
    }
    struct options o;
    options_defaults(&o);
    struct config_outline outline;
    struct complaint why;
    if (config_outline_read(bytes, n, &outline, &why)) {
        parse_document(bytes, n, &outline, &o, faults);
        config_outline_done(&outline);
    } else {
        options_faults_add(faults, why.line, "%s", why.text);
    }
    options_faults_sort(faults);
    o.text = faults->n == 0 ? copy_text(bytes, n) : NULL;
    if (o.text == NULL) {
        if (faults->n == 0)
            options_faults_add(faults, 0, "out of memory");
        return false;
    }
    *out = o;
    return true;
}

/* At most one byte over the limit: options_parse refuses that. */
static bool read_whole(const char *path, uint8_t **bytes, size_t *n) {
    FILE *file = fopen(path, "rb");
    uint8_t *buffer = file ? malloc(OPTIONS_FILE_LIMIT + 1) : NULL;
    size_t got = buffer ? fread(buffer, 1, OPTIONS_FILE_LIMIT + 1, file) : 0;
    bool good = buffer != NULL && !ferror(file);
    if (!good) {
        log_error("%s: cannot be read: %s; give a readable config file with -c, or none for the defaults", path, strerror(errno));
        free(buffer);
    }
    if (file != NULL)
        fclose(file);
    if (!good)
        return false;
    *bytes = buffer;
    *n = got;
    return true;
}

bool options_load(const char *path, struct options *o) {
    uint8_t *bytes = NULL;
    size_t n = 0;
    if (path != NULL && !read_whole(path, &bytes, &n))
        return false;
    struct options_faults faults;
    bool good = options_parse(path ? bytes : (const uint8_t *)"", n, o, &faults);
    free(bytes);
    for (uint32_t i = 0; i < faults.n; i++) {
        const struct complaint *c = &faults.list[i];
        if (c->line > 0)
            log_error("%s:%u: %s", path ? path : "defaults", c->line, c->text);
        else
            log_error("%s: %s", path ? path : "defaults", c->text);
    }
    if (faults.more > 0)
        log_error("%s: and %u more faults", path ? path : "defaults", faults.more);
    return good;
}
