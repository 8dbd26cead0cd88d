#include "daemon/control/scan_log_folder.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "daemon/log.h"

static int32_t number_of(const char *name) {
    static const char *const kinds[] = { "scan", "calibration" };
    for (size_t k = 0; k < 2; k++) {
        size_t n = strlen(kinds[k]);
        char *end;
        if (strncmp(name, kinds[k], n) != 0 || name[n] < '0' || name[n] > '9')
            continue;
        long number = strtol(name + n, &end, 10);
        if (strcmp(end, ".json") == 0 && number < INT32_MAX)
            return (int32_t)number;
    }
    return -1;
}

int32_t scan_log_folder_next(const char *folder) {
    int32_t largest = -1;
    DIR *d = opendir(folder);
    if (d == NULL)
        return 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        largest = number_of(e->d_name) > largest ? number_of(e->d_name) : largest;
    closedir(d);
    return largest + 1;
}

bool scan_log_folder_make(const char *folder) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", folder);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return false;
        *slash = '/';
    }
    return mkdir(path, 0777) == 0 || errno == EEXIST;
}

bool scan_log_folder_write(const char *folder, const char *name, const json_t *log) {
    char path[PATH_MAX], part[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", folder, name), m = snprintf(part, sizeof part, "%s/.%s.part", folder, name);
    bool good = n > 0 && n < PATH_MAX && m > 0 && m < PATH_MAX && scan_log_folder_make(folder) && json_dump_file(log, part, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) == 0 && rename(part, path) == 0;
    if (!good)
        log_error("%s/%s: the log of the scan cannot be written: %s", folder, name, strerror(errno));
    return good;
}

void scan_log_folder_of_file(const char *log_folder, const char *file, char *out, unsigned size) {
    const char *slash = strrchr(file, '/');
    if (log_folder[0] != '\0')
        snprintf(out, size, "%s", log_folder);
    else
        snprintf(out, size, "%.*s/logs", slash != NULL ? (int)(slash - file) : 1, slash != NULL ? file : ".");
}

void scan_log_folder_of_day(const char *user_folder, const char *beamtime_id, const char *file, int64_t time_ns, char *out, unsigned size) {
    const char *slash = strrchr(file, '/'), *name = slash != NULL ? slash + 1 : file;
    char day[16];
    snprintf(day, sizeof day, "%.8s", name);
    if (strspn(day, "0123456789") != 8) {
        const time_t seconds = (time_t)(time_ns / 1000000000);
        struct tm local;
        localtime_r(&seconds, &local);
        strftime(day, sizeof day, "%Y%m%d", &local);
    }
    snprintf(out, size, "%s/beamtime_%s/%s", user_folder, beamtime_id, day);
}
