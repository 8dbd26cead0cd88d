#include "daemon/options_roi.h"

#include <stdio.h>
#include <string.h>

#include "daemon/option_value.h"
#include "daemon/options_faults.h"

static const double LIMIT_EV = 20000;

static uint32_t entry_line(const struct config_outline *outline, uint32_t entry, const char *key) {
    char path[OUTLINE_PATH];
    snprintf(path, sizeof path, "roi[%u]%s%s", entry, key[0] ? "." : "", key);
    return config_outline_line(outline, path);
}

static bool is_roi_name(const char *name) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    size_t n = strlen(name);
    return n >= 1 && n < sizeof((struct yield_region *)0)->name && strspn(name, letters) == n;
}

static const struct yield_region *find_roi(const struct options *o, const char *name) {
    for (uint32_t i = 0; i < o->n_roi; i++)
        if (strcmp(o->roi[i].name, name) == 0)
            return &o->roi[i];
    return NULL;
}

static bool parse_bound(const char *text, const char *roi, const char *key, uint32_t line, double *out, struct options_faults *faults) {
    if (option_value_number(text, out) && *out >= 0 && *out <= LIMIT_EV)
        return true;
    options_faults_add(faults, line, "roi %.31s: %s '%.40s' is not allowed; give 0 to %.0f eV", roi, key, text, LIMIT_EV);
    return false;
}

static void add_entry(const struct config_roi *entry, uint32_t i, const struct config_outline *outline, struct options *o, struct options_faults *faults) {
    struct yield_region region = { .lo_eV = 0 };
    uint32_t name_line = entry_line(outline, i, "name");
    if (!is_roi_name(entry->name)) {
        options_faults_add(faults, name_line, "roi name '%.40s' is not allowed; give 1 to 31 letters, digits or '_'", entry->name);
        return;
    }
    snprintf(region.name, sizeof region.name, "%s", entry->name);
    bool lo = parse_bound(entry->lo_eV, region.name, "lo_eV", entry_line(outline, i, "lo_eV"), &region.lo_eV, faults);
    bool hi = parse_bound(entry->hi_eV, region.name, "hi_eV", entry_line(outline, i, "hi_eV"), &region.hi_eV, faults);
    if (lo && hi && !(region.lo_eV < region.hi_eV))
        options_faults_add(faults, entry_line(outline, i, ""), "roi %s: lo_eV %g is not below hi_eV %g; a window is [lo, hi)", region.name, region.lo_eV, region.hi_eV);
    else if (find_roi(o, region.name) != NULL)
        options_faults_add(faults, name_line, "roi %s stands in the list twice; give every window its own name", region.name);
    else if (o->n_roi < OPTIONS_MAX_ROI)
        o->roi[o->n_roi++] = region;
    else
        options_faults_add(faults, name_line, "roi %s: more than %d windows (tfy counts); take some out", region.name, OPTIONS_MAX_ROI);
}

void options_roi_set(const struct config_values *values, const struct config_outline *outline, struct options *o, struct options_faults *faults) {
    const struct yield_region tfy = o->roi[0];
    bool own_tfy = false;
    for (uint32_t i = 0; i < values->roi_count; i++)
        own_tfy = own_tfy || strcmp(values->roi[i].name, tfy.name) == 0;
    o->n_roi = 0;
    if (!own_tfy)
        o->roi[o->n_roi++] = tfy;
    for (uint32_t i = 0; i < values->roi_count && faults->n < OPTIONS_MAX_FAULTS; i++)
        add_entry(&values->roi[i], i, outline, o, faults);
}
