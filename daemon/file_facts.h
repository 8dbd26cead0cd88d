/* daemon/file_facts.h - what is to say about one file in one screen.   path --describe--> JSON object of facts
 * A kind of file is one row in file_facts.c (recognise by content, describe). Keys for pulse files are a contract (doc/nexus.md):
 * path, format, version, channel, records, torn, tail_bytes, samples, presamples, sample_period_s, first_time_ns, last_time_ns
 * (ns as decimal strings: they exceed 2^53). */
#ifndef TESD_DAEMON_FILE_FACTS_H
#define TESD_DAEMON_FILE_FACTS_H

#include <jansson.h>

/* A new reference, or NULL after logging what the file is not, with the place and a remedy. */
json_t *file_facts(const char *path);

#endif
