/* live_sender - a source that sends records as fast as it is told: DASTARD's record port and as much of its status as a subscriber needs.
 *   live_sender BASE_PORT N_CHANNELS N_SAMPLES RECORDS_PER_S SECONDS FOLDER
 * Records are the first of the files FOLDER/..._chanN.ljh, N = 1, 3, 5 ...; only time and frame change. High-water mark 0: what is lost is lost by the receiver. Status is repeated each
 * second, with TRIGGERRATE. A sender that was stopped for a second or more goes on as if that time had not been. At the end it says how many
 * records it sent. */
#include <glob.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#include "pulse/record_dastard.h"

enum { POOL = 8, SOCKET_WAIT_MS = 1500 };
static const int64_t STOPPED_NS = 1000000000;

static int64_t clock_ns(clockid_t which) {
    struct timespec t;
    clock_gettime(which, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct sender {
    void *records, *status;
    uint32_t n_channels, n_samples, n_presamples;
    uint16_t *pool;                 /* n_channels x POOL x n_samples */
    uint32_t *counts;
    double period_s;
    int64_t start_ns;
};

/* The first POOL records of FOLDER/..._chanN.ljh, N = 2 index + 1. */
static bool fill_from(struct sender *s, uint32_t index, const char *folder) {
    static const char end[] = "#End of Header";
    char pattern[600];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/*_chan%u.ljh", folder, 2 * index + 1);
    if (glob(pattern, 0, NULL, &found) != 0)
        return false;
    FILE *f = fopen(found.gl_pathv[0], "rb");
    char line[1024] = "";
    while (f != NULL && fgets(line, sizeof line, f) != NULL && strncmp(line, end, sizeof end - 1) != 0)
        continue;
    bool good = f != NULL;
    for (uint32_t k = 0; good && k < POOL; k++)
        good = fseek(f, 16, SEEK_CUR) == 0 && fread(s->pool + ((size_t)index * POOL + k) * s->n_samples, 2, s->n_samples, f) == s->n_samples;
    if (f != NULL)
        fclose(f);
    globfree(&found);
    return good;
}

static void tell(const struct sender *s, const char *topic, const char *body) {
    zmq_send(s->status, topic, strlen(topic), ZMQ_SNDMORE);
    zmq_send(s->status, body, strlen(body), 0);
}

static void tell_all(struct sender *s, int64_t last_ns, int64_t now_ns) {
    char *body = NULL, when[64];
    size_t n;
    FILE *f = open_memstream(&body, &n);
    fputc('[', f);
    for (uint32_t i = 0; i < s->n_channels; i++)
        fprintf(f, "%s\"chan%u\"", i ? "," : "", 2 * i + 1);
    fputs("]", f);
    fclose(f);
    tell(s, "CHANNELNAMES", body);
    free(body);
    body = NULL;
    f = open_memstream(&body, &n);
    fprintf(f, "{\"Running\":true,\"SourceName\":\"sender\",\"Nchannels\":%u,\"Nsamples\":%u,\"Npresamp\":%u,\"SamplePeriod\":%lld}", s->n_channels, s->n_samples, s->n_presamples,
            llround(s->period_s * 1e9));
    fclose(f);
    tell(s, "STATUS", body);
    free(body);
    tell(s, "TRIGGER", "[]");
    tell(s, "WRITING", "{\"Active\":false,\"FilenamePattern\":\"\"}");
    time_t seconds = (time_t)(now_ns / 1000000000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    n = strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(when + n, sizeof when - n, ".%09lldZ", (long long)(now_ns % 1000000000));
    body = NULL;
    f = open_memstream(&body, &n);
    fprintf(f, "{\"HiTime\":\"%s\",\"Duration\":%lld,\"CountsSeen\":[", when, (long long)(now_ns - last_ns));
    for (uint32_t i = 0; i < s->n_channels; i++) {
        fprintf(f, "%s%u", i ? "," : "", s->counts[i]);
        s->counts[i] = 0;
    }
    fputs("]}", f);
    fclose(f);
    tell(s, "TRIGGERRATE", body);
    free(body);
}

static void send_record(struct sender *s, uint64_t number, int64_t time_ns) {
    uint8_t header[DASTARD_HEADER_BYTES];
    uint32_t index = (uint32_t)(number % s->n_channels);
    const struct pulse_record r = { .n_samples = s->n_samples, .n_presamples = s->n_presamples, .sample_period_s = (float)s->period_s, .trigger_time_ns = time_ns,
                                    .trigger_frame = llround((double)(time_ns - s->start_ns) * 1e-9 / s->period_s) };
    dastard_message_encode((uint16_t)index, false, &r, header);
    zmq_send(s->records, header, sizeof header, ZMQ_SNDMORE);
    zmq_send(s->records, s->pool + ((size_t)index * POOL + number / s->n_channels % POOL) * s->n_samples, 2 * (size_t)s->n_samples, 0);
    s->counts[index]++;
}

static void *bind_to(void *context, int port) {
    char endpoint[64];
    void *socket = zmq_socket(context, ZMQ_PUB);
    zmq_setsockopt(socket, ZMQ_SNDHWM, &(int){ 0 }, sizeof(int));
    zmq_setsockopt(socket, ZMQ_SNDBUF, &(int){ 8 << 20 }, sizeof(int));
    zmq_setsockopt(socket, ZMQ_LINGER, &(int){ 5000 }, sizeof(int));
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", port);
    return zmq_bind(socket, endpoint) == 0 ? socket : NULL;
}

int main(int argc, char **argv) {
    if (argc != 7)
        return 2;
    int base = atoi(argv[1]);
    struct sender s = { .n_channels = (uint32_t)atoi(argv[2]), .n_samples = (uint32_t)atoi(argv[3]), .period_s = 6.4e-6 };
    double rate = atof(argv[4]), seconds = atof(argv[5]);
    s.n_presamples = s.n_samples / 4;
    s.pool = calloc((size_t)s.n_channels * POOL * s.n_samples, sizeof *s.pool);
    s.counts = calloc(s.n_channels, sizeof *s.counts);
    void *context = zmq_ctx_new();
    s.status = bind_to(context, base + 1);
    s.records = bind_to(context, base + 2);
    if (s.pool == NULL || s.counts == NULL || s.status == NULL || s.records == NULL) {
        free(s.pool);
        free(s.counts);
        return 1;
    }
    for (uint32_t i = 0; i < s.n_channels; i++)
        if (!fill_from(&s, i, argv[6])) {
            free(s.pool);
            free(s.counts);
            fprintf(stderr, "live_sender: %s: no %d records of %u samples of channel %u\n", argv[6], POOL, s.n_samples, 2 * i + 1);
            return 1;
        }
    nanosleep(&(struct timespec){ .tv_sec = SOCKET_WAIT_MS / 1000, .tv_nsec = (SOCKET_WAIT_MS % 1000) * 1000000L }, NULL);
    s.start_ns = clock_ns(CLOCK_REALTIME);
    int64_t told_ns = s.start_ns;
    tell_all(&s, s.start_ns - 1000000000, s.start_ns);
    nanosleep(&(struct timespec){ .tv_sec = 1 }, NULL);
    int64_t begun_ns = clock_ns(CLOCK_REALTIME), last_ns = begun_ns;
    uint64_t sent = 0;
    while ((double)(last_ns - begun_ns) * 1e-9 < seconds) {
        int64_t now = clock_ns(CLOCK_REALTIME);
        if (now - last_ns > STOPPED_NS)
            begun_ns += now - last_ns;
        uint64_t due = (uint64_t)((double)(now - begun_ns) * 1e-9 * rate);
        for (; sent < due; sent++)
            send_record(&s, sent, begun_ns + (int64_t)((double)sent / rate * 1e9));
        last_ns = now;
        if (now - told_ns >= 1000000000) {
            tell_all(&s, told_ns, now);
            told_ns = now;
        }
        nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
    }
    printf("sent %llu records in %.2f s\n", (unsigned long long)sent, (double)(last_ns - begun_ns) * 1e-9);
    free(s.pool);
    free(s.counts);
    zmq_close(s.records);
    zmq_close(s.status);
    zmq_ctx_term(context);
    return 0;
}
