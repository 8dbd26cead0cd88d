/* daemon/disk_probe.h - does this folder's disk answer? Asked by a thread that may wait for it, so that who asks does not.
 *   folder --disk_probe_answers--> yes; or not yet: ask again later
 * For those who open, make and remove files on a thread that has other things to do (writes have their queue, sink/disk_queue.h): they do so
 * just after the disk answered, and wait otherwise. A disk that refuses (full, read-only, gone) has answered. One owner thread. */
#ifndef TESD_DAEMON_DISK_PROBE_H
#define TESD_DAEMON_DISK_PROBE_H

#include <stdbool.h>
#include <stdint.h>

struct disk_probe;   /* opaque */

/* patience_s: a disk that keeps silent for longer is told to the log. False: no memory. */
bool disk_probe_new(const char *folder, double patience_s, struct disk_probe **out);
void disk_probe_free(struct disk_probe *p);                         /* waits for an answer that is still out; NULL is fine */

/* True: it answered within the last tenth of a second, by having a small file made and removed. Else it is being asked. */
bool disk_probe_answers(struct disk_probe *p);
/* The same, for those who cannot come again: asks for at most so long. */
bool disk_probe_wait(struct disk_probe *p, int64_t limit_ms);
/* The disk has been asked and has kept silent for so long; 0: nothing is out. */
int64_t disk_probe_silent_ms(const struct disk_probe *p);

#endif
