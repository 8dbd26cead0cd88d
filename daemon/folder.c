#include "daemon/folder.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool make_one(const char *path) {
    struct stat facts;
    if (mkdir(path, 0777) == 0)
        return true;
    const int error = errno;   /* EROFS and others come before EEXIST on some file systems */
    const bool there = stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
    errno = error;
    return there;
}

bool folder_make(const char *path) {
    char part[PATH_MAX];
    const size_t n = strlen(path);
    if (n == 0 || n >= sizeof part) {
        errno = ENAMETOOLONG;
        return false;
    }
    for (size_t i = 1; i <= n; i++)
        if (path[i] == '/' || path[i] == '\0') {
            snprintf(part, sizeof part, "%.*s", (int)i, path);
            if (!make_one(part))
                return false;
        }
    return true;
}
