/* subscribe ENDPOINT ROI [COUNT]: prints the PFY of tesd as it grows; columns incident energy, yield, its error. Stream v1 is described in stream.md.
 *   cc subscribe.c -o subscribe -lzmq -ljansson */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { FRAMES = 34 };

/* Values of the array of that name in the message's frames; *n: how many. NULL: not there, or of another type. */
static const double *doubles(json_t *header, zmq_msg_t frames[FRAMES], size_t n_frames, const char *name, size_t *n) {
    size_t k;
    json_t *a;
    json_array_foreach(json_object_get(header, "arrays"), k, a) {
        size_t blob = 2 + (size_t)json_integer_value(json_object_get(a, "blob"));
        const char *is = json_string_value(json_object_get(a, "name")), *dtype = json_string_value(json_object_get(a, "dtype"));
        if (is == NULL || dtype == NULL || strcmp(is, name) != 0 || strcmp(dtype, "<f8") != 0 || blob >= n_frames)
            continue;
        *n = zmq_msg_size(&frames[blob]) / sizeof(double);
        return zmq_msg_data(&frames[blob]);
    }
    return NULL;
}

static void print(json_t *header, zmq_msg_t frames[FRAMES], size_t n_frames) {
    size_t n = 0, m = 0, l = 0;
    const double *x = doubles(header, frames, n_frames, "incident_energy", &n), *y = doubles(header, frames, n_frames, "yield", &m);
    const double *e = doubles(header, frames, n_frames, "yield_errors", &l);
    printf("# %s\n", json_string_value(json_object_get(header, "title")));
    for (size_t k = 0; x != NULL && y != NULL && e != NULL && k < n && k < m && k < l; k++)
        printf("%.17g %.17g %.17g\n", x[k], y[k], e[k]);
    fflush(stdout);
}

int main(int argc, char **argv) {
    char topic[80];
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_SUB);
    snprintf(topic, sizeof topic, "pfy/%s/", argc > 2 ? argv[2] : "tfy");
    zmq_setsockopt(socket, ZMQ_SUBSCRIBE, topic, strlen(topic));
    if (zmq_connect(socket, argc > 1 ? argv[1] : "tcp://127.0.0.1:5560") != 0)
        return 1;
    json_int_t seen = 0;
    char boot[64] = "";
    for (int printed = 0, count = argc > 3 ? atoi(argv[3]) : 0; count == 0 || printed < count;) {
        zmq_msg_t frames[FRAMES];
        size_t n = 0;
        for (int more = 1; more && n < FRAMES; more = zmq_msg_more(&frames[n++])) {
            zmq_msg_init(&frames[n]);
            zmq_msg_recv(&frames[n], socket, 0);
        }
        json_t *header = n > 1 ? json_loadb(zmq_msg_data(&frames[1]), zmq_msg_size(&frames[1]), 0, NULL) : NULL;
        const char *now = json_string_value(json_object_get(header, "boot"));
        json_int_t seq = json_integer_value(json_object_get(header, "seq"));
        if (now != NULL && json_integer_value(json_object_get(header, "v")) == 1 && (seq > seen || strcmp(now, boot) != 0)) {   /* not one that was sent again */
            seen = seq;
            snprintf(boot, sizeof boot, "%s", now);
            print(header, frames, n);
            printed++;
        }
        json_decref(header);
        while (n > 0)
            zmq_msg_close(&frames[--n]);
    }
    return 0;
}
