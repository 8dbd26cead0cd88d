#include "daemon/curve_gate.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#include "daemon/clock.h"
#include "daemon/key_file.h"
#include "daemon/log.h"

enum { MOST_KEYS = 1024, LOOK_MS = 1000, SAY_MS = 5000, MONITORS = 4, ZAP_FRAMES = 7, ZAP_BYTES = 256 };

static const char *const right_folders[N_CURVE_RIGHTS] = { [CURVE_READ] = "readers", [CURVE_CONTROL] = "controllers" };

struct allowed { uint8_t key[32]; enum curve_right right; int64_t expires_s; char name[KEY_NAME]; };

struct curve_gate {
    void *zmq, *handler;
    void *monitors[MONITORS];
    unsigned n_monitors;
    char folder[PATH_MAX - 300];
    char secret[KEY_TEXT];
    struct allowed *allowed;
    size_t n_allowed;
    int64_t looked_ms, said_ms;
    struct curve_gate_counts counts, said;
};

bool curve_gate_is_local(const char *endpoint) {
    static const char *const local[] = { "tcp://127.", "tcp://localhost:", "tcp://[::1]:", "ipc://", "inproc://" };
    for (size_t k = 0; k < sizeof local / sizeof *local; k++)
        if (strncmp(endpoint, local[k], strlen(local[k])) == 0)
            return true;
    return false;
}

static bool read_secret(const char *path, struct key_file *key, char why[KEY_WHY]) {
    if (!key_file_read(path, key, why))
        return false;
    snprintf(why, KEY_WHY, "has no secret-key: it is the part for others");
    return key->secret_key[0] != '\0';
}

bool curve_gate_new(void *zmq, const char *folder, struct curve_gate **out) {
    struct curve_gate *g = calloc(1, sizeof *g);
    char path[PATH_MAX], why[KEY_WHY] = "out of memory";
    struct key_file key;
    if (g == NULL || snprintf(g->folder, sizeof g->folder, "%s", folder) >= (int)sizeof g->folder) {
        log_error("%s: %s", folder, g == NULL ? "out of memory" : "the name is too long");
        free(g);
        return false;
    }
    snprintf(path, sizeof path, "%s/server.secret", folder);
    if (!read_secret(path, &key, why)) {
        log_error("%s: %s; 'tesd keygen -o %s server' makes it", path, why, folder);
        free(g);
        return false;
    }
    g->zmq = zmq;
    memcpy(g->secret, key.secret_key, sizeof g->secret);
    g->looked_ms = INT64_MIN / 2;
    g->said_ms = INT64_MIN / 2;
    g->handler = zmq_socket(zmq, ZMQ_REP);
    if (g->handler == NULL || zmq_setsockopt(g->handler, ZMQ_LINGER, &(int){ 0 }, sizeof(int)) != 0 || zmq_bind(g->handler, "inproc://zeromq.zap.01") != 0) {
        log_error("%s: keys cannot be asked for: %s", folder, zmq_strerror(errno));
        curve_gate_free(g);
        return false;
    }
    *out = g;
    return true;
}

void curve_gate_free(struct curve_gate *g) {
    if (g == NULL)
        return;
    for (unsigned k = 0; k < g->n_monitors; k++)
        zmq_close(g->monitors[k]);
    if (g->handler != NULL)
        zmq_close(g->handler);
    explicit_bzero(g->secret, sizeof g->secret);
    free(g->allowed);
    free(g);
}

/* A client without a key never gets as far as the handler: the socket's own events tell of it. */
static bool watch(struct curve_gate *g, void *socket) {
    char endpoint[64];
    static const int events = ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL;
    if (g->n_monitors == MONITORS) {
        errno = EMFILE;
        return false;
    }
    snprintf(endpoint, sizeof endpoint, "inproc://tesd-gate-%u", g->n_monitors);
    void *monitor = zmq_socket_monitor(socket, endpoint, events) == 0 ? zmq_socket(g->zmq, ZMQ_PAIR) : NULL;
    if (monitor == NULL || zmq_setsockopt(monitor, ZMQ_LINGER, &(int){ 0 }, sizeof(int)) != 0 || zmq_connect(monitor, endpoint) != 0)
        return false;
    g->monitors[g->n_monitors++] = monitor;
    return true;
}

bool curve_gate_guard(struct curve_gate *g, void *socket, enum curve_right right) {
    const char *domain = right_folders[right];
    return zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &(int){ 1 }, sizeof(int)) == 0 && zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, g->secret, sizeof g->secret) == 0 &&
           zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, domain, strlen(domain)) == 0 && watch(g, socket);
}

/* ---- the folders ---- */

static void add_key(struct curve_gate *g, const char *path, enum curve_right right) {
    struct key_file k;
    char why[KEY_WHY];
    if (!key_file_read(path, &k, why)) {
        log_warning("%s: is left out: %s", path, why);
        return;
    }
    struct allowed *more = g->n_allowed < MOST_KEYS ? realloc(g->allowed, (g->n_allowed + 1) * sizeof *more) : NULL;
    if (more == NULL)
        return;
    g->allowed = more;
    struct allowed *a = &more[g->n_allowed++];
    *a = (struct allowed){ .right = right, .expires_s = k.expires_s };
    memcpy(a->name, k.name, sizeof a->name);
    zmq_z85_decode(a->key, k.public_key);
}

