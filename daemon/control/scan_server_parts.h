/* daemon/control/scan_server_parts.h - what scan_server.c and scan_verbs.c share. Private to them. */
#ifndef TESD_DAEMON_CONTROL_SCAN_SERVER_PARTS_H
#define TESD_DAEMON_CONTROL_SCAN_SERVER_PARTS_H

#include <limits.h>
#include <stdio.h>

#include "daemon/control/scan_server.h"

enum { SCAN_VERBS_MOST = 64 };

struct scan_server {
    struct scan_host host;
    struct json_port *port;              /* NULL: none, requests come otherwise */
    struct scan_session session;
    struct scan_regions regions;
    struct scan_method methods[SCAN_VERBS_MOST];
    size_t n_methods;
    char log_folder[PATH_MAX], user_folder[PATH_MAX], beamtime_id[64], i0_key[64];
    char calibration_state[64];
    char pfy_file[PATH_MAX];             /* where roi_save_counts writes; "" until asked */
    uint64_t waiting;                    /* ticket of the request that changes something and waits; 0: none */
    int64_t waiting_ms;                  /* when it was asked last */
    double request_s;                    /* time of the waiting request, as it was first asked */
};

struct scan_request { const struct scan_call *call; int64_t waited_ms; bool again; };

struct scan_verb {
    struct scan_method method;
    bool changes;                        /* the state: one at a time */
    enum scan_answer (*run)(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]);
};
extern const struct scan_verb scan_verbs[];
extern const size_t scan_n_verbs;


#endif
