#include "daemon/photon_columns.h"

#include <string.h>

#define COLUMN(field) .name = #field, .offset = offsetof(struct photon_block, field)

const struct photon_column photon_columns[N_PHOTON_COLUMNS] = {
    { COLUMN(time_ns), .type = ARRAY_I8, .units = "ns", .long_name = "time since 1970 UTC" },
    { COLUMN(frame), .type = ARRAY_I8, .long_name = "frame counter of the electronics" },
    { COLUMN(pixel), .type = ARRAY_U2, .long_name = "row in pixels" },
    { COLUMN(height), .type = ARRAY_F4, .units = "arb", .long_name = "filtered pulse height" },
    { COLUMN(energy_eV), .type = ARRAY_F4, .units = "eV", .long_name = "photon energy" },
    { COLUMN(energy_sigma_eV), .type = ARRAY_F4, .units = "eV", .long_name = "uncertainty of the pixel's energy axis" },
    { COLUMN(arrival), .type = ARRAY_F4, .units = "samples", .long_name = "arrival time against the template" },
    { COLUMN(pretrigger_mean), .type = ARRAY_F4, .units = "counts", .long_name = "mean before the pulse" },
    { COLUMN(cuts), .type = ARRAY_U4, .long_name = "bits of pixels/cut_counts@cut_names; 0: a photon" },
    { COLUMN(grade), .type = ARRAY_U1, .long_name = "0 high, 1 mid, 2 tail, 3 low, 4 none" },
    { COLUMN(flags), .type = ARRAY_U1, .long_name = "bits 0-1: 0 inside, 1 near, 2 beyond the curve; bit 2: last record of a pixel that then died" },
    { COLUMN(scan), .type = ARRAY_I4, .long_name = "scan number; -1: none" },
    { COLUMN(point), .type = ARRAY_I4, .long_name = "point of the scan; -1: between points" },
    { COLUMN(incident_eV), .type = ARRAY_F4, .units = "eV", .long_name = "incident energy" },
};

const void *photon_column_data(const struct photon_block *b, size_t column) {
    const void *data;
    memcpy(&data, (const char *)b + photon_columns[column].offset, sizeof data);
    return data;
}
