/* daemon/control/scan_server.h - the scan server's protocol on port 4000, as SPEC and ophyd speak it today (formats of the scan server).
 *   bytes --json_port--> scan_call --verbs--> scan_session, scan_events, wishes to the daemon --> reply
 * States are checked before anything changes, both historical orders of arguments are understood, and nothing but the documented methods and
 * settings can be reached. What needs the daemon or the acquisition goes through one function, which may say 'later': the client waits, the
 * others go on. One thread owns it. */
#ifndef TESD_DAEMON_CONTROL_SCAN_SERVER_H
#define TESD_DAEMON_CONTROL_SCAN_SERVER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/control/scan_call.h"
#include "daemon/control/scan_regions.h"
#include "daemon/control/scan_session.h"
#include "daemon/scan_event.h"

enum scan_wish {                   /* argument -> result, when done */
    SCAN_WISH_FILE_START,          /* {"path", "write_ljh", "write_off"} -> name of the first channel's file */
    SCAN_WISH_FILE_END,
    SCAN_WISH_LABEL,               /* "SCAN3", "CAL0", "PAUSE": the acquisition's experiment-state label */
    SCAN_WISH_COUNTS,              /* {"scan", "point"} -> {region: counts} of that point, in the regions set last */
    SCAN_WISH_LEARN,               /* the calibration number: learn from it */
    SCAN_WISH_LOAD,                /* the calibration stored last */
    SCAN_WISH_PULSE_TRIGGERS, SCAN_WISH_NOISE_TRIGGERS, SCAN_WISH_START_SOURCE, SCAN_WISH_MAKE_PROJECTORS, SCAN_WISH_SET_PROJECTORS,
    N_SCAN_WISHES
};
enum scan_answer { SCAN_DONE, SCAN_LATER, SCAN_REFUSED };

struct scan_host {
    void *context;
    int64_t (*now_ns)(void *context);                                          /* of the clock that cuts points: UTC */
    bool (*told)(void *context, const struct scan_event *event, const char **why);   /* false: refused, why borrowed */
    /* waited_ms: since the client asked; 0 at the first time. SCAN_LATER is asked again. result: new reference or left NULL. */
    enum scan_answer (*wish)(void *context, enum scan_wish wish, const json_t *argument, int64_t waited_ms, json_t **result, char why[SCAN_ERROR]);
    bool (*regions)(void *context, const struct scan_regions *regions, char why[SCAN_ERROR]);   /* from now on count in these */
    void (*changed)(void *context, const char *method);                        /* the state is another one now, by that method; NULL: nobody asks */
};

struct scan_server_settings {
    const char *host;              /* an IPv4 address: loopback unless somebody decided otherwise */
    int port;                      /* 0: a free one */
    const char *log_folder;        /* "": beside the file that SCAN_WISH_FILE_START names, in logs/ */
    const char *user_folder;       /* a second copy in USER/beamtime_ID/YYYYMMDD; "": none */
    const char *beamtime_id;
    const char *i0_key;            /* name of the incident intensity among the extras of a point */
};

struct scan_server;   /* opaque */

/* False after logging. Settings are copied, the host's context is borrowed. */
bool scan_server_open(const struct scan_server_settings *settings, const struct scan_host *host, struct scan_server **out);
void scan_server_close(struct scan_server *s);
void scan_server_step(struct scan_server *s);          /* never waits */
int scan_server_port(const struct scan_server *s);
const struct scan_session *scan_server_session(const struct scan_server *s);

/* state, filename, numbers, rois: what clients may read one by one. New reference. */
json_t *scan_server_describe(const struct scan_server *s);

/* One request as the port gives it (json_port.h), for other transports and the fuzzer. NULL with *later set: ask again. */
char *scan_server_answer(struct scan_server *s, const char *bytes, size_t n, uint64_t ticket, int64_t waited_ms, bool *later);

#endif
