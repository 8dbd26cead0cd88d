#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zmq.h>

#include "daemon/cli/cli.h"
#include "daemon/exit_code.h"
#include "daemon/key_file.h"
#include "daemon/log.h"

struct arguments { const char *folder, *expires; char **names; int n_names; };

static error_t parse_argument(int key, char *value, struct argp_state *state) {
    struct arguments *a = state->input;
    switch (key) {
    case 'o': a->folder = value; return 0;
    case 'e': a->expires = value; return 0;
    case ARGP_KEY_ARGS:
        a->names = state->argv + state->next;
        a->n_names = state->argc - state->next;
        return 0;
    case ARGP_KEY_END:
        if (a->n_names == 0)
            argp_error(state, "NAME is needed: server for the daemon's own key, or who will use it");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static bool make_folder(const char *folder, const char *below, mode_t mode) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s%s%s", folder, below[0] != '\0' ? "/" : "", below);
    if (mkdir(path, mode) == 0 || errno == EEXIST)
        return true;
    log_error("%s: %s", path, strerror(errno));
    return false;
}

/* The daemon's own key has the folders of those it lets in beside it. */
static int make_key(const char *folder, const char *name, int64_t expires_s) {
    struct key_file key = { .expires_s = expires_s };
    char why[KEY_WHY];
    bool server = strcmp(name, "server") == 0;
    if (strlen(name) >= sizeof key.name || zmq_curve_keypair(key.public_key, key.secret_key) != 0) {
        log_error("%.80s: %s", name, strlen(name) >= sizeof key.name ? "the name is too long" : "this ZeroMQ is built without CURVE");
        return EXIT_USAGE;
    }
    snprintf(key.name, sizeof key.name, "%s", name);
    if (!make_folder(folder, "", 0755) || (server && (!make_folder(folder, "readers", 0755) || !make_folder(folder, "controllers", 0755))))
        return EXIT_FAILED;
    if (!key_file_write(folder, &key, why)) {
        log_error("%s", why);
        return EXIT_FAILED;
    }
    printf("%s/%s.secret  keep it to yourself%s\n%s/%s.key     for %s\n", folder, name, server ? "; keys.folder names its folder" : "", folder, name,
           server ? "everybody who wants to connect" : "the server: into readers/ or controllers/ of its keys.folder");
    explicit_bzero(&key, sizeof key);
    return EXIT_GOOD;
}

int cmd_keygen(int argc, char **argv) {
    static const struct argp_option rows[] = {
        { .name = "output", .key = 'o', .arg = "FOLDER", .doc = "where the files go; made when it is not there (default: here)" },
        { .name = "expires", .key = 'e', .arg = "YYYY-MM-DD", .doc = "last day on which the server accepts it (default: for ever)" },
        { 0 }
    };
    static const struct argp argp = { .options = rows, .parser = parse_argument, .args_doc = "NAME...",
                                      .doc = "Makes CURVE keys for the stream and the control port: NAME.secret and NAME.key. The name 'server' is the daemon's own; its folder becomes "
                                             "keys.folder, and whose .key lies in readers/ or controllers/ there may connect." };
    struct arguments a = { .folder = "." };
    int64_t expires_s = INT64_MAX;
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    if (a.expires != NULL && !key_file_date(a.expires, &expires_s)) {
        log_error("--expires %s: a day is YYYY-MM-DD", a.expires);
        return EXIT_USAGE;
    }
    int code = EXIT_GOOD;
    for (int k = 0; k < a.n_names && code == EXIT_GOOD; k++)
        code = make_key(a.folder, a.names[k], expires_s);
    return code;
}
