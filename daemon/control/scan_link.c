#include "daemon/control/scan_link.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/clock.h"
#include "daemon/control/dastard_rpc.h"
#include "daemon/log.h"

struct scan_link {
    struct dastard_rpc *rpc;
    scan_told *told;
    void *context;
};

/* Absent: the value given before stays. */
static bool take_time(const json_t *v, int64_t *out) {
    if (v == NULL)
        return true;
    if (json_is_integer(v)) {
        *out = json_integer_value(v);
        return *out > 0;
    }
    const char *text = json_string_value(v);
    char *end = NULL;
    errno = 0;
    long long ns = text != NULL ? strtoll(text, &end, 10) : 0;
    if (text == NULL || end == text || *end != '\0' || errno != 0 || ns <= 0)
        return false;
    *out = ns;
    return true;
}

static bool take_number(const json_t *v, double *out) {
    if (v == NULL || json_is_null(v))
        return true;
    *out = json_number_value(v);
    return json_is_number(v);
}

static bool take_text(const json_t *v, char *out, size_t n) {
    if (v == NULL)
        return true;
    snprintf(out, n, "%s", json_string_value(v) != NULL ? json_string_value(v) : "");
    return json_is_string(v);
}

bool scan_link_event(enum scan_event_kind kind, const json_t *a, struct scan_event *out, const char **why) {
    struct scan_event e = { .kind = kind, .time_ns = clock_ns(CLOCK_REALTIME), .number = -1, .incident_eV = NAN, .i0 = NAN, .i0_sigma = NAN, .var_unit = "eV" };
    double number = -1;
    *why = NULL;
    if (!json_is_object(a))
        *why = "the parameter is no object";
    else if (!take_time(json_object_get(a, "time_ns"), &e.time_ns))
        *why = "time_ns: whole ns since 1970 UTC";
    else if (!take_number(json_object_get(a, "number"), &number) || number < -1 || number > 1e9 || !(number >= -1))
        *why = "number: a scan number";
    else if (!take_number(json_object_get(a, "incident_eV"), &e.incident_eV) || !take_number(json_object_get(a, "i0"), &e.i0) ||
             !take_number(json_object_get(a, "i0_sigma"), &e.i0_sigma))
        *why = "incident_eV, i0 and i0_sigma are numbers";
    else if (!take_text(json_object_get(a, "sample"), e.sample, sizeof e.sample) || !take_text(json_object_get(a, "label"), e.label, sizeof e.label) ||
             !take_text(json_object_get(a, "var_name"), e.var_name, sizeof e.var_name) || !take_text(json_object_get(a, "var_unit"), e.var_unit, sizeof e.var_unit) ||
             !take_text(json_object_get(a, "log_name"), e.text, 128))
        *why = "sample, label, var_name, var_unit and log_name are texts";
    if (*why != NULL)
        return false;
    e.number = (int32_t)number;
    *out = e;
    return true;
}

static bool tell(void *context, enum scan_event_kind kind, const json_t *argument, json_t **result, char error[JSON_REQUEST_ERROR]) {
    struct scan_link *l = context;
    struct scan_event e;
    const char *why;
    if (!scan_link_event(kind, argument, &e, &why) || !l->told(l->context, &e, &why)) {
        snprintf(error, JSON_REQUEST_ERROR, "%s", why);
        return false;
    }
    *result = json_true();
    return true;
}

static bool start(void *c, const json_t *a, json_t **r, char e[JSON_REQUEST_ERROR]) { return tell(c, SCAN_EVENT_SCAN_START, a, r, e); }
static bool point_start(void *c, const json_t *a, json_t **r, char e[JSON_REQUEST_ERROR]) { return tell(c, SCAN_EVENT_POINT_START, a, r, e); }
static bool point_end(void *c, const json_t *a, json_t **r, char e[JSON_REQUEST_ERROR]) { return tell(c, SCAN_EVENT_POINT_END, a, r, e); }
static bool end(void *c, const json_t *a, json_t **r, char e[JSON_REQUEST_ERROR]) { return tell(c, SCAN_EVENT_SCAN_END, a, r, e); }

bool scan_link_open(const char *host, int port, scan_told *told, void *context, struct scan_link **out) {
    static const struct json_request_row rows[] = { { "Scan.Start", start }, { "Scan.PointStart", point_start }, { "Scan.PointEnd", point_end }, { "Scan.End", end } };
    struct scan_link *l = calloc(1, sizeof *l);
    if (l == NULL)
        return false;
    *l = (struct scan_link){ .told = told, .context = context };
    const struct json_request_table verbs = { .rows = rows, .n = sizeof rows / sizeof rows[0], .context = l };
    if (!dastard_rpc_open(host, port, &verbs, &l->rpc)) {
        log_error("%s:%d: cannot listen for scan points: %s; set control.port to a free port, or to 0", host, port, strerror(errno));
        free(l);
        return false;
    }
    *out = l;
    return true;
}

void scan_link_close(struct scan_link *l) {
    if (l == NULL)
        return;
    dastard_rpc_close(l->rpc);
    free(l);
}

void scan_link_step(struct scan_link *l) { dastard_rpc_step(l->rpc); }
