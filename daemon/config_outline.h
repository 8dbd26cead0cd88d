/* daemon/config_outline.h - where each key of a YAML text stands.  text --libyaml events--> path and line of every key
 * libcyaml fills structures but forgets lines; faults in values are reported with the lines kept here. Paths are
 * "section", "section.key" and for lists "list[0]", "list[0].key"; what is nested deeper is not listed. */
#ifndef TESD_DAEMON_CONFIG_OUTLINE_H
#define TESD_DAEMON_CONFIG_OUTLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pulse/complaint.h"

enum { OUTLINE_PATH = 96 };   /* longer keys are cut: ours are shorter */

struct outline_key {
    char path[OUTLINE_PATH];
    uint32_t line;            /* from 1 */
};
struct config_outline {
    size_t n;
    struct outline_key *keys; /* sorted by path, then line; a key that is given twice stands twice */
    bool empty;               /* no document at all: an empty file or comments only */
};

/* False when the text is not YAML, or has more than one document, or memory is short: *why says what and in which line. */
bool config_outline_read(const uint8_t *bytes, size_t n, struct config_outline *out, struct complaint *why);
void config_outline_done(struct config_outline *o);
uint32_t config_outline_line(const struct config_outline *o, const char *path);   /* 0: not there */

#endif
