#include "daemon/live_beamline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/clock.h"
#include "daemon/control/acquisition_call.h"
#include "daemon/control/acquisition_calls.h"
#include "daemon/log.h"

enum { WRITING_MS = 10000, LEARN_MS = 120000 };

/* The request under way: one at a time changes something (scan_server.h). */
enum stage { STAGE_CALL, STAGE_STATUS };

struct live_beamline {
    struct scan_server *server;
    struct control_router *router;   /* NULL: none */
    struct acquisition_call *call;
    struct beamline_session session;
    struct scan_regions regions;
    bool drive;                  /* the acquisition is driven from here; else only watched */
    int edge_multi_level, edge_multi_monotone;   /* of pulse triggers; level 0: as they stood before */
    double wait_s;
    int64_t now_ms;
    enum stage stage;
    json_t *calls;               /* still to be made: [[method, argument], ...] */
    json_t *pulse_triggers;      /* trigger groups before noise triggers were set; NULL: none seen */
};

static int64_t now_ns(void *context) {
    (void)context;
    return clock_ns(CLOCK_REALTIME);
}

static bool told(void *context, const struct scan_event *event, const char **why) {
    struct live_beamline *b = context;
    return b->session.told(b->session.context, event, why);
}

static bool set_regions(void *context, const struct scan_regions *regions, char why[SCAN_ERROR]) {
    struct live_beamline *b = context;
    struct yield_region list[SCAN_REGIONS];
    const char *text = "refused";
    for (unsigned k = 0; k < regions->n; k++)
        list[k] = regions->list[k].region;
    if (!b->session.regions(b->session.context, list, regions->n, &text)) {
        snprintf(why, SCAN_ERROR, "%s", text);
        return false;
    }
    b->regions = *regions;
    return true;
}

static void changed(void *context, const char *method) {
    struct live_beamline *b = context;
    b->session.control.changed(b->session.control.context, method);
}

json_t *live_beamline_describe(const struct live_beamline *b) { return b != NULL ? scan_server_describe(b->server) : json_null(); }

/* ---- calls in a row ---- */

static enum scan_answer next_call(struct live_beamline *b, char why[SCAN_ERROR]) {
    json_t *call = json_array_get(b->calls, 0);
    if (call == NULL)
        return SCAN_DONE;
    bool good = acquisition_call_begin(b->call, json_string_value(json_array_get(call, 0)), json_array_get(call, 1), b->now_ms);
    json_array_remove(b->calls, 0);
    if (!good)
        snprintf(why, SCAN_ERROR, "out of memory");
    return good ? SCAN_LATER : SCAN_REFUSED;
}

/* calls: new reference, consumed; made when the request is new. */
static enum scan_answer make_calls(struct live_beamline *b, json_t *calls, int64_t waited_ms, char why[SCAN_ERROR]) {
    if (waited_ms == 0) {
        json_decref(b->calls);
        b->calls = calls;
        b->stage = STAGE_CALL;
        return next_call(b, why);
    }
    json_decref(calls);
    switch (acquisition_call_step(b->call, b->now_ms)) {
    case ACQUISITION_WAITING: return SCAN_LATER;
    case ACQUISITION_GOOD: return next_call(b, why);
    case ACQUISITION_ERROR: break;
    }
    snprintf(why, SCAN_ERROR, "%s", acquisition_call_error(b->call));
    return SCAN_REFUSED;
}

/* The calls, then until the acquisition's own status says that it writes, or no longer does. */
static enum scan_answer call_and_see(struct live_beamline *b, json_t *calls, bool writing, int64_t waited_ms, char why[SCAN_ERROR]) {
    if (waited_ms == 0 || b->stage == STAGE_CALL) {
        enum scan_answer a = make_calls(b, calls, waited_ms, why);
        if (a != SCAN_DONE)
            return a;
        b->stage = STAGE_STATUS;
    } else {
        json_decref(calls);
    }
    if (b->session.status->writing == writing && (!writing || b->session.status->base_name[0] != '\0'))
        return SCAN_DONE;
    if (waited_ms < WRITING_MS)
        return SCAN_LATER;
    snprintf(why, SCAN_ERROR, "the acquisition server has not %s writing in %d s", writing ? "begun" : "stopped", WRITING_MS / 1000);
    return SCAN_REFUSED;
}

/* ---- files and labels ---- */

/* What clients take for the run's name: of its first channel, as an OFF file, whether or not there is one. */
static json_t *name_of_file(const struct live_beamline *b) { return json_sprintf("%s/%s_chan1.off", b->session.status->folder, b->session.status->base_name); }

