#include "daemon/config_path.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log.h"

enum { MAX_FOLDERS = 4, MAX_NAMES = 1024 };

struct folders {
    size_t n;
    char path[MAX_FOLDERS][CONFIG_PATH];
};

static bool ends_in_csv(const char *name) {
    size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".csv") == 0;
}

static void add_folder(struct folders *f, const char *parent, const char *below) {
    int n = snprintf(f->path[f->n], CONFIG_PATH, "%s/%s", parent, below);
    f->n += n > 0 && n < CONFIG_PATH;
}

/* The program is in build/, or in a folder below it for another compiler or a sanitizer; config/ is beside build/. */
static void add_source_tree(struct folders *f) {
    char program[CONFIG_PATH];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0)
        return;
    program[n] = '\0';
    char *build = NULL;
    for (char *at = program; (at = strstr(at, "/build/")) != NULL; at++)
        build = at;
    if (build == NULL)
        return;
    *build = '\0';
    add_folder(f, program, "config/lines");
}

static void find_folders(struct folders *f) {
    f->n = 0;
    const char *chosen = getenv("TESD_CONFIG");
    if (chosen != NULL && chosen[0] != '\0')
        add_folder(f, chosen, "lines");
    add_source_tree(f);
    add_folder(f, TESD_PREFIX, "share/tesd/lines");
}

static void append_names(const char *folder, char *names) {
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        size_t used = strlen(names), n = strlen(entry->d_name);
        if (!ends_in_csv(entry->d_name) || used + n + 3 > MAX_NAMES)
            continue;
        snprintf(names + used, MAX_NAMES - used, "%s%.*s", used ? ", " : "", (int)(n - 4), entry->d_name);
    }
    closedir(dir);
}

static void log_not_found(const char *name, const struct folders *f) {
    char looked[2048] = "", names[MAX_NAMES] = "";
    for (size_t i = 0; i < f->n; i++) {
        size_t used = strlen(looked);
        snprintf(looked + used, sizeof looked - used, "%s%s", used ? ", " : "", f->path[i]);
        append_names(f->path[i], names);
    }
    log_error("line table '%s': no %s.csv in %s; there are: %s. Name one of them or give the path of a table", name, name, looked, names[0] ? names : "none");
}

bool config_path_lines(const char *name, char path[CONFIG_PATH]) {
    if (strchr(name, '/') != NULL || ends_in_csv(name)) {
        if (strlen(name) >= CONFIG_PATH || access(name, R_OK) != 0) {
            log_error("line table %s: %s; give the path of a readable file, or a plain name of a table in config/lines", name, strerror(errno));
            return false;
        }
        strcpy(path, name);
        return true;
    }
    struct folders f;
    find_folders(&f);
    for (size_t i = 0; i < f.n; i++) {
        char candidate[CONFIG_PATH];
        int n = snprintf(candidate, sizeof candidate, "%s/%s.csv", f.path[i], name);
        if (n < CONFIG_PATH && access(candidate, R_OK) == 0) {
            memcpy(path, candidate, (size_t)n + 1);
            return true;
        }
    }
    log_not_found(name, &f);
    return false;
}
