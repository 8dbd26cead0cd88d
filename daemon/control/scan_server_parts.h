/* daemon/control/scan_server_parts.h - what scan_server.c and the files of its methods (scan_verbs*.c) share. Private to them. */
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
    int32_t number_set;                  /* of the next scan, set while no file was open; -1: as the logs say */
    char pfy_file[PATH_MAX], pfy_names[2048];   /* where roi_save_counts wrote last, and which windows; "" nothing yet */
    uint64_t waiting;                    /* ticket of the request that changes something and waits; 0: none */
    int64_t waiting_ms;                  /* when it was asked last */
    double request_s;                    /* time of the waiting request, as it was first asked */
};

struct scan_request { const struct scan_call *call; int64_t waited_ms; bool again; };

typedef enum scan_answer scan_verb_run(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]);
struct scan_verb {
    struct scan_method method;
    bool changes;                        /* the state: one at a time */
    scan_verb_run *run;
};
struct scan_verbs { const struct scan_verb *list; size_t n; };
extern const struct scan_verbs scan_verbs;            /* files, scans and their points */
extern const struct scan_verbs scan_verbs_counts;     /* windows, and counts in them */
extern const struct scan_verbs scan_verbs_setup;      /* calibration, triggers, the acquisition's other settings */
extern const struct scan_verbs scan_verbs_values;     /* what is read one by one */

/* Of all tables, in their order; NULL behind the last. */
const struct scan_verb *scan_server_verb(size_t k);

/* ---- for the methods ---- */

/* Argument k; NULL when it is null or not given. */
const json_t *scan_verb_argument(const struct scan_request *r, unsigned k);
enum scan_answer scan_verb_refuse(char why[SCAN_ERROR], const char *text);
/* SCAN_DONE when the session stands in the state. */
enum scan_answer scan_verb_wants(const struct scan_server *s, enum scan_state state, char why[SCAN_ERROR]);
/* argument: consumed. *result (NULL: nobody wants it): new reference or NULL. */
enum scan_answer scan_verb_wish(struct scan_server *s, enum scan_wish what, json_t *argument, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]);
int32_t scan_verb_next_number(const struct scan_server *s);   /* as set, or one more than the largest of the logs */
scan_verb_run scan_verb_nothing;         /* what the old server did afterwards is done already */

#endif
