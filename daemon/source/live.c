/* One context with one I/O thread: one server lives on one I/O thread whatever their number. A step looks at each socket once and drains
 * it: to find one empty costs a system call; when all are empty the thread sleeps a tick. */
#include "daemon/source/live.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#include "daemon/log.h"

/* An option of libzmq's contexts that its header names for drafts alone; a library without it refuses, and all goes on as without. By default a message
 * is a piece of the buffer it was received into, which stays until the last of its pieces is closed: 18 KiB for four records. Records wait for others of
 * their pixel, so at 100,000/s that was 110 MiB of holes; with a copy of each record the whole service also takes 11 % less processor time, 6.19 us a
 * record where it was 6.93 (Zen 4). */
enum { ZERO_COPY_RECEIVE = 10 };

enum { TURN = 4096, RECEIVE_BYTES = 8 << 20, RECONNECT_MS = 50, FIRST_SUBSCRIPTIONS = 1024 };

struct live_source {
    void *context;
    unsigned n;
    void **sockets;
    unsigned at;                     /* whose turn it is */
    const struct live_array *array;
    uint32_t subscribed;             /* indices 0..subscribed-1 are */
    zmq_msg_t header, samples;
    bool holding;                    /* a decoded message that the last block had no room for */
    bool lending;
    unsigned n_lent;
    zmq_msg_t lent[LIVE_LENT_MAX];   /* whose samples are borrowed */
    struct live_counts counts;
};

static void set(void *socket, int option, int value) { zmq_setsockopt(socket, option, &value, sizeof value); }

static bool open_socket(struct live_source *s, unsigned k, const char *endpoint) {
    void *socket = zmq_socket(s->context, ZMQ_SUB);
    if (socket == NULL)
        return false;
    s->sockets[k] = socket;
    set(socket, ZMQ_RCVHWM, (int)(LIVE_WAITING_MAX / s->n + 1));
    set(socket, ZMQ_SNDHWM, 0);   /* libzmq drops subscriptions that exceed it: 24 of 1024 on one connection */
    set(socket, ZMQ_RCVBUF, RECEIVE_BYTES);
    set(socket, ZMQ_LINGER, 0);
    set(socket, ZMQ_RECONNECT_IVL, RECONNECT_MS);
    set(socket, ZMQ_HANDSHAKE_IVL, 10000);
    set(socket, ZMQ_TCP_KEEPALIVE, 1);
    set(socket, ZMQ_TCP_KEEPALIVE_IDLE, 30);
    int64_t longest = 2 * (int64_t)DASTARD_SAMPLES_MAX;   /* a frame that claims more ends its connection */
    zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &longest, sizeof longest);
    return zmq_connect(socket, endpoint) == 0;
}

bool live_source_new(const struct live_settings *settings, struct live_source **out) {
    struct live_source *s = calloc(1, sizeof *s);
    bool good = s != NULL;
    if (good) {
        s->n = settings->connections;
        s->sockets = calloc(s->n, sizeof *s->sockets);
        s->context = zmq_ctx_new();
        zmq_msg_init(&s->header);
        zmq_msg_init(&s->samples);
        good = s->sockets != NULL && s->context != NULL && zmq_ctx_set(s->context, ZMQ_MAX_SOCKETS, (int)s->n + 8) == 0;
    }
    if (good)
        zmq_ctx_set(s->context, ZERO_COPY_RECEIVE, 0);
    for (unsigned k = 0; good && k < s->n; k++)
        good = open_socket(s, k, settings->endpoint);
    good = good && live_source_subscribe(s, NULL);
    if (!good) {
        log_error("%s: cannot subscribe to records: %s", settings->endpoint, zmq_strerror(errno));
        live_source_free(s);
        return false;
    }
    *out = s;
    return true;
}

void live_source_take_back(struct live_source *s) {
    while (s->n_lent > 0)
        zmq_msg_close(&s->lent[--s->n_lent]);
}

void live_source_free(struct live_source *s) {
    if (s == NULL)
        return;
    for (unsigned k = 0; s->sockets != NULL && k < s->n; k++)
        if (s->sockets[k] != NULL)
            zmq_close(s->sockets[k]);
    if (s->context != NULL)
        zmq_ctx_term(s->context);
    live_source_take_back(s);
    zmq_msg_close(&s->header);
    zmq_msg_close(&s->samples);
    free(s->sockets);
    free(s);
}

static bool choose(struct live_source *s, uint32_t index, int option) {
    assert(s->n > 0);
    const uint8_t prefix[2] = { (uint8_t)index, (uint8_t)(index >> 8) };
    return zmq_setsockopt(s->sockets[index % s->n], option, prefix, sizeof prefix) == 0;
}

