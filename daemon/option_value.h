/* daemon/option_value.h - one setting from its text, checked against its row.  row + "0.25" --> field of struct options */
#ifndef TESD_DAEMON_OPTION_VALUE_H
#define TESD_DAEMON_OPTION_VALUE_H

#include "daemon/options.h"

enum { OPTION_WHY = 192 };

/* False: *o untouched, why[] holds value, what is allowed and the remedy, without the option's name. */
bool option_value_set(const struct option_row *row, const char *text, struct options *o, char why[OPTION_WHY]);

/* A plain decimal number, nothing after it. */
bool option_value_number(const char *text, double *out);

/* "0.01 to 50 eV", "true or false", "1 to 255 characters": what the row allows. */
void option_value_allowed(const struct option_row *row, char *out, size_t size);

#endif
