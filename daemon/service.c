#include "daemon/service.h"

#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <systemd/sd-daemon.h>

static void ours(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGUSR1);
}

void service_init(void) {
    sigset_t set;
    ours(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

enum service_call service_wait(int timeout_ms) {
    sigset_t set;
    ours(&set);
    const struct timespec patience = { .tv_sec = timeout_ms / 1000, .tv_nsec = (long)(timeout_ms % 1000) * 1000000 };
    switch (sigtimedwait(&set, NULL, &patience)) {
    case SIGTERM:
    case SIGINT: return SERVICE_STOP;
    case SIGHUP: return SERVICE_RELOAD;
    case SIGUSR1: return SERVICE_STATISTICS;
    default: return SERVICE_NOTHING;
    }
}

void service_ready(void) { sd_notify(0, "READY=1"); }

/* MONOTONIC_USEC is what systemd 253 wants of Type=notify-reload; older ones ignore it. */
void service_reloading(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000);
}

void service_stopping(int patience_s) { sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld", (long long)patience_s * 1000000); }

void service_alive(void) { sd_notify(0, "WATCHDOG=1"); }

double service_watchdog_s(void) {
    uint64_t usec = 0;
    return sd_watchdog_enabled(0, &usec) > 0 ? (double)usec * 1e-6 : 0;
}

void service_status(const char *format, ...) {
    char line[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    sd_notifyf(0, "STATUS=%s", line);
}
