#include "daemon/control/dastard_rpc.h"

#include <stdlib.h>

#include "daemon/control/json_port.h"

struct dastard_rpc {
    struct json_port *port;
    struct json_request_table verbs;
};

static enum json_request_end answer(void *context, const char *bytes, size_t n, uint64_t ticket, int64_t waited_ms, char **reply) {
    (void)ticket;
    (void)waited_ms;
    return json_request_answer(context, bytes, n, reply);
}

bool dastard_rpc_open(const char *host, int port, const struct json_request_table *verbs, struct dastard_rpc **out) {
    struct dastard_rpc *r = calloc(1, sizeof *r);
    if (r == NULL)
        return false;
    r->verbs = *verbs;
    if (!json_port_open(&(struct json_port_settings){ .host = host, .port = port, .answer = answer, .context = &r->verbs }, &r->port)) {
        free(r);
        return false;
    }
    *out = r;
    return true;
}

void dastard_rpc_close(struct dastard_rpc *r) {
    if (r != NULL)
        json_port_close(r->port);
    free(r);
}

int dastard_rpc_fd(const struct dastard_rpc *r) { return json_port_fd(r->port); }

void dastard_rpc_step(struct dastard_rpc *r) { json_port_step(r->port); }

int dastard_rpc_free_port(const char *host) { return json_port_free_number(host); }
