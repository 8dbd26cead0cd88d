#include "daemon/play.h"

#include <signal.h>
#include <time.h>

#include "daemon/log.h"
#include "daemon/sink/publish.h"

enum { STEP_MS = 20, LONGEST_PAUSE_MS = 5000, LAST_LOOK_MS = 1500 };

static volatile sig_atomic_t told_to_stop;   /* the signal flag of this process */

static void stop(int signal_number) {
    (void)signal_number;
    told_to_stop = 1;
}

static void step_for(struct publisher *p, int64_t ms) {
    const struct publish_lost none = { 0 };
    do {
        publisher_step(p, none);
        if (ms > 0)
            nanosleep(&(struct timespec){ .tv_nsec = STEP_MS * 1000000L }, NULL);
        ms -= STEP_MS;
    } while (ms > 0 && !told_to_stop);
}

static int64_t pause_before(const struct scan_products *p, uint32_t point, int64_t last_ns) {
    int64_t ms = (p->scan->points[point].end_ns - last_ns) / 1000000;
    return ms < 0 ? 0 : ms > LONGEST_PAUSE_MS ? LONGEST_PAUSE_MS : ms;
}

static void play_scan(struct publisher *out, const struct scan_products *p, bool realtime, int64_t *last_ns) {
    const struct publish_lost none = { 0 };
    for (uint32_t i = 0; i < p->n_points && !told_to_stop; i++) {
        step_for(out, realtime ? pause_before(p, i, *last_ns) : 0);
        *last_ns = p->scan->points[i].end_ns;
        publisher_scan(out, p, i + 1, i + 1 == p->n_points, none);
    }
}

bool play_products(struct scan_products *const *products, size_t n, const char *endpoint, bool realtime) {
    struct publisher *p;
    if (!publisher_new(&(struct publish_settings){ .endpoint = endpoint, .state = "replay", .calibration_id = "" }, &p))
        return false;
    struct sigaction old_int, old_term, action = { .sa_handler = stop };
    sigaction(SIGINT, &action, &old_int);
    sigaction(SIGTERM, &action, &old_term);
    log_note("publishing on %s", publisher_endpoint(p));
    int64_t last_ns = n && products[0]->n_points ? products[0]->scan->points[0].start_ns : 0;
    for (size_t k = 0; k < n && !told_to_stop; k++)
        play_scan(p, products[k], realtime, &last_ns);
    step_for(p, LAST_LOOK_MS);
    publisher_free(p);
    sigaction(SIGINT, &old_int, NULL);
    sigaction(SIGTERM, &old_term, NULL);
    return true;
}
