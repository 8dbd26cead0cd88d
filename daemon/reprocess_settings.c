#include "daemon/reprocess_settings.h"

#include <string.h>

#include "daemon/options.h"

struct reprocess_settings reprocess_settings_of(const struct options *o) {
    struct reprocess_settings s = {
        .workers = (unsigned)o->replay.workers,
        .products = { .emission = o->rixs.emission, .loss = o->rixs.loss, .n_regions = o->n_roi, .regions = o->roi },
        .grading = { .automatic = o->trigger.automatic, .secondary = o->trigger.secondary, .isolation_s = o->trigger.isolation_s },
        .array = { .neighbours = o->veto.neighbours, .neighbour_above_eV = o->veto.neighbour_above_eV, .neighbour_window_s = o->veto.neighbour_window_s,
                   .array_pixels = (uint32_t)o->veto.array_pixels, .array_window_s = o->veto.array_window_s, .array_hold_s = o->veto.array_hold_s,
                   .instants = strcmp(o->live_time.method, "array") == 0 },
        .line_lock = o->calibration.line_lock,
        .monitoring = { .window_s = o->monitor.window_s, .alarm_eV = o->monitor.alarm_eV, .line = o->monitor.line },
        .compress = o->archive.compress,
        .best_pixels = (uint32_t)o->rixs.best_pixels,
        .process = { .config_text = o->text },
    };
    trigger_kind_named(o->trigger.mode, &s.grading.kind);
    char why[8];   /* the config was refused unless they can be read */
    cut_list_parse(&s.cuts, CUT_XES, o->products.xes, why, sizeof why);
    cut_list_parse(&s.cuts, CUT_CEE, o->products.cee, why, sizeof why);
    cut_list_parse(&s.cuts, CUT_CET, o->products.cet, why, sizeof why);
    cut_list_parse(&s.cuts, CUT_IPFY, o->products.ipfy, why, sizeof why);
    return s;
}
