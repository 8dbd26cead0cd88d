/* Which products of a scan go out under which topics, and when; how they go out is topic_board's affair. */
#include "daemon/sink/publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "daemon/clock.h"
#include "daemon/log.h"
#include "daemon/sink/topic_board.h"

enum { HEARTBEAT_MS = 1000, PFY_MS = 100, MAP_MS = 1000, EVENT_MS = 50, TOPIC_TEXT = 64 };

/* Topics that are always there. */
enum fixed_topic { TOPIC_HEARTBEAT, TOPIC_RUN, TOPIC_ROW, TOPIC_MAP, TOPIC_LOSS, TOPIC_SPECTRUM, FIXED_TOPICS };
static const struct { const char *name; int64_t interval_ms; bool quiet; } fixed_topics[FIXED_TOPICS] = {
    [TOPIC_HEARTBEAT] = { "hb/", 0, true },       [TOPIC_RUN] = { "run/", EVENT_MS, false },      [TOPIC_ROW] = { "rixs/row/", EVENT_MS, false },
    [TOPIC_MAP] = { "rixs/map/", MAP_MS, false }, [TOPIC_LOSS] = { "rixs/loss/", MAP_MS, false }, [TOPIC_SPECTRUM] = { "xes/scan/", PFY_MS, false },
};

struct publisher {
    void *own_context;                       /* NULL: it was given one */
    struct topic_board *board;
    int fixed[FIXED_TOPICS];
    int32_t scan;                            /* the scan that is open; -1: none */
    uint32_t points_known;                   /* of that scan, at the last call */
    uint64_t shape;                          /* of the regions that were published last */
    struct stream_meta scan_meta;
    int64_t heartbeat_ms;                    /* when the last was sent */
    int64_t interval_ms;                     /* between two */
    int64_t start_ns;
    uint64_t points;                         /* since the last heartbeat */
};

/* ---- opening and closing ---- */

static void close_all(struct publisher *p) {
    topic_board_free(p->board);
    if (p->own_context)
        zmq_ctx_term(p->own_context);
    free(p);
}

static bool add_fixed_topics(struct publisher *p) {
    bool good = true;
    for (int k = 0; k < FIXED_TOPICS; k++)
        good = (p->fixed[k] = topic_board_topic(p->board, fixed_topics[k].name, fixed_topics[k].interval_ms, fixed_topics[k].quiet)) >= 0 && good;
    return good;
}

bool publisher_new(const struct publish_settings *settings, struct publisher **out) {
    struct board_settings board = { .endpoint = settings->endpoint && settings->endpoint[0] ? settings->endpoint : "tcp://127.0.0.1:5560", .zmq = settings->zmq, .gate = settings->gate };
    struct publisher *p = calloc(1, sizeof *p);
    if (p && !board.zmq)
        board.zmq = p->own_context = zmq_ctx_new();
    if (!p || !board.zmq || !topic_board_new(&board, &p->board) || !add_fixed_topics(p)) {
        if (!p || !board.zmq)
            log_error("%s: cannot publish: out of memory", board.endpoint);
        if (p)
            close_all(p);
        return false;
    }
    struct stream_source *source = topic_board_source(p->board);
    stream_uuid(source->run);
    snprintf(source->state, sizeof source->state, "%s", settings->state);
    publisher_calibration(p, settings->calibration_id ? settings->calibration_id : "");
    p->interval_ms = settings->heartbeat_ms > 0 ? settings->heartbeat_ms : HEARTBEAT_MS;
    p->scan = -1;
    p->start_ns = clock_ns(CLOCK_REALTIME);
    *out = p;
    return true;
}

const char *publisher_endpoint(const struct publisher *p) { return topic_board_endpoint(p->board); }

const char *publisher_boot(const struct publisher *p) { return topic_board_source(p->board)->boot; }

void publisher_calibration(struct publisher *p, const char *calibration_id) {
    struct stream_source *source = topic_board_source(p->board);
    snprintf(source->calibration_id, sizeof source->calibration_id, "%s", calibration_id);
}

/* ---- a scan ---- */
static struct stream_meta meta_of(const struct scan_products *s, uint32_t n_points, struct publish_lost lost) {
    struct stream_meta m = { .scan = s->scan->number, .point = (int32_t)n_points - 1, .n_points = s->n_points, .lost = lost };
    m.start_ns = s->n_points ? s->scan->points[0].start_ns : s->scan->start_ns;
    m.t_ns = n_points ? s->scan->points[n_points - 1].end_ns : m.start_ns;
    memcpy(m.sample, s->scan->sample, sizeof m.sample);
    memcpy(m.label, s->scan->label, sizeof m.label);
    return m;
}