static enum scan_answer file_start(struct live_beamline *b, const json_t *settings, int64_t waited_ms, json_t **result, char why[SCAN_ERROR]) {
    const json_t *path = json_object_get(settings, "path"), *ljh = json_object_get(settings, "write_ljh");
    if (!b->drive && !b->session.status->writing) {
        snprintf(why, SCAN_ERROR, "the acquisition server does not write, and control.drive is off: start it there");
        return SCAN_REFUSED;
    }
    json_t *calls = acquisition_calls_write(path != NULL ? json_string_value(path) : "", ljh == NULL || json_is_true(ljh), json_is_true(json_object_get(settings, "write_off")));
    enum scan_answer a = b->drive ? call_and_see(b, calls, true, waited_ms, why) : SCAN_DONE;
    if (!b->drive)
        json_decref(calls);
    if (a == SCAN_DONE)
        *result = name_of_file(b);
    return a;
}

static enum scan_answer file_end(struct live_beamline *b, int64_t waited_ms, char why[SCAN_ERROR]) {
    return b->drive ? call_and_see(b, acquisition_calls_stop_writing(), false, waited_ms, why) : SCAN_DONE;
}

static enum scan_answer label(struct live_beamline *b, const json_t *text, int64_t waited_ms, char why[SCAN_ERROR]) {
    return b->drive ? make_calls(b, acquisition_calls_label(json_string_value(text)), waited_ms, why) : SCAN_DONE;
}

/* ---- set-up ---- */

static enum scan_answer not_driven(char why[SCAN_ERROR]) {
    snprintf(why, SCAN_ERROR, "control.drive is off: set it at the acquisition server");
    return SCAN_REFUSED;
}

/* As the setting says, else as they stood before noise triggers were set: levels are the acquisition's affair. */
static enum scan_answer pulse_triggers(struct live_beamline *b, int64_t waited_ms, char why[SCAN_ERROR]) {
    const json_t *now = live_status_body(b->session.status, "TRIGGER"), *names = live_status_body(b->session.status, "CHANNELNAMES");
    if (!b->drive)
        return not_driven(why);
    if (b->edge_multi_level != 0 && json_is_array(names))
        return make_calls(b, acquisition_calls_edge_multi(names, b->edge_multi_level, b->edge_multi_monotone), waited_ms, why);
    if (waited_ms == 0 && acquisition_calls_has_pulse_triggers(now))
        return SCAN_DONE;
    if (b->pulse_triggers != NULL)
        return make_calls(b, acquisition_calls_groups(b->pulse_triggers), waited_ms, why);
    snprintf(why, SCAN_ERROR, "no pulse triggers are known that noise triggers replaced: set control.edge_multi_level, or set them once at the acquisition server");
    return SCAN_REFUSED;
}

static enum scan_answer noise_triggers(struct live_beamline *b, int64_t waited_ms, char why[SCAN_ERROR]) {
    const json_t *now = live_status_body(b->session.status, "TRIGGER");
    if (!b->drive)
        return not_driven(why);
    if (!json_is_array(now)) {
        snprintf(why, SCAN_ERROR, "the acquisition's trigger settings are not known yet");
        return SCAN_REFUSED;
    }
    if (waited_ms == 0 && acquisition_calls_has_pulse_triggers(now)) {
        json_decref(b->pulse_triggers);
        b->pulse_triggers = json_deep_copy(now);
    }
    return make_calls(b, acquisition_calls_noise(now), waited_ms, why);
}

/* The acquisition knows its cards; a source that runs is not begun again. */
static enum scan_answer start_source(struct live_beamline *b, int64_t waited_ms, json_t **result, char why[SCAN_ERROR]) {
    if (!b->drive)
        return not_driven(why);
    enum scan_answer a = waited_ms == 0 && b->session.status->running ? SCAN_DONE : make_calls(b, acquisition_calls_start("LANCEROSOURCE"), waited_ms, why);
    if (a == SCAN_DONE)
        *result = json_true();
    return a;
}

/* ---- counts ---- */

/* Without a calibration nobody knows energies: the records of the point, as "tfy". False: there is one. */
static bool uncalibrated(struct live_beamline *b, int32_t scan, int32_t point, json_t *all, bool *final) {
    uint64_t n;
    if (!b->session.records(b->session.context, scan, point, &n, final))
        return false;
    json_object_set_new(all, "tfy", json_integer((json_int_t)n));
    return true;
}

/* Final ones, or those there are when the wait is over. */
static enum scan_answer counts(struct live_beamline *b, const json_t *which, int64_t waited_ms, json_t **result, char why[SCAN_ERROR]) {
    int32_t scan = (int32_t)json_integer_value(json_object_get(which, "scan")), point = (int32_t)json_integer_value(json_object_get(which, "point"));
    json_t *all = json_object();
    bool final = true;
    bool plain = uncalibrated(b, scan, point, all, &final);
    for (unsigned k = 0; k < b->regions.n && !plain; k++) {
        uint32_t n;
        bool of_this = false;
        if (!b->session.counts(b->session.context, scan, point, b->regions.list[k].region.name, &n, &of_this)) {
            snprintf(why, SCAN_ERROR, "roi '%s' of point %d is not counted: no such point, or the roi was set after the scan began", b->regions.list[k].name, point);
            json_decref(all);
            return SCAN_REFUSED;
        }
        final = final && of_this;
        json_object_set_new(all, b->regions.list[k].name, json_integer(n));
    }
    if (!final && (double)waited_ms < b->wait_s * 1e3) {
        json_decref(all);
        return SCAN_LATER;
    }
    *result = all;
    return SCAN_DONE;
}

