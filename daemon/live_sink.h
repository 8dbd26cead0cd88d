/* daemon/live_sink.h - the shape of those who keep what a live session makes: journal, scan archive, raw recorder.
 * init / step / done, no thread of their own: each is called on one thread only (said below), borrows everything for the call, and never
 * waits: a disk that is slow or gone is the sink's own trouble, to be counted, alarmed, retried in _step and accounted for. A row of
 * functions is NULL where a sink does not care. */
#ifndef TESD_DAEMON_LIVE_SINK_H
#define TESD_DAEMON_LIVE_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "calib/scan_products.h"
#include "daemon/array_model.h"
#include "daemon/live_array.h"
#include "daemon/record_block.h"
#include "daemon/row_block.h"
#include "daemon/scan_event.h"

struct sink_health {               /* of one sink, for hb/, alarm/, /metrics and STATUS= */
    const char *name;              /* "raw", "journal", "archive" */
    bool failing;                  /* something went wrong and has not healed */
    char trouble[160];             /* "" while all is well */
    uint64_t accepted, lost;       /* records (raw) or rows since the start; lost: never to be written */
    uint64_t bytes;                /* on disk; archive: 0 */
    uint32_t points;               /* archive: of the present scan, flushed */
};

struct live_session {              /* what every sink is told at its start; borrowed, outlives the sinks */
    const struct live_array *array;
    const char *calibration_path;  /* "" none */
    const char *config_text;
    const char *folder;            /* ARCHIVE/YYYYMMDD/NNNN of the present run, "" outside a run */
    const char *base_name;         /* "YYYYMMDD_runNNNN" */
    const char *boot;              /* which start of the program this is; NULL: not told */
    uint32_t n_samples, n_presamples;   /* as STATUS says; records may differ */
    double sample_period_s;
};

/* Book thread: rows and events in the order in which it meets them. */
struct live_sink {
    void *context;
    void (*run)(void *context, const struct live_session *session, bool begins);   /* a run begins or ends; files are opened or closed */
    void (*rows)(void *context, const struct row_block *rows);                     /* each row once, as it came, before any grade */
    void (*event)(void *context, const struct scan_event *event);                  /* after the rows that came before it */
    void (*model)(void *context, const struct array_model *model, uint64_t version);
    /* Rows of the running scan with scan, point, incident energy and grade settled, each once and before the `scan` call that counts them as
     * final. anew: forget the scan's rows given so far (it is re-binned with another calibration), these are the first again. */
    void (*graded)(void *context, const struct photon_block *rows, bool anew);
    /* The scan with its first n_points points, whenever one became final, was re-binned, and at the scan's end. */
    void (*scan)(void *context, const struct scan_products *products, uint32_t n_points, bool ended);
    /* Rows on their way to it that were refused for want of room (sink_desk.h): they will not come. */
    void (*lost)(void *context, int64_t from_ns, int64_t to_ns, uint64_t n);
    void (*step)(void *context);                                                    /* every few ms: completions, retries, sync policy */
    void (*health)(void *context, struct sink_health *out);
    void (*done)(void *context);                                                    /* writes what is left, frees; at most a few seconds */
};

/* Raw thread: whole blocks straight from the ingest thread, which does not wait for it. */
struct record_sink {
    void *context;
    void (*run)(void *context, const struct live_session *session, bool begins);
    bool (*ready)(void *context, const struct record_block *block);   /* false: not now, it would wait for the disk; the block is shown again. NULL: always */
    void (*records)(void *context, const struct record_block *block);
    void (*step)(void *context);
    void (*health)(void *context, struct sink_health *out);   /* any thread */
    void (*done)(void *context);
};

#endif
