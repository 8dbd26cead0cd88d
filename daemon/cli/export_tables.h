/* daemon/cli/export_tables.h - a product of a NeXus file as a text table, in one of the forms that `tesd export` writes. */
#ifndef TESD_DAEMON_CLI_EXPORT_TABLES_H
#define TESD_DAEMON_CLI_EXPORT_TABLES_H

#include <stdbool.h>
#include <stdio.h>

#include "daemon/h5_input.h"
#include "daemon/nexus_group.h"

enum export_format { EXPORT_CSV, EXPORT_XDI };

struct export_range { double lo_eV, hi_eV; };   /* incident energies, both included; lo = hi: the point nearest to it */

bool export_is_map(const struct nexus_group *g);
/* Whether it has a value at some point that XDI can hold. */
bool export_has_curve(const struct nexus_group *g);
/* A curve as columns, a map as a matrix (csv only). False after logging why this product cannot have this form. */
bool export_group(struct h5_input *in, hid_t entry, const struct nexus_group *g, enum export_format format, FILE *to);
/* The emission spectrum of a map at one or more incident energies: rows added, errors by counts. */
bool export_emission(struct h5_input *in, hid_t entry, const struct nexus_group *map, struct export_range range, enum export_format format, FILE *to);
/* Every row of /entry/photons; csv only. */
bool export_photons(struct h5_input *in, hid_t entry, FILE *to);

#endif
