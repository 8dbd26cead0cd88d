#include "daemon/log_event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include "daemon/log.h"

/* The same for a class in every release: half of it is ours, half the class's name (FNV-1a). */
static const uint64_t ours = UINT64_C(0xa5c41c2f9d0e4b7a);

static uint64_t hash_of(const char *s) {
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (; *s != '\0'; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
    return h;
}

static void on_one_line(char *s) {
    for (; *s != '\0'; s++)
        if ((unsigned char)*s < ' ' || *s == 0x7f)
            *s = '?';
}

size_t log_event_fields(const struct log_event *e, char fields[LOG_EVENT_FIELDS][LOG_EVENT_BYTES]) {
    size_t n = 0;
    snprintf(fields[n], LOG_EVENT_BYTES, "MESSAGE=%s%s", e->over ? "over: " : "", e->text);
    on_one_line(fields[n++]);
    snprintf(fields[n++], LOG_EVENT_BYTES, "PRIORITY=%d", e->over ? 6 : e->error ? 3 : 4);
    snprintf(fields[n++], LOG_EVENT_BYTES, "MESSAGE_ID=%016" PRIx64 "%016" PRIx64, ours, hash_of(e->code));
    snprintf(fields[n++], LOG_EVENT_BYTES, "SYSLOG_IDENTIFIER=tesd");
    snprintf(fields[n++], LOG_EVENT_BYTES, "RIXS_EVENT=%s", e->code);
    snprintf(fields[n++], LOG_EVENT_BYTES, "RIXS_STATE=%s", e->over ? "over" : "begins");
    snprintf(fields[n++], LOG_EVENT_BYTES, "RIXS_LOST=%" PRIu64, e->lost);
    if (e->run[0] != '\0') {
        snprintf(fields[n], LOG_EVENT_BYTES, "RIXS_RUN=%s", e->run);
        on_one_line(fields[n++]);
    }
    if (e->scan >= 0)
        snprintf(fields[n++], LOG_EVENT_BYTES, "RIXS_SCAN=%" PRId32, e->scan);
    return n;
}

bool log_event(const struct log_event *e) {
    char fields[LOG_EVENT_FIELDS][LOG_EVENT_BYTES];
    struct iovec parts[LOG_EVENT_FIELDS];
    if (!log_journal_reads_us())
        return false;
    const size_t n = log_event_fields(e, fields);
    for (size_t k = 0; k < n; k++)
        parts[k] = (struct iovec){ .iov_base = fields[k], .iov_len = strlen(fields[k]) };
    return sd_journal_sendv(parts, (int)n) == 0;
}
