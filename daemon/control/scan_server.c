#include "daemon/control/scan_server.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/clock.h"
#include "daemon/control/json_port.h"
#include "daemon/control/scan_server_parts.h"
#include "daemon/log.h"

enum { REQUEST_LIMIT = 1 << 20, ABANDONED_MS = 1000, PATIENCE_MS = 10000 };

/* ---- one request ---- */

/* While one request that changes something waits, the others of that kind queue behind it: so a verb may look at the state, ask the daemon
 * and change the state later, and the state it changes is the one it looked at. Its client may hang up; then it is not asked again. */
static bool must_queue(struct scan_server *s, const struct scan_verb *verb, uint64_t ticket) {
    if (!verb->changes || s->waiting == 0 || s->waiting == ticket)
        return false;
    return clock_ms() - s->waiting_ms < ABANDONED_MS;
}

static enum scan_answer run(struct scan_server *s, const struct scan_verb *verb, const struct scan_call *c, uint64_t ticket, int64_t waited_ms, json_t **result, char why[SCAN_ERROR]) {
    if (must_queue(s, verb, ticket))
        return SCAN_LATER;
    bool again = s->waiting == ticket && ticket != 0;
    struct scan_request r = { .call = c, .waited_ms = !again ? 0 : waited_ms > 0 ? waited_ms : 1, .again = again };   /* 0: it is new */
    enum scan_answer a = verb->run(s, &r, result, why);
    if (verb->changes) {
        s->waiting = a == SCAN_LATER ? ticket : 0;
        s->waiting_ms = clock_ms();
        if (a != SCAN_LATER && s->host.changed != NULL)
            s->host.changed(s->host.context, verb->method.name);
    }
    return a;
}

char *scan_server_answer(struct scan_server *s, const char *bytes, size_t n, uint64_t ticket, int64_t waited_ms, bool *later) {
    char why[SCAN_ERROR] = "", text[SCAN_ERROR + 80];
    struct scan_call c;
    *later = false;
    if (!scan_call_read(s->methods, s->n_methods, bytes, n, &c, why))
        return scan_call_error(why);
    json_t *result = NULL;
    char *reply = NULL;
    const struct scan_verb *verb = scan_server_verb((size_t)(c.method - s->methods));
    switch (run(s, verb, &c, ticket, waited_ms, &result, why)) {
    case SCAN_LATER: *later = true; break;
    case SCAN_DONE: reply = scan_call_reply(result); break;
    case SCAN_REFUSED:
        snprintf(text, sizeof text, "Calling Exception: method=%s: %s", c.method->name, why);
        reply = scan_call_error(text);
        break;
    }
    json_decref(result);
    scan_call_done(&c);
    return reply;
}

static enum json_request_end answer(void *context, const char *bytes, size_t n, uint64_t ticket, int64_t waited_ms, char **reply) {
    bool later;
    *reply = scan_server_answer(context, bytes, n, ticket, waited_ms, &later);
    return later ? REQUEST_LATER : *reply != NULL ? REQUEST_ANSWERED : REQUEST_HANG_UP;
}

/* ---- opening and closing ---- */

static bool copy_settings(struct scan_server *s, const struct scan_server_settings *from) {
    const struct { char *to; size_t size; const char *text; } texts[] = {
        { s->log_folder, sizeof s->log_folder, from->log_folder },     { s->user_folder, sizeof s->user_folder, from->user_folder },
        { s->beamtime_id, sizeof s->beamtime_id, from->beamtime_id },  { s->i0_key, sizeof s->i0_key - 8, from->i0_key },
    };
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        size_t n = texts[k].text != NULL ? strlen(texts[k].text) : 0;
        if (n >= texts[k].size)
            return false;
        memcpy(texts[k].to, n > 0 ? texts[k].text : "", n + 1);
    }
    return true;
}

bool scan_server_open(const struct scan_server_settings *settings, const struct scan_host *host, struct scan_server **out) {
    struct scan_server *s = calloc(1, sizeof *s);
    if (s == NULL || !copy_settings(s, settings)) {
        log_error("scan server: %s", s == NULL ? "out of memory" : "a folder's name is too long");
        free(s);
        return false;
    }
    s->host = *host;
    scan_session_init(&s->session);
    scan_regions_reset(&s->regions);
    snprintf(s->calibration_state, sizeof s->calibration_state, "no_calibration");
    s->number_set = -1;
    for (const struct scan_verb *v; s->n_methods < SCAN_VERBS_MOST && (v = scan_server_verb(s->n_methods)) != NULL;)
        s->methods[s->n_methods++] = v->method;
    const struct json_port_settings port = { .host = settings->host, .port = settings->port, .request_limit = REQUEST_LIMIT, .patience_ms = PATIENCE_MS, .answer = answer, .context = s,
                                             .rubbish_reply = "{\"response\": \"JSON Parse Exception: no JSON object\", \"success\": false}" };
    if (settings->port >= 0 && !json_port_open(&port, &s->port)) {
        log_error("%s:%d: cannot listen for the beamline: %s; is another scan server running? set control.scan_port to a free port, or to -1 for none", settings->host,
                  settings->port, strerror(errno));
        scan_server_close(s);
        return false;
    }
    *out = s;
    return true;
}

void scan_server_close(struct scan_server *s) {
    if (s == NULL)
        return;
    json_port_close(s->port);
    scan_session_done(&s->session);
    free(s);
}

void scan_server_step(struct scan_server *s) {
    if (s->port != NULL)
        json_port_step(s->port);
}

int scan_server_port(const struct scan_server *s) { return s->port != NULL ? json_port_number(s->port) : 0; }

json_t *scan_server_describe(const struct scan_server *s) {
    const struct scan_session *x = &s->session;
    return json_pack("{s:s,s:s,s:i,s:i,s:i,s:b,s:i,s:s,s:o}", "state", scan_state_names[x->state], "filename", x->filename, "scan_num", x->number, "next_scan_num", x->next_number,
                     "cal_number", x->cal_number, "calibration", x->calibration, "points", (int)x->n_points, "calibration_state", s->calibration_state, "rois",
                     scan_regions_json(&s->regions));
}

const struct scan_session *scan_server_session(const struct scan_server *s) { return &s->session; }