/* ---- calibrations ---- */

/* They are learnt as soon as they have ended, whether anybody asks or not: the answer waits for it. */
static enum scan_answer learn(struct live_beamline *b, const json_t *number, int64_t waited_ms, json_t **result, char why[SCAN_ERROR]) {
    enum scan_answer a = b->session.learn(b->session.context, (int32_t)json_integer_value(number), result, why);
    if (a != SCAN_LATER || waited_ms < LEARN_MS)
        return a;
    snprintf(why, SCAN_ERROR, "still being learnt after %d s; ask again, or look at cal/ of the stream", LEARN_MS / 1000);
    return SCAN_REFUSED;
}

/* Macros go on: what they want of projectors is done otherwise. */
static const char no_projectors[] = "not needed: filters are learnt from the records themselves; for OFF files the acquisition server loads its own";

static enum scan_answer wish(void *context, enum scan_wish w, const json_t *argument, int64_t waited_ms, json_t **result, char why[SCAN_ERROR]) {
    struct live_beamline *b = context;
    switch (w) {
    case SCAN_WISH_FILE_START: return file_start(b, argument, waited_ms, result, why);
    case SCAN_WISH_FILE_END: return file_end(b, waited_ms, why);
    case SCAN_WISH_LABEL: return label(b, argument, waited_ms, why);
    case SCAN_WISH_COUNTS: return counts(b, argument, waited_ms, result, why);
    case SCAN_WISH_PULSE_TRIGGERS: return pulse_triggers(b, waited_ms, why);
    case SCAN_WISH_NOISE_TRIGGERS: return noise_triggers(b, waited_ms, why);
    case SCAN_WISH_LEARN: return learn(b, argument, waited_ms, result, why);
    case SCAN_WISH_LOAD: return b->session.load(b->session.context, waited_ms, result, why);
    case SCAN_WISH_START_SOURCE: return start_source(b, waited_ms, result, why);
    case SCAN_WISH_MAKE_PROJECTORS:
    case SCAN_WISH_SET_PROJECTORS: *result = json_string(no_projectors); return SCAN_DONE;
    case N_SCAN_WISHES: break;
    }
    snprintf(why, SCAN_ERROR, "unknown");
    return SCAN_REFUSED;
}

/* ---- opening and closing ---- */

static bool open_router(struct live_beamline *b, const char *endpoint) {
    const struct control_router_settings settings = { .endpoint = endpoint, .zmq = b->session.zmq, .gate = b->session.gate };
    return endpoint[0] == '\0' || control_router_open(&settings, &b->session.control, b->server, &b->router);
}

bool live_beamline_new(const struct options *options, const struct beamline_session *session, struct live_beamline **out) {
    *out = NULL;
    if (options->control.scan_port < 0 && options->control.router[0] == '\0')
        return true;
    struct live_beamline *b = calloc(1, sizeof *b);
    if (b == NULL || !acquisition_call_new(options->ingest.host, (int)options->ingest.port, &b->call)) {
        log_error("out of memory");
        free(b);
        return false;
    }
    b->session = *session;
    b->drive = options->control.drive;
    b->wait_s = options->control.wait_s;
    b->edge_multi_level = (int)options->control.edge_multi_level;
    b->edge_multi_monotone = (int)options->control.edge_multi_monotone;
    scan_regions_reset(&b->regions);
    const struct scan_server_settings settings = { .host = options->control.scan_host, .port = (int)options->control.scan_port, .log_folder = options->control.log_folder,
                                                   .user_folder = options->control.user_folder, .beamtime_id = options->control.beamtime, .i0_key = options->scan.i0_key };
    const struct scan_host host = { .context = b, .now_ns = now_ns, .told = told, .wish = wish, .regions = set_regions, .changed = changed };
    if (!scan_server_open(&settings, &host, &b->server) || !open_router(b, options->control.router)) {
        live_beamline_free(b);
        return false;
    }
    *out = b;
    return true;
}

void live_beamline_free(struct live_beamline *b) {
    if (b == NULL)
        return;
    control_router_close(b->router);
    scan_server_close(b->server);
    acquisition_call_free(b->call);
    json_decref(b->calls);
    json_decref(b->pulse_triggers);
    free(b);
}

void live_beamline_step(struct live_beamline *b, int64_t now_ms) {
    if (b == NULL)
        return;
    b->now_ms = now_ms;
    scan_server_step(b->server);
    if (b->router != NULL)
        control_router_step(b->router);
}
