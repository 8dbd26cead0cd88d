/* The real DASTARD 0.3.10 recorded its own messages and its files of the same run (dastard_simpulse*): 1,968 records came both ways. They
 * give the same rows over a port (a socket that sends the recorded messages), from the LJH files, and by following a copy of them that
 * grows; what the port is made to lose is counted and filled in; and the two channels that are no photons' are recognised. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include <dirent.h>
#include <zmq.h>

#include "daemon/live_status.h"
#include "daemon/rfc3339.h"
#include "daemon/source/channel_reader.h"
#include "daemon/source/follow_block.h"
#include "daemon/source/live.h"
#include "daemon/stage/learn.h"
#include "daemon/stage/live_analyse.h"
#include "daemon/stage/reconcile.h"
#include "daemon/upstream_loss.h"
#include "tests/dice.h"
#include "tests/shared_data.h"

enum { CHANNELS = 8, MESSAGES = 20000, SHARED_RECORDS = 1968, SAMPLES = 256 };
static const uint32_t recorded[CHANNELS] = { 0, 1, 2, 17, 30, 60, 100, 239 };
static const char run_folder[] = "dastard_simpulse/20261122/0000";

struct world {
    struct shared_file port;
    struct live_status status;
    struct live_array *array;
    struct run_input files;
    struct array_model *model;              /* for the array's pixels; learnt from the files */
    struct record_block *by_port, *by_file; /* by_file: read at once */
    json_t *messages;                       /* of the status port, in order: {topic, body} */
};

/* ---- what was recorded ---- */

static bool load_status(struct world *w) {
    struct shared_file f = shared_read("dastard_simpulse.status.jsonl");
    if (f.bytes == NULL)
        return false;
    w->messages = json_array();
    char *rest = NULL, *text = strndup((const char *)f.bytes, f.n);
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        json_t *m = json_loads(line, 0, NULL);
        if (m == NULL)
            continue;   /* what is not JSON is of no concern here */
        live_status_take(&w->status, json_string_value(json_object_get(m, "topic")), json_object_get(m, "body"));
        json_array_append_new(w->messages, m);
    }
    free(text);
    free(f.bytes);
    return true;
}

struct frames { const uint8_t *header, *samples; uint32_t header_bytes, sample_bytes; };

static size_t next_frames(const struct shared_file *f, size_t at, struct frames *out) {
    memcpy(&out->header_bytes, f->bytes + at, 4);
    out->header = f->bytes + at + 4;
    memcpy(&out->sample_bytes, out->header + out->header_bytes, 4);
    out->samples = out->header + out->header_bytes + 4;
    return at + 8 + out->header_bytes + out->sample_bytes;
}

/* ---- ways ---- */

static void send_all(void *pub, const struct shared_file *f, struct live_source *s, struct record_block *into) {
    struct frames m;
    size_t sent = 0;
    for (size_t at = 0; at < f->n; sent++) {
        at = next_frames(f, at, &m);
        zmq_send(pub, m.header, m.header_bytes, ZMQ_SNDMORE);
        zmq_send(pub, m.samples, m.sample_bytes, 0);
        if (sent % 50 == 49)
            live_source_step(s, into);
    }
    for (time_t end = time(NULL) + 10; into->n < sent && time(NULL) < end;) {   /* a step that finds nothing says only that nothing is there yet */
        live_source_wait(s, 20);
        live_source_step(s, into);
    }
    assert_int_equal(sent, MESSAGES);
}

