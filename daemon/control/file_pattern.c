#include "daemon/control/file_pattern.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_RUNS = 1000 };

bool file_pattern_fill(const char *pattern, int64_t time_ns, char out[PATH_MAX]) {
    const time_t seconds = (time_t)(time_ns / 1000000000);
    struct tm local;
    if (strchr(pattern, '%') == NULL)
        return snprintf(out, PATH_MAX, "%s", pattern) < PATH_MAX;
    localtime_r(&seconds, &local);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    return strftime(out, PATH_MAX, pattern, &local) > 0;
#pragma GCC diagnostic pop
}

bool file_pattern_next(const char *folder, int64_t time_ns, char out[PATH_MAX]) {
    char day[PATH_MAX];
    if (!file_pattern_fill("%Y%m%d", time_ns, day))
        return false;
    for (unsigned k = 0; k < MOST_RUNS; k++) {
        const int n = snprintf(out, PATH_MAX, "%s/%04u", folder, k);
        if (n < 0 || n >= PATH_MAX)
            return false;
        if (access(out, F_OK) != 0)
            return snprintf(out + n, (size_t)(PATH_MAX - n), "/%.8s_run%04u_%%s.%%s", day, k) < PATH_MAX - n;
    }
    return false;
}
