#include "daemon/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MESSAGE_BYTES = 4096 };

static _Atomic int level_shown = LOG_LEVEL_NOTE;

static const struct { const char *word, *priority; } levels[] = {
    [LOG_LEVEL_ERROR] = { "error: ", "<3>" },
    [LOG_LEVEL_WARNING] = { "warning: ", "<4>" },
    [LOG_LEVEL_NOTE] = { "", "<6>" },
    [LOG_LEVEL_DEBUG] = { "debug: ", "<7>" },
};

void log_set_level(enum log_level level) {
    atomic_store(&level_shown, (int)level);
}

/* systemd tells which stream it reads: "device:inode" of the journal's socket. Asked anew each time because stderr may be redirected. */
bool log_journal_reads_us(void) {
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat s;
    if (stream == NULL || fstat(STDERR_FILENO, &s) != 0)
        return false;
    char ours[64];
    snprintf(ours, sizeof ours, "%ju:%ju", (uintmax_t)s.st_dev, (uintmax_t)s.st_ino);
    return strcmp(stream, ours) == 0;
}

static void write_whole(const char *text, size_t n) {
    while (n > 0) {
        ssize_t done = write(STDERR_FILENO, text, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return;
        text += done;
        n -= (size_t)done;
    }
}

/* One buffer, one write, so that messages of several threads do not mix. A message is one line: what came from outside
 * (file names, values) may hold line ends and other control characters, which would forge lines or move a terminal's cursor. */
static void write_message(enum log_level level, const char *format, va_list args) {
    if ((int)level > atomic_load(&level_shown))
        return;
    int saved_errno = errno;
    char text[MESSAGE_BYTES];
    int head = snprintf(text, sizeof text, "%stesd: %s", log_journal_reads_us() ? levels[level].priority : "", levels[level].word);
    int body = vsnprintf(text + head, sizeof text - 1 - (size_t)head, format, args);
    size_t n = (size_t)head + (body > 0 ? (size_t)body : 0);
    if (n > sizeof text - 2) {
        n = sizeof text - 2;
        memcpy(text + n - 3, "...", 3);
    }
    for (size_t i = (size_t)head; i < n; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            text[i] = '?';
    text[n++] = '\n';
    write_whole(text, n);
    errno = saved_errno;
}

#define LOG_FUNCTION(name, level)                  \
    void name(const char *format, ...) {           \
        va_list args;                              \
        va_start(args, format);                    \
        write_message(level, format, args);        \
        va_end(args);                              \
    }
LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(log_note, LOG_LEVEL_NOTE)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