bool live_source_subscribe(struct live_source *s, const struct live_array *array) {
    uint32_t wanted = array != NULL && array->n_channels > FIRST_SUBSCRIPTIONS ? array->n_channels : FIRST_SUBSCRIPTIONS;
    bool good = true;
    for (; good && s->subscribed < wanted; s->subscribed++)
        good = choose(s, s->subscribed, ZMQ_SUBSCRIBE);
    for (; good && s->subscribed > wanted; s->subscribed--)
        good = choose(s, s->subscribed - 1, ZMQ_UNSUBSCRIBE);
    s->array = array;
    return good;
}

/* The frames behind the first two of a message that has too many. */
static void skip_rest(void *socket, zmq_msg_t *last) {
    while (zmq_msg_more(last) && zmq_msg_recv(last, socket, ZMQ_DONTWAIT) >= 0)
        continue;
}

/* False: nothing is there. Multipart messages come whole or not at all, so the second frame does not wait. */
static bool receive(void *socket, zmq_msg_t *header, zmq_msg_t *samples, bool *two) {
    if (zmq_msg_recv(header, socket, ZMQ_DONTWAIT) < 0)
        return false;
    *two = zmq_msg_more(header) && zmq_msg_recv(samples, socket, ZMQ_DONTWAIT) >= 0;
    if (*two && zmq_msg_more(samples)) {
        *two = false;
        skip_rest(socket, samples);
    }
    return true;
}

/* What s->header and s->samples hold -> *row; false: refused and counted. */
static bool decode(struct live_source *s, struct block_record *row) {
    struct dastard_message m;
    enum dastard_refusal why = dastard_message_decode(zmq_msg_data(&s->header), zmq_msg_size(&s->header), zmq_msg_data(&s->samples), zmq_msg_size(&s->samples), &m);
    if (why != DASTARD_GOOD) {
        s->counts.refused[why]++;
        return false;
    }
    if (s->array == NULL || m.channel_index >= s->array->n_channels) {
        s->counts.unknown_channel++;
        return false;
    }
    *row = (struct block_record){ .time_ns = m.record.trigger_time_ns, .frame = m.record.trigger_frame, .n_samples = m.record.n_samples,
                                  .n_presamples = m.record.n_presamples, .sample_period_s = m.record.sample_period_s, .channel_index = m.channel_index,
                                  .pixel = s->array->channels[m.channel_index].pixel, .flags = m.is_signed ? BLOCK_SIGNED : 0 };
    return true;
}

static bool put(struct live_source *s, const struct block_record *row, struct record_block *into) {
    if (!s->lending)
        return record_block_add(into, row, zmq_msg_data(&s->samples));
    if (into->n == into->capacity || s->n_lent == LIVE_LENT_MAX)
        return false;
    zmq_msg_t *m = &s->lent[s->n_lent++];
    zmq_msg_init(m);
    zmq_msg_move(m, &s->samples);
    return record_block_lend(into, row, zmq_msg_data(m));
}

/* False: the block had no room, the message is kept for the next. A record that would not fit an empty block either is refused. */
static bool store(struct live_source *s, struct record_block *into) {
    struct block_record row;
    s->holding = false;
    if (!decode(s, &row))
        return true;
    if (put(s, &row, into)) {
        s->counts.records++;
        s->counts.bytes += 2 * (uint64_t)row.n_samples;
        return true;
    }
    s->holding = into->n > 0;
    s->counts.refused[DASTARD_LENGTHS] += !s->holding;
    return !s->holding;
}

/* Until the socket is empty, or a turn is over: rubbish fills no block. False: the block is full. */
static bool drain(struct live_source *s, void *socket, struct record_block *into) {
    bool two;
    for (int i = 0; i < TURN && receive(socket, &s->header, &s->samples, &two); i++)
        if (!two)
            s->counts.frames++;
        else if (!store(s, into))
            return false;
    return true;
}

static enum live_step step(struct live_source *s, struct record_block *into) {
    size_t before = into->n;
    if (s->holding && !store(s, into))
        return LIVE_FULL;
    for (unsigned k = 0; k < s->n; k++) {
        void *socket = s->sockets[s->at];
        s->at = s->at + 1 == s->n ? 0 : s->at + 1;
        if (!drain(s, socket, into))
            return LIVE_FULL;
    }
    return into->n > before ? LIVE_RECORDS : LIVE_IDLE;
}

enum live_step live_source_step(struct live_source *s, struct record_block *into) {
    s->lending = false;
    return step(s, into);
}

enum live_step live_source_lend(struct live_source *s, struct record_block *into) {
    s->lending = true;
    return step(s, into);
}

/* A tick, not zmq_poll: waking for every few records and looking at all sockets each time costs more than receiving them. */
void live_source_wait(struct live_source *s, int timeout_ms) {
    if (!s->holding)
        nanosleep(&(struct timespec){ .tv_nsec = timeout_ms * 1000000L }, NULL);
}

const struct live_counts *live_source_counts(const struct live_source *s) { return &s->counts; }
