/* The methods that the control port has beside those of the scan server, one function each; the table at the end is the only place where
 * they are named. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/control/control_router_parts.h"

enum { MOST_BINS = 20000, MOST_WAIT_S = 60 };

static const json_t *argument(const struct control_request *q, unsigned k) {
    const json_t *a = q->call->arguments[k];
    return json_is_null(a) ? NULL : a;
}

static enum scan_answer refuse(char why[SCAN_ERROR], const char *text) {
    snprintf(why, SCAN_ERROR, "%s", text);
    return SCAN_REFUSED;
}

static enum scan_answer health(const struct control_host *host, const struct control_request *q, json_t **result, char why[SCAN_ERROR]) {
    (void)q, (void)why;
    *result = host->health(host->context);
    return SCAN_DONE;
}

static enum scan_answer snapshot(const struct control_host *host, const struct control_request *q, json_t **result, char why[SCAN_ERROR]) {
    const json_t *prefix = argument(q, 0);
    if (prefix != NULL && !json_is_string(prefix))
        return refuse(why, "prefix must be a text, like pfy/");
    *result = host->snapshot(host->context, prefix != NULL ? json_string_value(prefix) : "", q->take, q->to);
    return *result != NULL ? SCAN_DONE : refuse(why, "nothing is published yet");
}

/* A whole number of 0 or more, or -1 when it is not given. */
static bool number_of(const json_t *given, int32_t *out) {
    *out = -1;
    if (given == NULL)
        return true;
    if (!json_is_integer(given) || json_integer_value(given) < 0 || json_integer_value(given) > INT32_MAX)
        return false;
    *out = (int32_t)json_integer_value(given);
    return true;
}

static enum scan_answer counts(const struct control_host *host, const struct control_request *q, json_t **result, char why[SCAN_ERROR]) {
    int32_t scan, point;
    const json_t *wait = argument(q, 2);
    if (!number_of(argument(q, 0), &scan) || !number_of(argument(q, 1), &point))
        return refuse(why, "scan and point are whole numbers from 0 on");
    double wait_s = wait != NULL ? json_number_value(wait) : -1;
    if (wait != NULL && !(json_is_number(wait) && wait_s >= 0 && wait_s <= MOST_WAIT_S))
        return refuse(why, "wait_s is 0 to 60 seconds");
    return host->counts(host->context, scan, point, wait_s, q->waited_ms, result, why);
}

/* ---- calibrations ---- */

static enum scan_answer calibration_list(const struct control_host *host, const struct control_request *q, json_t **result, char why[SCAN_ERROR]) {
    return host->calibrations(host->context, q->waited_ms, result, why);
}

static enum scan_answer calibration_use(const struct control_host *host, const struct control_request *q, json_t **result, char why[SCAN_ERROR]) {
    const char *name = json_string_value(argument(q, 0));
    if (name == NULL)
        return refuse(why, "name must be a text: one of the choices of calibration_list");
    enum scan_answer a = host->use_calibration(host->context, name, q->waited_ms, why);
    if (a == SCAN_DONE)
        *result = json_string(name);
    return a;
}

/* ---- axes ---- */

static json_t *axis_json(const struct energy_axis *a) { return json_pack("[f,f,f]", a->lo_eV, a->hi_eV, a->bin_eV); }

static enum scan_answer axes_get(const struct control_host *host, const struct control_request *q, json_t **result, char why[SCAN_ERROR]) {
    (void)q, (void)why;
    struct energy_axis emission, loss;
    host->axes(host->context, &emission, &loss);
    *result = json_pack("{s:o,s:o}", "emission", axis_json(&emission), "loss", axis_json(&loss));
    return SCAN_DONE;
}

/* [lo_eV, hi_eV, bin_eV] with a whole number of bins; not given: as before. */
static bool axis_of(const json_t *given, const char *name, struct energy_axis *axis, char why[SCAN_ERROR]) {
    if (given == NULL)
        return true;
    bool good = json_is_array(given) && json_array_size(given) == 3;
    for (size_t k = 0; k < 3; k++)
        good = good && json_is_number(json_array_get(given, k));
    struct energy_axis a = { json_number_value(json_array_get(given, 0)), json_number_value(json_array_get(given, 1)), json_number_value(json_array_get(given, 2)) };
    double bins = good && a.bin_eV > 0 ? (a.hi_eV - a.lo_eV) / a.bin_eV : NAN;
    if (!(good && a.bin_eV >= 0.01 && bins >= 1 && bins <= MOST_BINS && fabs(bins - round(bins)) < 1e-6 && fabs(a.lo_eV) <= 20000 && fabs(a.hi_eV) <= 20000)) {
        snprintf(why, SCAN_ERROR, "%s must be [lo_eV, hi_eV, bin_eV]: a whole number of bins, 1 to %d, of 0.01 eV or more, between -20000 and 20000 eV", name, MOST_BINS);
        return false;
    }
    *axis = a;
    return true;
}

static enum scan_answer axes_set(const struct control_host *host, const struct control_request *q, json_t **result, char why[SCAN_ERROR]) {
    struct energy_axis emission, loss;
    host->axes(host->context, &emission, &loss);
    if (!axis_of(argument(q, 0), "emission", &emission, why) || !axis_of(argument(q, 1), "loss", &loss, why))
        return SCAN_REFUSED;
    return host->set_axes(host->context, &emission, &loss, why) ? axes_get(host, q, result, why) : SCAN_REFUSED;
}

const struct control_verb control_verbs[] = {
    { { "health", { NULL }, 0, false }, false, health },
    { { "snapshot", { "prefix" }, 0, false }, false, snapshot },
    { { "counts", { "scan", "point", "wait_s" }, 0, false }, false, counts },
    { { "calibration_list", { NULL }, 0, false }, false, calibration_list },
    { { "calibration_use", { "name" }, 1, false }, true, calibration_use },
    { { "axes_get", { NULL }, 0, false }, false, axes_get },
    { { "axes_set", { "emission", "loss" }, 0, false }, true, axes_set },
};
const size_t control_n_verbs = sizeof control_verbs / sizeof control_verbs[0];
