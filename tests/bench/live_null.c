/* live_null - the receive alone: the same sockets and the same draining as tesd run, and every message thrown away.
 *   live_null BASE_PORT N_CHANNELS CONNECTIONS SECONDS
 * Says how many records came and the CPU time of the process for each: what is to be compared with tesd run. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <zmq.h>

static double seconds(clockid_t which) {
    struct timespec t;
    clock_gettime(which, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc != 5)
        return 2;
    int base = atoi(argv[1]), n_channels = atoi(argv[2]), n = atoi(argv[3]);
    if (n < 1)
        return 2;
    double limit = atof(argv[4]);
    void *context = zmq_ctx_new(), **sockets = calloc((size_t)n, sizeof *sockets);
    char endpoint[64];
    if (sockets == NULL)
        return 1;
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", base + 2);
    for (int k = 0; k < n; k++) {
        sockets[k] = zmq_socket(context, ZMQ_SUB);
        zmq_setsockopt(sockets[k], ZMQ_RCVHWM, &(int){ 0 }, sizeof(int));
        zmq_setsockopt(sockets[k], ZMQ_RCVBUF, &(int){ 8 << 20 }, sizeof(int));
        zmq_setsockopt(sockets[k], ZMQ_RECONNECT_IVL, &(int){ 50 }, sizeof(int));
        for (int c = k; c < n_channels; c += n) {
            const uint8_t prefix[2] = { (uint8_t)c, (uint8_t)(c >> 8) };
            zmq_setsockopt(sockets[k], ZMQ_SUBSCRIBE, prefix, 2);
        }
        zmq_connect(sockets[k], endpoint);
    }
    zmq_msg_t header, samples;
    zmq_msg_init(&header);
    zmq_msg_init(&samples);
    uint64_t records = 0;
    double begun = seconds(CLOCK_MONOTONIC), first = 0, last = 0;
    while (seconds(CLOCK_MONOTONIC) - begun < limit) {
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        uint64_t before = records;
        for (int k = 0; k < n; k++)
            while (zmq_msg_recv(&header, sockets[k], ZMQ_DONTWAIT) >= 0) {
                if (zmq_msg_more(&header) && zmq_msg_recv(&samples, sockets[k], ZMQ_DONTWAIT) >= 0)
                    records++;
            }
        if (records > before) {
            last = seconds(CLOCK_MONOTONIC);
            first = first > 0 ? first : last;
        }
    }
    printf("null: %llu records in %.2f s, %.3f us of CPU each\n", (unsigned long long)records, last - first, 1e6 * seconds(CLOCK_PROCESS_CPUTIME_ID) / (double)(records ? records : 1));
    for (int k = 0; k < n; k++)
        zmq_close(sockets[k]);
    zmq_ctx_term(context);
    free(sockets);
    return 0;
}
