#include "daemon/repeat_table.h"

#include <stddef.h>

#include "daemon/json_value.h"

const struct h5_field repeat_table_columns[REPEAT_COLUMNS] = {
    { .name = "scan_number", .type = ARRAY_I4, .offset = offsetof(struct scan_consistency, scan_number), .units = "", .long_name = "scan" },
    { .name = "points", .type = ARRAY_U4, .offset = offsetof(struct scan_consistency, n_points), .long_name = "points that had exposure in this scan and in the others" },
    { .name = "ratio", .type = ARRAY_F8, .offset = offsetof(struct scan_consistency, ratio), .units = "", .long_name = "photons per exposure, this scan over the others" },
    { .name = "ratio_errors", .type = ARRAY_F8, .offset = offsetof(struct scan_consistency, ratio_sigma), .units = "", .long_name = "standard deviation" },
    { .name = "map_chi2", .type = ARRAY_F8, .offset = offsetof(struct scan_consistency, map.chi2), .units = "", .long_name = "map against the others' sum" },
    { .name = "map_dof", .type = ARRAY_U4, .offset = offsetof(struct scan_consistency, map.dof), .long_name = "degrees of freedom" },
    { .name = "map_z", .type = ARRAY_F8, .offset = offsetof(struct scan_consistency, map.z), .units = "", .long_name = "chi2 of the map as a normal deviate" },
    { .name = "incident_shift_eV", .type = ARRAY_F8, .offset = offsetof(struct scan_consistency, incident_shift_eV), .units = "eV", .long_name = "shift along the incident energy" },
    { .name = "incident_shift_eV_errors", .type = ARRAY_F8, .offset = offsetof(struct scan_consistency, incident_shift_sigma_eV), .units = "eV", .long_name = "standard deviation" },
    { .name = "emission_shift_eV", .type = ARRAY_F8, .offset = offsetof(struct scan_consistency, emission_shift_eV), .units = "eV", .long_name = "shift along the emission energy" },
    { .name = "emission_shift_eV_errors", .type = ARRAY_F8, .offset = offsetof(struct scan_consistency, emission_shift_sigma_eV), .units = "eV", .long_name = "standard deviation" },
    { .name = "flags", .type = ARRAY_U4, .offset = offsetof(struct scan_consistency, flags), .long_name = "1 map, 2 a PFY, 4 shifted in incident energy, 8 in emission energy: beyond 4 standard deviations" },
};

/* ---- as JSON ---- */

static json_t *flag_names(uint32_t flags) {
    static const struct { uint32_t flag; const char *name; } all[] = {
        { INCONSISTENT_MAP, "map" }, { INCONSISTENT_YIELD, "yield" }, { INCONSISTENT_INCIDENT, "incident" }, { INCONSISTENT_EMISSION, "emission" } };
    json_t *names = json_array();
    for (size_t k = 0; k < sizeof all / sizeof all[0]; k++)
        if (flags & all[k].flag)
            json_array_append_new(names, json_string(all[k].name));
    return names;
}

static json_t *one_keys(const struct scan_consistency *c, uint32_t n_yields) {
    json_t *z = json_array(), *ratio = json_array(), *sigma = json_array();
    for (uint32_t k = 0; k < n_yields; k++) {
        json_array_append_new(z, json_value_number(c->yields[k].z));
        json_array_append_new(ratio, json_value_number(c->yield_ratio[k]));
        json_array_append_new(sigma, json_value_number(c->yield_ratio_sigma[k]));
    }
    return json_pack("{s:i, s:i, s:o, s:o, s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "scan", (int)c->scan_number, "points", (int)c->n_points, "ratio", json_value_number(c->ratio),
                     "ratio_sigma", json_value_number(c->ratio_sigma), "map_chi2", json_value_number(c->map.chi2), "map_dof", (int)c->map.dof, "map_z", json_value_number(c->map.z), "yield_z", z,
                     "yield_ratio", ratio, "yield_ratio_sigma", sigma, "incident_shift_eV", json_value_number(c->incident_shift_eV), "incident_shift_sigma_eV",
                     json_value_number(c->incident_shift_sigma_eV), "emission_shift_eV", json_value_number(c->emission_shift_eV), "emission_shift_sigma_eV",
                     json_value_number(c->emission_shift_sigma_eV), "flags", flag_names(c->flags));
}

json_t *repeat_table_keys(const struct scan_consistency *list, size_t n, const char *const *windows, uint32_t n_windows) {
    json_t *names = json_array(), *scans = json_array();
    for (uint32_t k = 0; k < n_windows; k++)
        json_array_append_new(names, json_value_text(windows[k]));
    for (size_t k = 0; k < n; k++)
        json_array_append_new(scans, one_keys(&list[k], n_windows));
    return json_pack("{s:f, s:o, s:o}", "limit", CONSISTENCY_LIMIT, "windows", names, "repeats", scans);
}