static void read_folder(struct curve_gate *g, enum curve_right right) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", g->folder, right_folders[right]);
    DIR *d = opendir(path);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        const char *end = strrchr(e->d_name, '.');
        if (end == NULL || strcmp(end, ".key") != 0 || e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s/%s", g->folder, right_folders[right], e->d_name);
        add_key(g, path, right);
    }
    if (d != NULL)
        closedir(d);
}

/* No folder, no keys: nobody may come in. */
static void look(struct curve_gate *g) {
    if (clock_ms() - g->looked_ms < LOOK_MS)
        return;
    g->looked_ms = clock_ms();
    g->n_allowed = 0;
    for (int right = 0; right < N_CURVE_RIGHTS; right++)
        read_folder(g, (enum curve_right)right);
}

/* ---- those who knock ---- */

static bool may(struct curve_gate *g, const uint8_t key[32], const char *domain, const char **name) {
    bool control = strcmp(domain, right_folders[CURVE_CONTROL]) == 0, expired = false;
    look(g);
    for (size_t k = 0; k < g->n_allowed; k++) {
        const struct allowed *a = &g->allowed[k];
        if (memcmp(a->key, key, 32) != 0 || (control && a->right != CURVE_CONTROL))
            continue;
        *name = a->name;
        if (time(NULL) < a->expires_s) {
            g->counts.accepted++;
            return true;
        }
        expired = true;
    }
    g->counts.expired += expired;
    g->counts.unknown += !expired;
    return false;
}

struct knock { char frames[ZAP_FRAMES][ZAP_BYTES]; size_t sizes[ZAP_FRAMES], n; };

static bool receive(void *socket, struct knock *k) {
    k->n = 0;
    for (int more = 1; more != 0; k->n++) {
        zmq_msg_t m;
        zmq_msg_init(&m);
        if (zmq_msg_recv(&m, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&m);
            return false;
        }
        more = zmq_msg_more(&m);
        if (k->n < ZAP_FRAMES) {
            size_t n = zmq_msg_size(&m) < ZAP_BYTES - 1 ? zmq_msg_size(&m) : ZAP_BYTES - 1;
            memcpy(k->frames[k->n], zmq_msg_data(&m), n);
            k->frames[k->n][n] = '\0';
            k->sizes[k->n] = n;
        }
        zmq_msg_close(&m);
    }
    return true;
}

static void answer(struct curve_gate *g, const struct knock *k) {
    const char *name = "";
    bool good = k->n == ZAP_FRAMES && strcmp(k->frames[5], "CURVE") == 0 && k->sizes[6] == 32 && may(g, (const uint8_t *)k->frames[6], k->frames[2], &name);
    const char *const reply[] = { "1.0", k->frames[1], good ? "200" : "400", good ? "OK" : "this key may not", good ? name : "", "" };
    for (unsigned i = 0; i < 6; i++)
        zmq_send(g->handler, reply[i], i == 1 ? k->sizes[1] : strlen(reply[i]), ZMQ_DONTWAIT | (i < 5 ? ZMQ_SNDMORE : 0));
    if (!good && clock_ms() - g->said_ms >= SAY_MS && k->n > 3)
        log_warning("%s: a client at %s is refused: %s%s %s", g->folder, k->frames[3], name[0] != '\0' ? "the key of " : "its key is not among the", name, name[0] != '\0' ? "has expired" : k->frames[2]);
}

static void count_keyless(struct curve_gate *g) {
    for (unsigned i = 0; i < g->n_monitors; i++)
        for (struct knock k; receive(g->monitors[i], &k);) {
            g->counts.keyless++;
            if (clock_ms() - g->said_ms >= SAY_MS && k.n > 1)
                log_warning("%s: a client of %s is refused: it has no key, or not the server's", g->folder, k.frames[1]);
        }
}

void curve_gate_step(struct curve_gate *g) {
    if (g == NULL)
        return;
    struct curve_gate_counts before = g->counts;
    for (struct knock k; receive(g->handler, &k);)
        answer(g, &k);
    count_keyless(g);
    if (before.unknown + before.expired + before.keyless != g->counts.unknown + g->counts.expired + g->counts.keyless && clock_ms() - g->said_ms >= SAY_MS)
        g->said_ms = clock_ms();
}

struct curve_gate_counts curve_gate_counts(const struct curve_gate *g) { return g != NULL ? g->counts : (struct curve_gate_counts){ 0 }; }

/* ---- the other side ---- */

bool curve_client(void *socket, const char *server_key_path, const char *own_secret_path) {
    struct key_file server, own;
    char why[KEY_WHY];
    if (server_key_path[0] == '\0')
        return true;
    if (!key_file_read(server_key_path, &server, why)) {
        log_error("%s: %s", server_key_path, why);
        return false;
    }
    if (!read_secret(own_secret_path, &own, why)) {
        log_error("%s: %s", own_secret_path, why);
        return false;
    }
    return zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server.public_key, sizeof server.public_key) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, own.public_key, sizeof own.public_key) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, own.secret_key, sizeof own.secret_key) == 0;
}
