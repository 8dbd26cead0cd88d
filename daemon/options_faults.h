/* daemon/options_faults.h - collects what is wrong with a config text, so that one reading reports everything. */
#ifndef TESD_DAEMON_OPTIONS_FAULTS_H
#define TESD_DAEMON_OPTIONS_FAULTS_H

#include "daemon/options.h"

/* line from 1; 0: the text as a whole. */
__attribute__((format(printf, 3, 4))) void options_faults_add(struct options_faults *f, uint32_t line, const char *format, ...);
void options_faults_sort(struct options_faults *f);   /* by line, otherwise in the order they were found */

#endif
