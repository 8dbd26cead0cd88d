#include "daemon/cli/simulate_twin.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "daemon/clock.h"
#include "daemon/log.h"

static const int64_t alive_every_ns = 2000000000, patience_ns = 1000000000, injected_pause_ns = 5000000;
enum { PORT_ATTEMPTS = 64 };

/* ---- ports ---- */

static bool open_at(struct twin *t, int base, int *taken) {
    const struct json_request_table verbs = {twin_verbs, twin_verb_count, t};
    *taken = base;
    if (!dastard_rpc_open(t->serve->host, base + DASTARD_PORT_CONTROL, &verbs, &t->rpc))
        return false;
    if (dastard_ports_open(t->serve->host, base, (int)t->serve->queue, &t->ports, taken)) {
        t->base = base;
        return true;
    }
    const int why = errno;
    dastard_rpc_close(t->rpc);
    t->rpc = NULL;
    errno = why;
    return false;
}

/* Free ones: a guess at one port, and its neighbours must be free too. */
static bool open_anywhere(struct twin *t, int *taken) {
    for (int i = 0; i < PORT_ATTEMPTS; i++) {
        const int port = dastard_rpc_free_port(t->serve->host);
        if (port > DASTARD_PORT_RECORDS && port < 65530 && open_at(t, port - DASTARD_PORT_RECORDS, taken))
            return true;
    }
    return false;
}

static bool open_ports(struct twin *t) {
    int taken = 0;
    if (t->serve->port == 0 ? open_anywhere(t, &taken) : open_at(t, t->serve->port - DASTARD_PORT_RECORDS, &taken)) {
        dastard_status_connect(t->status, t->ports, true);
        return true;
    }
    if (errno == EADDRINUSE)
        log_error("tcp://%s:%d is in use: a DASTARD or another twin is running; stop it, or serve elsewhere (--serve tcp://127.0.0.1:*)", t->serve->host, taken);
    else
        log_error("tcp://%s:%d: cannot be opened: %m", t->serve->host, taken);
    return false;
}

static void close_ports(struct twin *t, bool at_once) {
    dastard_status_connect(t->status, NULL, at_once);
    dastard_ports_close(t->ports, at_once);
    dastard_rpc_close(t->rpc);
    t->ports = NULL;
    t->rpc = NULL;
}

static void tell_new_server(struct twin *t) {
    dastard_status_tell(t->status, "NEWDASTARD", json_string("new Dastard is running"));
    dastard_status_tell(t->status, "STATUS", dastard_body_status(t->channels, false));
    simulate_twin_tell_writing(t);
}

/* ---- making ---- */

/* Everything is made for the plan's own time, whenever that is; only stamps and labels are those of the clock. */
void simulate_twin_begin_time(struct twin *t) {
    const bool of_plan = t->settings->start_given || t->serve->clock == CLOCK_INJECTED;
    t->start_ns = of_plan ? t->plan.beam->settings.start_ns : clock_ns(CLOCK_REALTIME);
    simulated_array_begin(t->array, t->start_ns);
    t->wall_start_ns = clock_ns(CLOCK_MONOTONIC);
    t->begun = true;
}