static void offer_event(struct publisher *p, const char *event, bool at_once) {
    struct stream_meta m = p->scan_meta;
    m.kind = "run";
    m.accum = "series";
    m.event = event;
    topic_board_offer(p->board, p->fixed[TOPIC_RUN], &m, NULL, NULL, at_once);
}

static void offer_yields(struct publisher *p, const struct scan_products *s, uint32_t n_points, const char *which, bool final) {
    struct stream_meta m = p->scan_meta;
    m.kind = "pfy";
    m.accum = "cumulative";
    for (uint32_t k = 0; k < s->n_yields; k++) {
        char name[TOPIC_TEXT];
        struct data_group g;
        snprintf(name, sizeof name, "pfy/%s/", s->yields[k]->region.name);
        if (data_group_yield(s, s->yields[k], n_points, which, &g) != STATUS_OK)
            continue;
        topic_board_offer(p->board, topic_board_topic(p->board, name, PFY_MS, false), &m, &g, NULL, final);
        data_group_done(&g);
    }
}

/* Rows that became known together are one state: the newest is sent, the map has them all. */
static void offer_row(struct publisher *p, const struct scan_products *s, uint32_t n_points, const char *which) {
    struct stream_meta m = p->scan_meta;
    struct data_group g;
    m.kind = "rixs_row";
    m.accum = "series";
    if (n_points <= p->points_known || data_group_row(s, s->emission, n_points - 1, which, &g) != STATUS_OK)
        return;
    m.start_ns = s->scan->points[n_points - 1].start_ns;
    topic_board_offer(p->board, p->fixed[TOPIC_ROW], &m, &g, NULL, false);
    data_group_done(&g);
}

/* A map is megabytes: it is copied only when it is sent. */
static void offer_map(struct publisher *p, const struct scan_products *s, const struct rixs_map *map, uint32_t n_points, const char *which, bool final) {
    bool loss = map->kind == RIXS_LOSS;
    int topic = p->fixed[loss ? TOPIC_LOSS : TOPIC_MAP];
    struct stream_meta m = p->scan_meta;
    struct data_group g;
    m.kind = loss ? "rixs_loss" : "rixs_map";
    m.accum = "cumulative";
    if ((!final && !topic_board_due(p->board, topic)) || data_group_map(s, map, n_points, which, &g) != STATUS_OK)
        return;
    topic_board_offer(p->board, topic, &m, &g, NULL, true);
    data_group_done(&g);
}

static void offer_spectrum(struct publisher *p, const struct scan_products *s, uint32_t n_points, const char *which, bool final) {
    struct stream_meta m = p->scan_meta;
    struct data_group g;
    m.kind = "xes";
    m.accum = "cumulative";
    if ((!final && !topic_board_due(p->board, p->fixed[TOPIC_SPECTRUM])) || data_group_spectrum(s, s->emission, n_points, which, &g) != STATUS_OK)
        return;
    topic_board_offer(p->board, p->fixed[TOPIC_SPECTRUM], &m, &g, NULL, true);
    data_group_done(&g);
}

/* Windows that were taken away are no longer told of. */
static bool is_region_of(void *context, const char *topic) {
    const struct scan_products *s = context;
    size_t n = strlen(topic) - strlen("pfy//");
    for (uint32_t k = 0; k < s->n_yields; k++)
        if (strlen(s->yields[k]->region.name) == n && strncmp(topic + strlen("pfy/"), s->yields[k]->region.name, n) == 0)
            return true;
    return false;
}

static void forget_regions(struct publisher *p, const struct scan_products *s) {
    uint64_t shape = s->n_yields;
    for (uint32_t k = 0; k < s->n_yields; k++)
        for (const char *c = s->yields[k]->region.name; *c; c++)
            shape = shape * 1099511628211u + (unsigned char)*c;
    if (shape != p->shape)
        topic_board_forget(p->board, "pfy/", is_region_of, (void *)(uintptr_t)s);
    p->shape = shape;
}

void publisher_live(struct publisher *p, const struct scan_products *products, uint32_t n_points, uint32_t n_final, bool ended, struct publish_lost lost) {
    char which[48];
    uint32_t known = n_points < products->n_points ? n_points : products->n_points;
    snprintf(which, sizeof which, "scan %d", products->scan->number);
    p->scan_meta = meta_of(products, known, lost);
    p->scan_meta.final_points = n_final;
    forget_regions(p, products);
    if (p->scan != products->scan->number) {
        p->scan = products->scan->number;
        p->points_known = 0;
        offer_event(p, "start", true);
    }
    p->points += n_final > p->points_known ? n_final - p->points_known : 0;
    if (n_final > p->points_known && !ended)
        offer_event(p, "point_end", false);
    offer_yields(p, products, known, which, ended);
    if (products->emission) {
        offer_row(p, products, n_final, which);
        offer_spectrum(p, products, known, which, ended);
        offer_map(p, products, products->emission, known, which, ended);
    }
    if (products->loss)
        offer_map(p, products, products->loss, known, which, ended);
    p->points_known = n_final > p->points_known ? n_final : p->points_known;
    if (ended) {
        offer_event(p, "end", true);
        p->scan = -1;
    }
}