static void listen_to_port(struct world *w) {
    void *context = zmq_ctx_new(), *pub = zmq_socket(context, ZMQ_XPUB);
    char endpoint[64];
    uint8_t subscription[8];
    size_t size = sizeof endpoint;
    int none = 0, patience = 5000;
    struct live_source *s;
    zmq_setsockopt(pub, ZMQ_SNDHWM, &none, sizeof none);
    zmq_setsockopt(pub, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt(pub, ZMQ_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(zmq_bind(pub, "tcp://127.0.0.1:*"), 0);
    zmq_getsockopt(pub, ZMQ_LAST_ENDPOINT, endpoint, &size);
    assert_true(live_source_new(&(struct live_settings){ .endpoint = endpoint, .connections = 4 }, &s));
    assert_true(live_source_subscribe(s, w->array));
    for (uint32_t there = 0; there < w->array->n_channels;) {   /* four connections come in any order, and ask for more indices than there are channels */
        assert_true(zmq_recv(pub, subscription, sizeof subscription, 0) == 3);
        there += (unsigned)(subscription[1] | subscription[2] << 8) < w->array->n_channels;
    }
    send_all(pub, &w->port, s, w->by_port);
    live_source_free(s);
    zmq_close(pub);
    zmq_ctx_term(context);
}

static void read_files(struct world *w) {
    struct channel_record r;
    for (size_t c = 0; c < w->files.n_channels; c++) {
        struct channel_reader *reader;
        uint32_t index = live_array_find(w->array, w->files.channels[c].channel);
        assert_true(channel_reader_open(&w->files.channels[c], w->array->channels[index].pixel, &reader));
        while (channel_reader_next(reader, &r)) {
            const struct block_record row = { .time_ns = r.time_ns, .frame = r.frame, .n_samples = r.samples.n_samples, .n_presamples = r.samples.n_presamples,
                                              .sample_period_s = r.samples.sample_period_s, .channel_index = (uint16_t)index, .pixel = w->array->channels[index].pixel,
                                              .flags = BLOCK_FROM_FILE };
            assert_true(record_block_add(w->by_file, &row, r.samples.samples));
        }
        channel_reader_close(reader);
    }
}

/* A copy of each LJH file (and of the OFF files, which are not wanted) grows by pieces of any length. */
struct copy { FILE *from, *to; bool done; };

static size_t open_copies(const char *folder, struct copy *copies, size_t max) {
    char path[512], to[600];
    shared_path(path, sizeof path, run_folder);
    DIR *d = opendir(path);
    size_t n = 0;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL && n < max;) {
        if (strstr(e->d_name, "_chan") == NULL)
            continue;
        shared_path(path, sizeof path, run_folder);
        strncat(path, "/", sizeof path - strlen(path) - 1);
        strncat(path, e->d_name, sizeof path - strlen(path) - 1);
        snprintf(to, sizeof to, "%s/%s", folder, e->d_name);
        copies[n].from = fopen(path, "rb");
        copies[n].to = fopen(to, "wb");
        assert_true(copies[n].from != NULL && copies[n].to != NULL);
        copies[n++].done = false;
    }
    closedir(d);
    return n;
}

static void grow(struct copy *c, size_t n) {
    char piece[40000];
    size_t got = fread(piece, 1, n < sizeof piece ? n : sizeof piece, c->from);
    c->done = got == 0;
    fwrite(piece, 1, got, c->to);
    fflush(c->to);
}

static void follow_copies(struct world *w, const char *folder, enum folder_notice notice, enum read_means means, struct record_block *into) {
    struct copy copies[64];
    struct follow_block shape = { 0 };
    struct follow *f;
    struct dice d = dice_new();
    int64_t now_ns = 0;
    size_t n = open_copies(folder, copies, 64), left = n;
    assert_true(follow_new(&(struct follow_settings){ .notice = notice, .means = means, .poll_s = 0.02, .rest_s = 1 }, &f));
    assert_true(follow_folder(f, folder));
    while (left > 0) {
        size_t k = (size_t)dice_below(&d, (int64_t)n);
        if (copies[k].done)
            continue;
        grow(&copies[k], (size_t)dice_below(&d, 40000));
        left -= copies[k].done;
        now_ns += 50000000;
        follow_block_step(&shape, f, now_ns, w->array, into);
    }
    follow_end(f);
    while (follow_block_step(&shape, f, now_ns += 10000000, w->array, into) != FOLLOW_ENDED)
        follow_wait(f, 2);
    assert_int_equal(shape.unknown_channel, 0);
    follow_free(f);
    for (size_t i = 0; i < n; i++) {
        fclose(copies[i].from);
        fclose(copies[i].to);
    }
}

/* ---- one model for all ---- */

static void learn_channel(struct world *w, size_t c, const struct noise_plan *plan, const struct scan_timeline *timeline) {
    const struct channel_input *input = &w->files.channels[c];
    uint32_t index = live_array_find(w->array, input->channel);
    uint16_t pixel = w->array->channels[index].pixel;
    struct learnt_channel learnt = { 0 };
    struct channel_record r;
    struct channel_reader *reader;
    struct learner *l;
    assert_true(channel_reader_open(input, pixel, &reader) && channel_reader_sort(reader));
    assert_true(learner_new(&channel_reader_info(reader)->shape, plan, timeline, &l));
    while (channel_reader_next(reader, &r))
        learner_train(l, &r);
    learner_make_model(l);
    assert_true(learner_finish(l, &learnt));
    w->model->channels[pixel].model = learnt.model;
    learnt.model = NULL;
    learnt_channel_done(&learnt);
    channel_reader_close(reader);
}

static void learn(struct world *w) {
    struct noise_plan *plan;
    struct scan_timeline *timeline;
    struct complaint why;
    assert_int_equal(noise_plan_new(SAMPLES, &plan), STATUS_OK);
    assert_int_equal(scan_timeline_new(&timeline), STATUS_OK);
    assert_int_equal(scan_timeline_finish(timeline, &why), STATUS_OK);
    assert_true(array_model_new(w->array->n_pixels, 0, &w->model));
    for (size_t c = 0; c < w->files.n_channels; c++)
        learn_channel(w, c, plan, timeline);
    scan_timeline_free(timeline);
    noise_plan_free(plan);
}

/* ---- rows, joined by channel and frame ---- */

static struct row_block *analyse(const struct world *w, const struct record_block *records) {
    struct live_analyse *a;
    struct row_block *rows;
    assert_true(live_analyse_new(w->array->n_pixels, &a));
    assert_true(row_block_new(records->n + 1, &rows));
    live_analyse_model(a, w->model, 1);
    assert_int_equal(live_analyse_block(a, records, 0, rows), records->n);
    live_analyse_free(a);
    return rows;
}

static const struct row_block *sorted_rows;   /* for qsort, which takes no context */

static int by_pixel_and_frame(const void *va, const void *vb) {
    const struct photon_block *p = sorted_rows->photons;
    size_t a = *(const size_t *)va, b = *(const size_t *)vb;
    if (p->pixel[a] != p->pixel[b])
        return p->pixel[a] < p->pixel[b] ? -1 : 1;
    return (p->frame[a] > p->frame[b]) - (p->frame[a] < p->frame[b]);
}

static size_t *order_of(const struct row_block *rows) {
    size_t *order = calloc(rows->n + 1, sizeof *order);
    assert_non_null(order);
    for (size_t i = 0; i < rows->n; i++)
        order[i] = i;
    sorted_rows = rows;
    qsort(order, rows->n, sizeof *order, by_pixel_and_frame);
    return order;
}

static bool same_float(float a, float b) {
    uint32_t bits[2];
    memcpy(&bits[0], &a, sizeof a);
    memcpy(&bits[1], &b, sizeof b);
    return bits[0] == bits[1];
}

/* Frame, time, summaries and height of the two rows, bit for bit. */
static bool same_row(const struct row_block *a, size_t i, const struct row_block *b, size_t k) {
    const struct photon_block *p = a->photons, *q = b->photons;
    const struct measured_pulse *m = &a->pulses[i], *n = &b->pulses[k];
    return p->time_ns[i] == q->time_ns[k] && p->cuts[i] == q->cuts[k] && same_float(p->height[i], q->height[k]) && same_float(p->arrival[i], q->arrival[k]) &&
           same_float(p->pretrigger_mean[i], q->pretrigger_mean[k]) && same_float(m->residual, n->residual);
}

/* Every row of `part` is in `all` and the same there; returns how many. */
static size_t check_shared(const struct row_block *part, const struct row_block *all) {
    size_t *p = order_of(part), *q = order_of(all), k = 0, shared = 0, heights = 0;
    for (size_t i = 0; i < part->n; i++) {
        const struct photon_block *a = part->photons, *b = all->photons;
        while (k < all->n && (b->pixel[q[k]] < a->pixel[p[i]] || (b->pixel[q[k]] == a->pixel[p[i]] && b->frame[q[k]] < a->frame[p[i]])))
            k++;
        assert_true(k < all->n && b->pixel[q[k]] == a->pixel[p[i]] && b->frame[q[k]] == a->frame[p[i]]);
        shared += same_row(part, p[i], all, q[k]);
        heights += a->height[p[i]] == a->height[p[i]];
    }
    assert_true(heights > SHARED_RECORDS / 2);   /* equal NaNs prove nothing */
    free(p);
    free(q);
    return shared;
}

static void test_same_rows(void **state) {
    struct world *w = *state;
    if (w == NULL) {
        skip();
        return;
    }
    struct row_block *port = analyse(w, w->by_port), *file = analyse(w, w->by_file);
    assert_int_equal(w->by_port->n, MESSAGES);
    assert_int_equal(w->by_file->n, SHARED_RECORDS);
    assert_int_equal(check_shared(file, port), SHARED_RECORDS);
    for (int k = 0; k < 2; k++) {
        char folder[] = "/tmp/tesd_three_XXXXXX", command[64];
        struct record_block *followed;
        assert_non_null(mkdtemp(folder));
        assert_true(record_block_new(SHARED_RECORDS + 1, (SHARED_RECORDS + 1) * SAMPLES, &followed));
        follow_copies(w, folder, k == 0 ? NOTICE_BEST : NOTICE_POLL, k == 0 ? READ_BEST : READ_PLAIN, followed);
        struct row_block *rows = analyse(w, followed);
        assert_int_equal(followed->n, SHARED_RECORDS);
        assert_int_equal(check_shared(rows, file), SHARED_RECORDS);
        row_block_free(rows);
        record_block_free(followed);
        snprintf(command, sizeof command, "rm -rf %s", folder);
        assert_int_equal(system(command), 0);
    }
    row_block_free(port);
    row_block_free(file);
}

/* The port is made to lose a third; files come behind it. */
static void test_filled_from_files(void **state) {
    struct world *w = *state;
    if (w == NULL) {
        skip();
        return;
    }
    struct reconcile *r;
    struct dice d = dice_new();
    uint64_t admitted = 0, lost_in_files = 0, by_port = 0;
    assert_true(reconcile_new(w->array->n_channels, RECONCILE_MEMORY, &r));
    bool *dropped = calloc(w->by_port->n, sizeof *dropped);
    for (size_t i = 0; i < w->by_port->n; i++) {
        dropped[i] = dice_below(&d, 3) == 0;
        by_port += !dropped[i];
        if (!dropped[i])
            admitted += reconcile_admit(r, &w->by_port->rows[i]) == RECONCILE_NEW;
    }
    assert_int_equal(admitted, by_port);
    for (size_t i = 0; i < w->by_file->n; i++)
        lost_in_files += reconcile_admit(r, &w->by_file->rows[i]) == RECONCILE_NEW;
    uint64_t both = 0;
    for (uint32_t c = 0; c < w->array->n_channels; c++)
        both += reconcile_count(r, c).both;
    assert_int_equal(both + lost_in_files, SHARED_RECORDS);
    assert_in_range(lost_in_files, SHARED_RECORDS / 4, SHARED_RECORDS / 2);
    free(dropped);
    reconcile_free(r);
}

static int64_t time_of_window(const json_t *body) {
    int64_t hi_ns = 0;
    rfc3339_parse(json_string_value(json_object_get(body, "HiTime")), &hi_ns);
    return hi_ns;
}

static int by_time(const void *a, const void *b) {
    const struct block_record *p = a, *q = b;
    return (p->time_ns > q->time_ns) - (p->time_ns < q->time_ns);
}

/* Connections take turns, so records of different channels come in another order than they were sent. */
static struct block_record *rows_by_time(const struct record_block *b) {
    struct block_record *rows = malloc(b->n * sizeof *rows);
    assert_non_null(rows);
    memcpy(rows, b->rows, b->n * sizeof *rows);
    qsort(rows, b->n, sizeof *rows, by_time);
    return rows;
}

/* Records and TRIGGERRATE messages in the order of time; one record in `every` is lost. dropped: up to the last window that is compared. */
static struct upstream_loss *account(struct world *w, uint32_t every, uint64_t *dropped) {
    struct upstream_loss *l;
    struct block_record *rows = rows_by_time(w->by_port);
    struct block_record *gone = malloc(w->by_port->n * sizeof *gone);
    int64_t newest_ns = 0, settled_ns = 0;
    size_t at = 0, n_gone = 0;
    uint32_t seen[CHANNELS] = { 0 };
    assert_true(upstream_loss_new(w->array->n_channels, &l));
    assert_true(upstream_loss_couple(l, 0, 30));
    upstream_loss_running(l, false);
    for (size_t i = 0; i < json_array_size(w->messages); i++) {
        const json_t *m = json_array_get(w->messages, i), *body = json_object_get(m, "body");
        if (strcmp(json_string_value(json_object_get(m, "topic")), "TRIGGERRATE") != 0)
            continue;
        int64_t hi_ns = time_of_window(body);
        if (hi_ns > rows[w->by_port->n - 1].time_ns)
            break;   /* the recording of records ended first */
        for (; at < w->by_port->n && rows[at].time_ns < hi_ns + 150000000; at++) {
            const struct block_record *r = &rows[at];
            size_t c = 0;
            while (recorded[c] != r->channel_index)
                c++;
            if (every > 0 && ++seen[c] % every == 0)
                gone[n_gone++] = *r;
            else
                upstream_loss_record(l, r->channel_index, r->time_ns, true);
        }
        assert_true(upstream_loss_message(l, body));
        settled_ns = newest_ns;
        newest_ns = hi_ns;
    }
    for (size_t i = 0; i < n_gone; i++)
        for (size_t c = 0; c < CHANNELS; c++)
            dropped[c] += gone[i].channel_index == recorded[c] && gone[i].time_ns <= settled_ns;
    free(gone);
    free(rows);
    return l;
}

static void test_loss(void **state) {
    struct world *w = *state;
    if (w == NULL) {
        skip();
        return;
    }
    uint64_t dropped[CHANNELS] = { 0 };
    struct upstream_loss *l = account(w, 0, dropped);
    struct upstream_channel all = upstream_loss_sum(l);
    assert_true(all.sent > MESSAGES * 9 / 10);
    assert_int_equal(all.lost, 0);
    assert_int_equal(upstream_loss_channel(l, 30).sent, upstream_loss_channel(l, 0).sent);
    upstream_loss_free(l);
    l = account(w, 10, dropped);
    for (size_t c = 0; c < CHANNELS; c++) {
        uint64_t lost = upstream_loss_channel(l, recorded[c]).lost;
        assert_true(lost <= dropped[c] + 1 && lost + 4 >= dropped[c]);   /* windows are cut by frames, stamps of this source jitter by tens of ms */
        assert_true(dropped[c] > 200);
    }
    upstream_loss_free(l);
}

/* Channel 60 triggers by the clock, 30 with channel 0; by the status, and by the records themselves. */
static void test_triggers(void **state) {
    struct world *w = *state;
    if (w == NULL) {
        skip();
        return;
    }
    struct acquisition_status t;
    assert_true(live_status_triggers(&w->status, &t));
    for (size_t c = 0; c < CHANNELS; c++) {
        const struct trigger_mode *m = acquisition_status_find(&t, (int32_t)recorded[c]);
        assert_non_null(m);
        assert_int_equal(m->automatic, recorded[c] == 60);
        assert_int_equal(m->secondary, recorded[c] == 30);
        assert_true(m->kind == TRIGGER_KIND_EDGE || recorded[c] == 60 || recorded[c] == 30);
    }
    acquisition_status_done(&t);
    const int64_t *first[CHANNELS] = { 0 };
    for (size_t i = 0; i < w->by_file->n; i++)
        for (size_t c = 0; c < CHANNELS; c++)
            if (w->by_file->rows[i].channel_index == recorded[c] && first[c] == NULL)
                first[c] = &w->by_file->rows[i].frame;
    assert_int_equal(*first[5] % 1024, 0);
    assert_int_equal(*first[4], *first[0]);
}

/* ---- frame ---- */

static int open_world(void **state) {
    static struct world w;
    char path[512];
    *state = NULL;
    w.port = shared_read("dastard_simpulse.zmq.bin");
    if (w.port.bytes == NULL || !live_status_init(&w.status) || !load_status(&w))
        return 0;
    shared_path(path, sizeof path, run_folder);
    char *folder[] = { path };
    if (!live_array_make(live_status_body(&w.status, "CHANNELNAMES"), &w.array) || !run_input_collect(folder, 1, false, NULL, &w.files) ||
        !record_block_new(MESSAGES + 1, (MESSAGES + 1) * SAMPLES, &w.by_port) || !record_block_new(SHARED_RECORDS + 10, (SHARED_RECORDS + 10) * SAMPLES, &w.by_file))
        return 1;
    read_files(&w);
    learn(&w);
    listen_to_port(&w);
    *state = &w;
    return 0;
}

static int close_world(void **state) {
    struct world *w = *state;
    if (w == NULL)
        return 0;
    free(w->port.bytes);
    live_status_done(&w->status);
    live_array_free(w->array);
    run_input_done(&w->files);
    array_model_free(w->model);
    record_block_free(w->by_port);
    record_block_free(w->by_file);
    json_decref(w->messages);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_rows), cmocka_unit_test(test_filled_from_files), cmocka_unit_test(test_loss), cmocka_unit_test(test_triggers),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
