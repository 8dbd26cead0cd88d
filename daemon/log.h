/* daemon/log.h - messages for people, on stderr: "tesd: warning: FILE: place: what; remedy". Only daemon/ logs.
 * Thread-safe (one write per message). Level is the one process-wide setting besides the signal flag. */
#ifndef TESD_DAEMON_LOG_H
#define TESD_DAEMON_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_NOTE, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level);
__attribute__((format(printf, 1, 2))) void log_error(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_warning(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_note(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_debug(const char *format, ...);

bool log_journal_reads_us(void);   /* stderr is read by the system's journal */

#endif