static bool make_channels(struct twin *t) {
    const struct simulate_settings *s = t->settings;
    const struct dastard_array_settings a = {.n_pixels = (uint32_t)s->pixels, .first_number = (int32_t)t->serve->first_channel, .number_step = (int32_t)t->serve->channel_step,
                                             .tdm = t->serve->readout != READOUT_PLAIN, .couple_errors = t->serve->readout == READOUT_COUPLED,
                                             .is_signed = t->serve->is_signed, .edge_multi = s->trigger == TRIGGER_EDGE_MULTI, .n_samples = (uint32_t)s->samples,
                                             .n_presamples = (uint32_t)s->presamples, .period_s = s->period_s};
    if (!dastard_array_new(&a, &t->channels)) {
        log_error("no memory for %.0f channels", s->pixels);
        return false;
    }
    for (size_t i = 0; i < t->serve->n_groups; i++)
        if (!dastard_array_couple(t->channels, t->serve->groups[i].source, t->serve->groups[i].receiver)) {
            log_error("--group %u:%u: there are channel indices 0 to %u", t->serve->groups[i].source, t->serve->groups[i].receiver, t->channels->n_channels - 1);
            return false;
        }
    for (size_t i = 0; i < t->serve->n_automatic; i++) {
        if (t->serve->automatic[i] >= t->channels->n_channels) {
            log_error("--auto %u: there are channel indices 0 to %u", t->serve->automatic[i], t->channels->n_channels - 1);
            return false;
        }
        int64_t *trigger = t->channels->channels[t->serve->automatic[i]].trigger;
        trigger[TRIGGER_EDGE_ON] = trigger[TRIGGER_MULTI] = trigger[TRIGGER_MULTI_CONTAMINATED] = 0;
        trigger[TRIGGER_AUTO] = 1;
        trigger[TRIGGER_AUTO_DELAY_NS] = llround(t->serve->auto_delay_s * 1e9);
    }
    return true;
}

static enum status make_array(const struct twin *t, struct simulated_array **out) {
    const struct simulated_settings s = {.beam = simulate_plan_array(t->settings, &t->plan), .pooled = !t->serve->synthesised, .is_signed = t->serve->is_signed,
                                         .rate_Hz = t->settings->rate_Hz, .together = (uint32_t)t->serve->together, .block_frames = t->block_frames,
                                         .pool = (uint32_t)t->serve->pool, .workers = (unsigned)t->settings->workers};
    return simulated_array_new(&s, t->channels, out);
}

static bool make_rest(struct twin *t) {
    t->block_frames = llround(t->serve->block_s / t->settings->period_s);
    if (make_array(t, &t->array) == STATUS_OK && dastard_files_new(t->channels, (uint64_t)t->serve->torn_every, &t->files) &&
        dastard_counter_init(&t->counter, t->channels->n_channels, t->settings->period_s))
        return true;
    log_error("no memory for %.0f pixels; serve fewer, or a smaller --pool", t->settings->pixels);
    return false;
}

/* SIGINT and SIGTERM come through a descriptor from now on; a channel's file is a descriptor too. */
static bool catch_signals(struct twin *t) {
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    t->signals_fd = signalfd(-1, &ends, SFD_NONBLOCK | SFD_CLOEXEC);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    return t->signals_fd >= 0;
}

enum exit_code simulate_twin_new(struct simulate_settings *settings, const struct serve_settings *serve, struct twin **out) {
    struct twin *t = calloc(1, sizeof *t);
    if (t == NULL)
        return EXIT_FAILED;
    *t = (struct twin){.settings = settings, .serve = serve, .signals_fd = -1, .resume_frame = NEVER, .return_frame = NEVER};
    enum exit_code code = make_channels(t) ? EXIT_GOOD : EXIT_USAGE;
    if (code == EXIT_GOOD && (!dastard_status_new(&t->status) || !open_ports(t)))
        code = EXIT_FAILED;   /* before the long work, not after it */
    if (code == EXIT_GOOD)
        code = simulate_plan_new(settings, &t->plan);
    if (code == EXIT_GOOD && (!make_rest(t) || !catch_signals(t)))
        code = EXIT_FAILED;
    if (code == EXIT_GOOD)
        *out = t;
    else
        simulate_twin_free(t);
    return code;
}

void simulate_twin_free(struct twin *t) {
    if (t == NULL)
        return;
    if (t->status != NULL)
        close_ports(t, false);
    dastard_files_free(t->files);
    t->files = NULL;
    simulate_twin_forget_projectors(t);
    dastard_status_free(t->status);
    dastard_counter_done(&t->counter);
    simulated_array_free(t->array);
    dastard_array_free(t->channels);
    simulate_plan_done(&t->plan);
    if (t->signals_fd >= 0)
        close(t->signals_fd);
    free(t);
}

