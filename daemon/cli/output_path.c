#include "daemon/cli/output_path.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/sink/picture.h"

static const char hdf5_magic[8] = { '\211', 'H', 'D', 'F', '\r', '\n', '\032', '\n' };

static enum exit_code check_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
    struct stat st;
    enum exit_code code = EXIT_FAILED;
    if (folder == NULL)
        log_error("%s: out of memory", path);
    else if (stat(folder, &st) != 0)
        log_error("%s: the folder '%s' cannot be used: %s; make it first or name another", path, folder, strerror(errno));
    else if (!S_ISDIR(st.st_mode))
        log_error("%s: '%s' is not a folder; name another", path, folder);
    else if (access(folder, W_OK | X_OK) != 0)
        log_error("%s: the folder '%s' cannot be written: %s; name another", path, folder, strerror(errno));
    else
        code = EXIT_GOOD;
    free(folder);
    return code;
}

static bool is_hdf5_or_empty(const char *path, const struct stat *st) {
    char head[sizeof hdf5_magic];
    if (st->st_size == 0)
        return true;
    FILE *f = fopen(path, "rb");
    bool good = f != NULL && fread(head, 1, sizeof head, f) == sizeof head && memcmp(head, hdf5_magic, sizeof head) == 0;
    if (f != NULL)
        fclose(f);
    return good;
}

enum exit_code output_path_check(const char *path) {
    struct stat st;
    if (stat(path, &st) == 0) {
        if (!S_ISREG(st.st_mode)) {
            log_error("%s: is %s; -o wants the name of a file to make", path, S_ISDIR(st.st_mode) ? "a folder" : "not a regular file");
            return EXIT_USAGE;
        }
        if (!is_hdf5_or_empty(path, &st)) {
            log_error("%s: exists and is no HDF5 file, so it is not written over; name another, or remove it first", path);
            return EXIT_USAGE;
        }
    }
    return check_folder(path);
}

enum exit_code output_path_check_picture(const char *path) {
    if (!picture_name_good(path)) {
        log_error("%s: a picture's name must end in .png or .svg", path);
        return EXIT_USAGE;
    }
    return check_folder(path);
}
