/* daemon/option_reference.h - option_table for people: a config file with every setting at its default, and a page about them.
 * config/tesd.yaml, config/reference.md and doc/tesd.yaml.5 are these texts; a test holds them equal. */
#ifndef TESD_DAEMON_OPTION_REFERENCE_H
#define TESD_DAEMON_OPTION_REFERENCE_H

#include <stdio.h>

void option_reference_sample(FILE *to);    /* YAML */
void option_reference_table(FILE *to);     /* Markdown */
void option_reference_manual(FILE *to);    /* a manual page, in roff with the man macros */

#endif
