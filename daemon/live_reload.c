#include "daemon/live_reload.h"

#include <string.h>

#include "daemon/log.h"

static const char *const hot[] = { "calibration.file", "scan.late_photon_s" };

bool live_reload_is_hot(const char *key) {
    for (size_t i = 0; i < sizeof hot / sizeof hot[0]; i++)
        if (strcmp(key, hot[i]) == 0)
            return true;
    return false;
}

static size_t value_bytes(const struct option_row *row) {
    switch (row->kind) {
    case OPT_TEXT: return (size_t)row->hi + 1;
    case OPT_NUMBER: return sizeof(double);
    case OPT_INTEGER: return sizeof(int64_t);
    case OPT_BOOL: return sizeof(bool);
    }
    return 0;
}

static bool differs(const struct option_row *row, const void *a, const void *b) {
    return row->kind == OPT_TEXT ? strcmp(a, b) != 0 : memcmp(a, b, value_bytes(row)) != 0;
}

static void take_over(const struct option_row *row, struct options *in_force, const struct options *from) {
    void *to = (char *)in_force + row->offset;
    const void *value = (const char *)from + row->offset;
    if (!differs(row, to, value))
        return;
    if (live_reload_is_hot(row->name)) {
        memcpy(to, value, value_bytes(row));
        log_note("%s: taken over", row->name);
    } else {
        log_warning("%s: needs a restart; the old value stays in force", row->name);
    }
}

static bool same_roi(const struct options *a, const struct options *b) {
    bool same = a->n_roi == b->n_roi;
    for (uint32_t i = 0; same && i < a->n_roi; i++)
        same = strcmp(a->roi[i].name, b->roi[i].name) == 0 && a->roi[i].lo_eV >= b->roi[i].lo_eV && a->roi[i].lo_eV <= b->roi[i].lo_eV &&
               a->roi[i].hi_eV >= b->roi[i].hi_eV && a->roi[i].hi_eV <= b->roi[i].hi_eV;
    return same;
}

bool live_reload(const char *config_path, struct options *in_force, struct live_session_work *session) {
    struct options o;
    if (config_path == NULL) {
        log_note("no config file was given, so there is nothing to read anew");
        return true;
    }
    if (!options_load(config_path, &o)) {
        log_error("%s: the settings in force stay", config_path);
        return false;
    }
    for (size_t i = 0; i < option_count; i++)
        take_over(&option_table[i], in_force, &o);
    if (!same_roi(in_force, &o)) {
        in_force->n_roi = o.n_roi;
        memcpy(in_force->roi, o.roi, sizeof in_force->roi);
        log_note("roi: taken over, from the next array or restart on");
    }
    live_session_reload(session, in_force);
    options_done(&o);
    return true;
}
