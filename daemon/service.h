/* daemon/service.h - the process as a service: signals in, readiness, watchdog and status line out (systemd; nothing without it).
 * Signals are blocked in all threads and taken by service_wait on the main thread alone. */
#ifndef TESD_DAEMON_SERVICE_H
#define TESD_DAEMON_SERVICE_H

#include <stdbool.h>

enum service_call { SERVICE_NOTHING, SERVICE_STOP, SERVICE_RELOAD, SERVICE_STATISTICS };

void service_init(void);                                   /* before any thread is made */
enum service_call service_wait(int timeout_ms);            /* SIGTERM, SIGINT; SIGHUP; SIGUSR1; or nothing in that time */

void service_ready(void);
void service_reloading(void);                              /* then service_ready again */
void service_stopping(int patience_s);                     /* asks for so much time */
void service_alive(void);                                  /* the watchdog's ping */
double service_watchdog_s(void);                           /* its period; 0: none is wanted */
__attribute__((format(printf, 1, 2))) void service_status(const char *format, ...);   /* STATUS=, one line */

#endif