void publisher_scan(struct publisher *p, const struct scan_products *products, uint32_t n_points, bool final, struct publish_lost lost) {
    uint32_t known = n_points < products->n_points ? n_points : products->n_points;
    publisher_live(p, products, known, known, final, lost);
}

/* ---- other states, heartbeat ---- */

static struct stream_meta meta_now(const struct publisher *p, const char *kind, const char *accum, struct publish_lost lost) {
    struct stream_meta meta = { .kind = kind, .accum = accum, .scan = p->scan, .point = p->scan >= 0 ? p->scan_meta.point : -1, .lost = lost,
                                .t_ns = clock_ns(CLOCK_REALTIME), .start_ns = p->start_ns, .n_points = p->scan_meta.n_points, .final_points = p->scan_meta.final_points };
    memcpy(meta.sample, p->scan_meta.sample, sizeof meta.sample);
    memcpy(meta.label, p->scan_meta.label, sizeof meta.label);
    return meta;
}

bool publisher_arrays(struct publisher *p, const char *topic, const char *kind, const char *accum, const struct data_group *group, json_t *keys) {
    bool events = strcmp(topic, "control/") == 0;   /* each is worth knowing, and they are rare */
    int t = topic_board_topic(p->board, topic, events ? 0 : PFY_MS, strncmp(topic, "pixel/", 6) == 0 || strncmp(topic, "detail/", 7) == 0);
    const struct stream_meta meta = meta_now(p, kind, accum, p->scan_meta.lost);
    topic_board_offer(p->board, t, &meta, group, keys, false);
    return t >= 0;
}

bool publisher_state(struct publisher *p, const char *topic, const char *kind, const char *accum, json_t *keys) { return publisher_arrays(p, topic, kind, accum, NULL, keys); }

_Static_assert((int)PUBLISH_TOPIC == (int)BOARD_TOPIC, "one names what the other holds");
bool publisher_asked(const struct publisher *p, size_t k, char topic[PUBLISH_TOPIC]) { return topic_board_asked(p->board, k, topic); }

json_t *publisher_snapshot(const struct publisher *p, const char *prefix, publish_frame *take, void *to) {
    return topic_board_snapshot(p->board, prefix, take, to);
}

static json_t *heartbeat_keys(struct publisher *p, double seconds) {
    struct board_rates r = topic_board_rates(p->board);
    return json_pack("{s:o,s:{s:f,s:f,s:f},s:{s:i},s:i}", "last", topic_board_last(p->board), "rates", "messages", (double)r.messages / seconds, "bytes", (double)r.bytes / seconds,
                     "points", (double)p->points / seconds, "queue", "pending", topic_board_pending(p->board), "interval_ms", (int)p->interval_ms);
}

static void send_heartbeat(struct publisher *p, struct publish_lost lost) {
    int64_t now = clock_ms();
    double seconds = p->heartbeat_ms ? (double)(now - p->heartbeat_ms) * 1e-3 : (double)p->interval_ms * 1e-3;
    const struct stream_meta meta = meta_now(p, "hb", "window", lost);
    topic_board_answer(p->board);
    json_t *keys = heartbeat_keys(p, seconds > 1e-3 ? seconds : 1e-3);
    topic_board_send(p->board, p->fixed[TOPIC_HEARTBEAT], &meta, keys);
    json_decref(keys);
    p->heartbeat_ms = now;
    p->points = 0;
    p->scan_meta.lost = lost;
}

void publisher_step(struct publisher *p, struct publish_lost lost) {
    topic_board_step(p->board);
    if (p->heartbeat_ms == 0 || clock_ms() - p->heartbeat_ms >= p->interval_ms) {
        topic_board_repeat(p->board);
        send_heartbeat(p, lost);
    }
}

void publisher_free(struct publisher *p) {
    if (!p)
        return;
    if (p->scan >= 0) {
        p->scan = -1;
        offer_event(p, "abort", true);
    }
    topic_board_flush(p->board);
    send_heartbeat(p, p->scan_meta.lost);
    close_all(p);
}
