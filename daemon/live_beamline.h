/* daemon/live_beamline.h - what the scan server (port 4000) and the control port (5561) want of a live session, done: files, labels and triggers by calls to the
 * acquisition server, counts from the book.   scan_wish --> acquisition_call, live_status, live_session --> answer, maybe later
 * Book thread. */
#ifndef TESD_DAEMON_LIVE_BEAMLINE_H
#define TESD_DAEMON_LIVE_BEAMLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/control/control_router.h"
#include "daemon/control/scan_server.h"
#include "daemon/live_status.h"
#include "daemon/options.h"

struct live_beamline;   /* opaque */

struct beamline_session {         /* the session as the beamline needs it */
    void *context;
    bool (*told)(void *context, const struct scan_event *event, const char **why);
    const struct live_status *status;                       /* outlives the beamline */
    /* Records of a point while nothing is calibrated. False: something is, or the point is none of the newest. */
    bool (*records)(void *context, int32_t scan, int32_t point, uint64_t *records, bool *final);
    /* Counts of a point in a region of the running or last scan or calibration. False: not counted (another scan, a point not there, no such region). */
    bool (*counts)(void *context, int32_t scan, int32_t point, const char *region, uint32_t *counts, bool *final);
    /* Learning from a calibration, and loading what was kept last: *result is the calibration's id. SCAN_LATER: it is still being learnt. */
    enum scan_answer (*learn)(void *context, int32_t number, json_t **result, char why[SCAN_ERROR]);
    enum scan_answer (*load)(void *context, int64_t waited_ms, json_t **result, char why[SCAN_ERROR]);
    bool (*regions)(void *context, const struct yield_region *regions, uint32_t n, const char **why);
    void *zmq;                                              /* context of the control port */
    struct curve_gate *gate;                                /* NULL: no keys */
    struct control_host control;                            /* what the control port asks; `changed` is told by port 4000 too */
};

/* False after logging. Without a scan server and without a control port *out = NULL. */
bool live_beamline_new(const struct options *options, const struct beamline_session *session, struct live_beamline **out);
void live_beamline_free(struct live_beamline *b);
json_t *live_beamline_describe(const struct live_beamline *b);      /* scan_server_describe; null without one */
void live_beamline_step(struct live_beamline *b, int64_t now_ms);   /* never waits */

#endif
