/* live_null - the receive alone: the very source of tesd run, drained at the same tick, and every record given back at once.
 *   live_null BASE_PORT N_CHANNELS CONNECTIONS SECONDS
 * Says how many records came and the CPU time of the process for each: what is to be compared with tesd run. */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/clock.h"
#include "daemon/source/live.h"

enum { TICK_MS = 2 };

static double cpu_s(clockid_t which) {
    struct timespec t;
    clock_gettime(which, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool array_of(int n_channels, struct live_array **out) {
    json_t *names = json_array();
    for (int i = 0; i < n_channels; i++)
        json_array_append_new(names, json_sprintf("chan%d", 2 * i + 1));
    bool good = live_array_make(names, out);
    json_decref(names);
    return good;
}

struct drained { uint64_t records; int64_t first_ns, last_ns; };

static struct drained drain(struct live_source *source, struct record_block *block, double seconds) {
    const int64_t begun_ns = clock_ns(CLOCK_MONOTONIC);
    struct drained d = { 0 };
    for (int64_t now = begun_ns; (double)(now - begun_ns) < 1e9 * seconds; now = clock_ns(CLOCK_MONOTONIC)) {
        enum live_step step = live_source_lend(source, block);
        d.records += block->n;
        if (block->n > 0) {
            d.last_ns = now;
            d.first_ns = d.first_ns > 0 ? d.first_ns : now;
        }
        record_block_clear(block);
        live_source_take_back(source);
        if (step != LIVE_FULL)
            live_source_wait(source, TICK_MS);
    }
    return d;
}

int main(int argc, char **argv) {
    if (argc != 5 || atoi(argv[3]) < 1)
        return 2;
    char endpoint[64];
    struct live_array *array = NULL;
    struct live_source *source = NULL;
    struct record_block *block = NULL;
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", atoi(argv[1]) + 2);
    const struct live_settings settings = { .endpoint = endpoint, .connections = (unsigned)atoi(argv[3]) };
    bool good = array_of(atoi(argv[2]), &array) && record_block_new(LIVE_LENT_MAX, 0, &block) && live_source_new(&settings, &source) && live_source_subscribe(source, array);
    if (good) {
        const struct drained d = drain(source, block, atof(argv[4]));
        const double cpu = cpu_s(CLOCK_PROCESS_CPUTIME_ID), own = cpu_s(CLOCK_THREAD_CPUTIME_ID), n = (double)(d.records ? d.records : 1);
        printf("null: %llu records in %.2f s, %.3f us of CPU each (its thread %.3f)\n", (unsigned long long)d.records, 1e-9 * (double)(d.last_ns - d.first_ns), 1e6 * cpu / n, 1e6 * own / n);
    }
    live_source_free(source);
    record_block_free(block);
    live_array_free(array);
    return good ? 0 : 1;
}
