/* daemon/config_values.h - a config text as the raw words behind its keys.  YAML + option_table --libcyaml--> text per option
 * libcyaml checks the structure against a schema made from option_table at run time; what the words mean is options.c's. */
#ifndef TESD_DAEMON_CONFIG_VALUES_H
#define TESD_DAEMON_CONFIG_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/options.h"

struct config_roi { char *name, *lo_eV, *hi_eV; };

struct config_values {
    struct config_roi *roi;
    uint32_t roi_count;
    char *text[];            /* one for each row of option_table; NULL: not in the file */
};

/* Keys that the schema does not know are passed over: config_outline finds those. False: a fault was added. */
bool config_values_load(const uint8_t *bytes, size_t n, struct config_values **out, struct options_faults *faults);
void config_values_free(struct config_values *v);

/* Length of the section in an option's name: "rixs" of "rixs.emission_bin_eV". */
size_t option_section_length(const struct option_row *row);

#endif
