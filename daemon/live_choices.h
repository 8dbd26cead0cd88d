/* daemon/live_choices.h - calibrations that a client may choose by name: *.h5 beside the one in force (calibration.file) and in the output folder.
 * Names only: no client can make the daemon read another folder. The folders are read by a thread that may wait for their disks. One owner thread. */
#ifndef TESD_DAEMON_LIVE_CHOICES_H
#define TESD_DAEMON_LIVE_CHOICES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/options.h"

enum { CHOICE_FOLDERS = 2 };

struct live_choices;   /* opaque: a list being made */

bool live_choices_begin(const struct options *o, struct live_choices **out);   /* false: no memory or no thread */
bool live_choices_over(const struct live_choices *c);
int64_t live_choices_begun_ms(const struct live_choices *c);    /* clock_ms() */
int64_t live_choices_silent_ms(const struct live_choices *c);   /* for so long a disk has kept silent; 0: none was asked yet */
/* {"in_force": path or "", "choices": [name, ..]}, names in order; new reference. Waits when it is not over; frees c. */
json_t *live_choices_end(struct live_choices *c);

/* Where that choice may be, the place that is wanted most first: how many. 0: it is no name of one. */
size_t live_choices_paths(const struct options *o, const char *name, char paths[CHOICE_FOLDERS][OPTIONS_TEXT]);

#endif
