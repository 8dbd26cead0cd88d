/* daemon/control/control_router_parts.h - what control_router.c and control_verbs.c share. Private to them. */
#ifndef TESD_DAEMON_CONTROL_CONTROL_ROUTER_PARTS_H
#define TESD_DAEMON_CONTROL_CONTROL_ROUTER_PARTS_H

#include "daemon/control/control_router.h"

struct control_request {
    const struct scan_call *call;
    int64_t waited_ms;
    control_frame *take;         /* for frames of a snapshot */
    void *to;
};

struct control_verb {
    struct scan_method method;
    bool changes;                /* something that others want to know of */
    enum scan_answer (*run)(const struct control_host *host, const struct control_request *q, json_t **result, char why[SCAN_ERROR]);
};
extern const struct control_verb control_verbs[];
extern const size_t control_n_verbs;

#endif
