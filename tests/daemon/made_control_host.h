/* tests/daemon/made_control_host.h - a daemon behind the control port that remembers what it was asked and answers as a test wants it. */
#ifndef TESD_TESTS_DAEMON_MADE_CONTROL_HOST_H
#define TESD_TESTS_DAEMON_MADE_CONTROL_HOST_H

#include <stdio.h>
#include <string.h>

#include "daemon/control/control_router.h"

struct made_control {
    struct energy_axis emission, loss;
    char changed[256];           /* methods, one after the other */
    char calibration[64];
    int64_t final_ms;            /* counts are final from then on */
};

static inline json_t *made_health(void *c) { return json_pack("{s:s}", "calibration", ((struct made_control *)c)->calibration); }

static inline enum scan_answer made_counts(void *c, int32_t scan, int32_t point, double wait_s, int64_t waited_ms, json_t **result, char why[SCAN_ERROR]) {
    const struct made_control *h = c;
    bool final = waited_ms >= h->final_ms;
    if (point > 5) {
        snprintf(why, SCAN_ERROR, "there is no such point");
        return SCAN_REFUSED;
    }
    if (!final && (double)waited_ms < 1e3 * wait_s)
        return SCAN_LATER;
    *result = json_pack("{s:i,s:i,s:b,s:{s:i}}", "scan", scan, "point", point, "final", final, "counts", "tfy", 7);
    return SCAN_DONE;
}

static inline enum scan_answer made_calibrations(void *c, int64_t waited_ms, json_t **result, char why[SCAN_ERROR]) {
    (void)why;
    if (waited_ms == 0)   /* a disk is looked at meanwhile */
        return SCAN_LATER;
    *result = json_pack("{s:s,s:[s,s]}", "in_force", ((struct made_control *)c)->calibration, "choices", "a.h5", "b.h5");
    return SCAN_DONE;
}

static inline enum scan_answer made_use(void *c, const char *name, int64_t waited_ms, char why[SCAN_ERROR]) {
    (void)waited_ms;
    if (strcmp(name, "a.h5") != 0 && strcmp(name, "b.h5") != 0) {
        snprintf(why, SCAN_ERROR, "'%.100s' is none of the choices", name);
        return SCAN_REFUSED;
    }
    snprintf(((struct made_control *)c)->calibration, 64, "%s", name);
    return SCAN_DONE;
}

static inline void made_axes(void *c, struct energy_axis *emission, struct energy_axis *loss) {
    *emission = ((struct made_control *)c)->emission;
    *loss = ((struct made_control *)c)->loss;
}

static inline bool made_set_axes(void *c, const struct energy_axis *emission, const struct energy_axis *loss, char why[SCAN_ERROR]) {
    (void)why;
    ((struct made_control *)c)->emission = *emission;
    ((struct made_control *)c)->loss = *loss;
    return true;
}

static inline json_t *made_snapshot(void *c, const char *prefix, control_frame *take, void *to) {
    (void)c;
    take(to, prefix, strlen(prefix));
    take(to, "{}", 2);
    return json_pack("{s:s,s:[{s:s,s:i}]}", "boot", "b", "topics", "topic", prefix, "frames", 2);
}

static inline void made_changed(void *c, const char *method) {
    struct made_control *h = c;
    size_t n = strlen(h->changed);
    snprintf(h->changed + n, sizeof h->changed - n, "%s ", method);
}

static inline struct control_host made_control_host(struct made_control *h) {
    *h = (struct made_control){ .emission = { 200, 1100, 0.25 }, .loss = { -20, 80, 0.25 }, .calibration = "a.h5" };
    return (struct control_host){ .context = h, .health = made_health, .counts = made_counts, .calibrations = made_calibrations, .use_calibration = made_use, .axes = made_axes,
                                  .set_axes = made_set_axes, .snapshot = made_snapshot, .changed = made_changed };
}

#endif