bool simulate_twin_lengths(struct twin *t, uint32_t n_samples, uint32_t n_presamples, char error[DASTARD_ERROR]) {
    const double before[2] = {t->settings->samples, t->settings->presamples};
    struct simulated_array *array;
    t->settings->samples = n_samples;
    t->settings->presamples = n_presamples;
    if (make_array(t, &array) != STATUS_OK) {
        t->settings->samples = before[0];
        t->settings->presamples = before[1];
        snprintf(error, DASTARD_ERROR, "no memory for records of %u samples", n_samples);
        return false;
    }
    simulate_twin_forget_projectors(t);   /* upstream too */
    simulated_array_free(t->array);
    t->array = array;
    simulated_array_begin(array, t->start_ns);
    t->channels->n_samples = n_samples;
    t->channels->n_presamples = n_presamples;
    t->prepared = false;
    simulated_array_skip(t->array, t->frame);
    return true;
}

/* ---- clock ---- */

static bool is_stalled(const struct twin *t, double at_s) {
    return t->serve->stall_after_s > 0 && at_s >= t->serve->stall_after_s && at_s < t->serve->stall_after_s + t->serve->stall_s;
}

/* Steady time at which the next block is over. A stall holds back what falls into it until it ends. */
static int64_t over_ns(const struct twin *t) {
    double at = (double)(t->frame + t->block_frames) * t->settings->period_s;
    if (is_stalled(t, at))
        at = t->serve->stall_after_s + t->serve->stall_s;
    return t->wall_start_ns + llround(at / t->serve->speed * 1e9);
}

/* And when it is sent: a machine that was away for a moment catches up at twice the speed, not all at once, or connections would lose what
 * comes in a burst that no server makes. What a stall held back does come at once. */
static int64_t due_ns(const struct twin *t) {
    const int64_t over = over_ns(t), soonest = t->sent_ns + llround(t->serve->block_s / t->serve->speed / 2 * 1e9);
    return over > soonest || is_stalled(t, (double)(t->frame + t->block_frames) * t->settings->period_s) ? over : soonest;
}

int64_t simulate_twin_now_ns(const struct twin *t) {
    if (t->serve->clock == CLOCK_INJECTED)
        return twin_blocks_ns(t, t->frame);
    return t->start_ns + llround((double)(clock_ns(CLOCK_MONOTONIC) - t->wall_start_ns) * t->serve->speed);
}

/* A machine too slow for what it serves falls behind: then time stands still for a moment, once it is a second. */
static void forgive(struct twin *t, int64_t late_ns) {
    if (late_ns < patience_ns)
        return;
    t->wall_start_ns += late_ns;
    t->late_blocks++;
    if (!t->complained)
        log_warning("this machine cannot keep up: simulated time is %.1f s late and will not catch up; serve less, or slower", (double)late_ns * 1e-9);
    t->complained = true;
}

/* ---- the server dies and comes back ---- */

static void die(struct twin *t) {
    log_note("the server dies; it will be back in %g s", t->serve->vanish_s);
    t->dying = false;
    t->running = false;
    t->resume_frame = NEVER;
    t->return_frame = t->frame + llround(t->serve->vanish_s / t->settings->period_s);
    dastard_files_abandon(t->files);
    close_ports(t, true);
}

static void come_back(struct twin *t) {
    int taken;
    char error[DASTARD_ERROR];
    if (!open_at(t, t->base, &taken)) {
        if (!t->complained)
            log_warning("tcp://%s:%d cannot be had again yet: %m", t->serve->host, taken);
        t->complained = true;
        return;
    }
    t->return_frame = NEVER;
    dastard_status_connect(t->status, t->ports, true);
    tell_new_server(t);
    if (!t->serve->idle && !simulate_twin_start(t, error))
        log_warning("the source did not start: %s", error);
}

/* ---- loop ---- */

