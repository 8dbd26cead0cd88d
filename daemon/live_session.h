/* daemon/live_session.h - the book thread's work: what the acquisition and the beamline say, rows from ingest, and all that is made of them.
 *   status, scan events --> plan for ingest, book, runs;   rows --> loss account, book, kept pulses, sinks;   book --> publisher
 * One array of channels at a time: when the server comes back with other names, what the old one had is finished first. Nothing waits, also for no
 * disk: what is to be read comes from threads that may (live_session_read.c). */
#ifndef TESD_DAEMON_LIVE_SESSION_H
#define TESD_DAEMON_LIVE_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/follower.h"
#include "daemon/ingest.h"
#include "daemon/live_disk.h"
#include "daemon/live_losses.h"
#include "daemon/live_learning.h"
#include "daemon/live_plan.h"
#include "daemon/options.h"
#include "daemon/ring.h"
#include "daemon/stamp_watch.h"

struct live_session_work;   /* opaque */

enum { N_LATENCY = 24 };
extern const double live_latency_s[N_LATENCY];   /* upper ends of the buckets; what is later falls into the last */

struct live_figures {            /* a moment old; for STATUS=, /metrics and SIGUSR1 */
    bool alive, running, scanning, writing;
    uint32_t n_channels, n_pixels, good_pixels;
    uint64_t rows, photons, settled, late, hurried, scan_events, refused_events;
    struct live_losses losses;
    struct stamp_steps clock_steps;   /* of the array's acquisition */
    uint64_t kept_lost, status_refused, status_messages;
    int32_t scan, point;
    uint32_t final_points;
    unsigned files_making;
    struct sink_health disk[LIVE_DISK_SINKS];   /* journal, archive, raw; name NULL: not in use */
    double rate_per_s;           /* rows */
    uint64_t latency[N_LATENCY]; /* rows of a running scan: from arrival to the published (provisional) PFY */
    char run[96], calibration[256];
};

struct session_links {
    struct ring *rows;                    /* of row_blocks */
    struct plan_exchange *exchange;
    const struct ingest *ingest;          /* for its figures */
    struct live_disk *disk;               /* what is kept while it runs */
    struct follower *follower;            /* NULL: files are not followed */
    struct live_learning *learning;       /* NULL: nothing is learnt */
    const char *boot;                     /* which start of the program this is */
};

/* False after logging: a port is taken, an address is wrong, a calibration cannot be read. */
bool live_session_new(struct options *options, const struct session_links *links, struct live_session_work **out);
/* After ingest has stopped: takes what is in the ring, settles, makes the run's file (waits for it), says goodbye to the stream. */
void live_session_finish(struct live_session_work *s);
void live_session_free(struct live_session_work *s);

bool live_session_step(void *session);    /* a pipeline_step */
void live_session_figures(struct live_session_work *s, struct live_figures *out);   /* any thread */
/* Any thread: between two rounds the session takes over what is hot of the new options (calibration.file, roi, rixs axes from the next scan
 * on, scan.late_photon_s from the next array on). The options are copied; text is not looked at. */
void live_session_reload(struct live_session_work *s, const struct options *options);
/* Per-channel losses as text lines, for SIGUSR1; any thread; free() it. NULL: no memory. */
char *live_session_losses(struct live_session_work *s);

#endif
