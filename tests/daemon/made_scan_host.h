/* tests/daemon/made_scan_host.h - a daemon behind the scan server that remembers what it was told and answers as a test wants it. */
#ifndef TESD_TESTS_DAEMON_MADE_SCAN_HOST_H
#define TESD_TESTS_DAEMON_MADE_SCAN_HOST_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/control/scan_server.h"

struct made_host {
    int64_t now_ns;
    char events[4096];           /* one line each */
    char labels[1024];
    const char *file;            /* answer to file_start */
    char path[256];              /* it was asked with */
    int later;                   /* so many times 'later' before each wish is done */
    int asked;
    bool refuse_label, refuse_events;
    struct scan_regions regions;
};

static inline int64_t made_host_now(void *c) { return ((struct made_host *)c)->now_ns += 1000000; }

static inline bool made_host_told(void *c, const struct scan_event *e, const char **why) {
    struct made_host *h = c;
    size_t n = strlen(h->events);
    *why = "the book refused";
    if (h->refuse_events)
        return false;
    snprintf(h->events + n, sizeof h->events - n, "%d %d %s %s %g %g %" PRId64 "\n", (int)e->kind, e->number, e->label, e->sample, e->incident_eV, e->i0, e->time_ns);
    return true;
}

static inline enum scan_answer made_host_wish(void *c, enum scan_wish w, const json_t *a, int64_t waited_ms, json_t **result, char why[SCAN_ERROR]) {
    struct made_host *h = c;
    (void)waited_ms;
    if (h->asked++ < h->later)
        return SCAN_LATER;
    h->asked = 0;
    if (w == SCAN_WISH_FILE_START) {
        const char *path = json_string_value(json_object_get(a, "path"));
        snprintf(h->path, sizeof h->path, "%s", path != NULL ? path : "");
        *result = json_string(h->file);
    }
    if (w == SCAN_WISH_COUNTS)
        *result = json_pack("{s:i,s:O}", "tfy", 7, "point", json_object_get(a, "point"));
    if (w == SCAN_WISH_LABEL) {
        size_t n = strlen(h->labels);
        snprintf(h->labels + n, sizeof h->labels - n, "%s ", json_string_value(a));
    }
    if (w == SCAN_WISH_LABEL && h->refuse_label) {
        snprintf(why, SCAN_ERROR, "the acquisition said no");
        return SCAN_REFUSED;
    }
    return SCAN_DONE;
}

static inline bool made_host_regions(void *c, const struct scan_regions *r, char why[SCAN_ERROR]) {
    (void)why;
    ((struct made_host *)c)->regions = *r;
    return true;
}

static inline struct scan_host made_scan_host(struct made_host *h) {
    return (struct scan_host){ .context = h, .now_ns = made_host_now, .told = made_host_told, .wish = made_host_wish, .regions = made_host_regions };
}

#endif