static void tell_alive(struct twin *t) {
    const int64_t now = clock_ns(CLOCK_MONOTONIC);
    if (now < t->alive_ns + alive_every_ns)
        return;
    t->alive_ns = now;
    twin_blocks_alive(t);
}

static void step_ahead(struct twin *t) {
    t->sent_ns = clock_ns(CLOCK_MONOTONIC);
    twin_blocks_send(t);
    if (t->return_frame != NEVER && t->frame >= t->return_frame)
        come_back(t);
}

void simulate_twin_advance(struct twin *t, double seconds) {
    const int64_t until = t->frame + llround(seconds / t->settings->period_s);
    const struct timespec pause = {.tv_nsec = injected_pause_ns};   /* queues drain between blocks, as they would in real time */
    struct pollfd signals = {.fd = t->signals_fd, .events = POLLIN};
    while (t->frame < until && !t->dying && !t->quit) {
        step_ahead(t);
        if (ppoll(&signals, 1, &pause, NULL) > 0)
            t->quit = true;
        tell_alive(t);
    }
}

void simulate_twin_set_clock(struct twin *t, double later_s) {
    t->start_ns += llround(later_s * 1e9);
    simulated_array_begin(t->array, t->start_ns);
}

/* The next thing that time brings; INT64_MAX: nothing. */
static int64_t next_ns(const struct twin *t) {
    const int64_t alive = t->alive_ns + alive_every_ns, block = t->serve->clock == CLOCK_INJECTED || !t->begun ? INT64_MAX : due_ns(t);
    return alive < block ? alive : block;
}

static void wait_until(struct twin *t, int64_t at_ns) {
    struct pollfd fds[] = {{.fd = t->signals_fd, .events = POLLIN}, {.fd = t->rpc == NULL ? -1 : dastard_rpc_fd(t->rpc), .events = POLLIN}};
    const int64_t left = at_ns - clock_ns(CLOCK_MONOTONIC);
    const struct timespec most = {.tv_sec = left > 0 ? left / 1000000000 : 0, .tv_nsec = left > 0 ? left % 1000000000 : 0};
    if (ppoll(fds, 2, &most, NULL) <= 0)
        return;
    if (fds[0].revents != 0)
        t->quit = true;
    if (fds[1].revents != 0)
        dastard_rpc_step(t->rpc);
}

static void turn(struct twin *t) {
    twin_blocks_prepare(t);
    wait_until(t, next_ns(t));
    tell_alive(t);
    const int64_t now = clock_ns(CLOCK_MONOTONIC);
    dastard_files_tick(t->files, now / 1000000);
    const int64_t due = due_ns(t);
    if (t->serve->clock == CLOCK_PACED && t->begun && now >= due && !t->quit) {
        forgive(t, now - over_ns(t));
        step_ahead(t);
    }
    if (t->dying)
        die(t);
}

enum exit_code simulate_twin_run(struct twin *t) {
    char error[DASTARD_ERROR] = "";
    const char *host = strcmp(t->serve->host, "*") == 0 ? "0.0.0.0" : t->serve->host;
    printf("records tcp://%s:%d  status tcp://%s:%d  summaries tcp://%s:%d  control %s:%d\n", host, t->base + DASTARD_PORT_RECORDS, host, t->base + DASTARD_PORT_STATUS,
           host, t->base + DASTARD_PORT_SUMMARIES, host, t->base + DASTARD_PORT_CONTROL);
    fflush(stdout);
    t->alive_ns = clock_ns(CLOCK_MONOTONIC);
    tell_new_server(t);
    if (!t->serve->idle && !simulate_twin_start(t, error)) {
        log_error("the source did not start: %s", error);
        return EXIT_FAILED;
    }
    while (!t->quit)
        turn(t);
    simulate_twin_stop(t);
    printf("served %llu records in %.1f s of data\n", (unsigned long long)t->records, twin_blocks_s(t));
    return EXIT_GOOD;
}
