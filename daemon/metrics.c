#include "daemon/metrics.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/pipeline.h"
#include "daemon/version.h"

struct metrics {
    struct mg_context *server;
    struct sockaddr_in address;
    struct live_session_work *session;
    const struct ingest *ingest;
};

enum metric_kind { METRIC_U64, METRIC_U32, METRIC_BOOL, METRIC_DOUBLE };
struct metric_row { const char *name, *type, *help; enum metric_kind kind; bool of_ingest; size_t offset; };

#define BOOK(field) .offset = offsetof(struct live_figures, field)
#define INGEST(field) .of_ingest = true, .offset = offsetof(struct ingest_figures, field)
static const struct metric_row rows[] = {
    { "tesd_acquisition_heard", "gauge", "1 while the acquisition's status port is heard", METRIC_BOOL, BOOK(alive) },
    { "tesd_source_running", "gauge", "1 while its source runs", METRIC_BOOL, BOOK(running) },
    { "tesd_writing", "gauge", "1 while it writes files", METRIC_BOOL, BOOK(writing) },
    { "tesd_scanning", "gauge", "1 while a scan runs", METRIC_BOOL, BOOK(scanning) },
    { "tesd_pixels", "gauge", "pixels of the array", METRIC_U32, BOOK(n_pixels) },
    { "tesd_good_pixels", "gauge", "pixels with a calibration that is used", METRIC_U32, BOOK(good_pixels) },
    { "tesd_records_received_total", "counter", "records that came by the port", METRIC_U64, INGEST(records) },
    { "tesd_record_bytes_total", "counter", "bytes of their samples", METRIC_U64, INGEST(bytes) },
    { "tesd_messages_refused_total", "counter", "messages on the record port that are no records of this array", METRIC_U64, INGEST(refused) },
    { "tesd_records_overload_total", "counter", "records refused because analysis could not keep up", METRIC_U64, INGEST(overload) },
    { "tesd_records_duplicate_total", "counter", "records that came twice", METRIC_U64, INGEST(duplicates) },
    { "tesd_rows_total", "counter", "records analysed", METRIC_U64, BOOK(rows) },
    { "tesd_photons_total", "counter", "records that became photons", METRIC_U64, BOOK(photons) },
    { "tesd_records_sent", "gauge", "records that the acquisition counted in the windows compared", METRIC_U64, BOOK(losses.sent) },
    { "tesd_records_lost_upstream", "gauge", "of those, records that never came; falls when files fill them in", METRIC_U64, BOOK(losses.lost_upstream) },
    { "tesd_photons_late_total", "counter", "photons that came after their time was settled", METRIC_U64, BOOK(late) },
    { "tesd_photons_hurried_total", "counter", "photons settled before their time, because too many waited", METRIC_U64, BOOK(hurried) },
    { "tesd_stamp_steps_total", "counter", "records whose stamps and frame counter differ: the acquisition's clock was set while data flowed", METRIC_U64, BOOK(clock_steps.records) },
    { "tesd_frame_restarts_total", "counter", "restarts of the frame counter, summed over channels", METRIC_U64, BOOK(losses.restarts) },
    { "tesd_records_other_form_total", "counter", "records that have no energy because the calibration is of samples and they are coefficients, or the other way round", METRIC_U64, BOOK(losses.other_form) },
    { "tesd_records_other_basis_total", "counter", "records that have no energy because they are coefficients of another basis than those that the calibration was learnt from", METRIC_U64, BOOK(losses.other_basis) },
    { "tesd_scan_events_refused_total", "counter", "scan points that made no sense", METRIC_U64, BOOK(refused_events) },
    { "tesd_status_messages_total", "counter", "messages on the status port", METRIC_U64, BOOK(status_messages) },
    { "tesd_status_refused_total", "counter", "of those that are none", METRIC_U64, BOOK(status_refused) },
    { "tesd_raw_not_given_total", "counter", "records that the raw recorder was too busy to be given", METRIC_U64, BOOK(losses.raw_lost) },
    { "tesd_kept_lost_total", "counter", "rows that the disk did not take", METRIC_U64, BOOK(kept_lost) },
    { "tesd_rate_per_second", "gauge", "records analysed per second, lately", METRIC_DOUBLE, BOOK(rate_per_s) },
};

static double value_of(const struct metric_row *r, const struct live_figures *f, const struct ingest_figures *g) {
    const char *at = (r->of_ingest ? (const char *)g : (const char *)f) + r->offset;
    switch (r->kind) {
    case METRIC_U64: return (double)*(const uint64_t *)(const void *)at;
    case METRIC_U32: return (double)*(const uint32_t *)(const void *)at;
    case METRIC_BOOL: return (double)*(const bool *)(const void *)at;
    case METRIC_DOUBLE: return *(const double *)(const void *)at;
    }
    return 0;
}

static void print_latency(FILE *out, const struct live_figures *f) {
    static const char name[] = "tesd_latency_seconds";
    uint64_t sum = 0;
    fprintf(out, "# HELP %s from a record's arrival to the published PFY that holds it, of records in a scan\n# TYPE %s histogram\n", name, name);
    for (unsigned k = 0; k + 1 < N_LATENCY; k++) {
        sum += f->latency[k];
        fprintf(out, "%s_bucket{le=\"%.9g\"} %llu\n", name, live_latency_s[k], (unsigned long long)sum);
    }
    sum += f->latency[N_LATENCY - 1];
    fprintf(out, "%s_bucket{le=\"+Inf\"} %llu\n%s_count %llu\n", name, (unsigned long long)sum, name, (unsigned long long)sum);
}

static void print_sink(FILE *out, const struct sink_health *h) {
    if (h->name == NULL)
        return;
    fprintf(out, "# HELP tesd_%s_lost_total records that it will never have\n# TYPE tesd_%s_lost_total counter\ntesd_%s_lost_total %llu\n", h->name, h->name, h->name,
            (unsigned long long)h->lost);
    fprintf(out, "# HELP tesd_%s_accepted_total records taken\n# TYPE tesd_%s_accepted_total counter\ntesd_%s_accepted_total %llu\n", h->name, h->name, h->name,
            (unsigned long long)h->accepted);
    fprintf(out, "# HELP tesd_%s_failing 1 while it cannot be written\n# TYPE tesd_%s_failing gauge\ntesd_%s_failing %d\n", h->name, h->name, h->name, h->failing);
    if (strcmp(h->name, "archive") == 0)
        fprintf(out, "# HELP tesd_archive_points points of the present scan that are in its file\n# TYPE tesd_archive_points gauge\ntesd_archive_points %u\n", h->points);
}

/* Journal, files of scans, raw records: those in use. */
static void print_disk(FILE *out, const struct live_figures *f) {
    int failing = 0;
    for (size_t i = 0; i < LIVE_DISK_SINKS; i++)
        failing += f->disk[i].failing;
    fprintf(out, "# HELP tesd_disk_failing how many of journal, archive and raw records cannot be written\n# TYPE tesd_disk_failing gauge\ntesd_disk_failing %d\n", failing);
    for (size_t i = 0; i < LIVE_DISK_SINKS; i++)
        print_sink(out, &f->disk[i]);
}

char *metrics_text(const struct live_figures *f, const struct ingest_figures *g) {
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        fprintf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.17g\n", rows[i].name, rows[i].help, rows[i].name, rows[i].type, rows[i].name, value_of(&rows[i], f, g));
    print_latency(out, f);
    print_disk(out, f);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static int answer(struct mg_connection *c, void *context) {
    struct metrics *m = context;
    struct live_figures f;
    live_session_figures(m->session, &f);
    struct ingest_figures g = ingest_figures_of(m->ingest);
    char *text = metrics_text(&f, &g);
    if (text == NULL) {
        mg_send_http_error(c, 503, "out of memory");
        return 503;
    }
    size_t n = strlen(text);
    mg_printf(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", n);
    mg_write(c, text, n);
    free(text);
    return 200;
}

bool metrics_new(const char *host, int port, struct live_session_work *session, const struct ingest *ingest, struct metrics **out) {
    char at[128];
    *out = NULL;
    if (port == 0)
        return true;
    struct metrics *m = calloc(1, sizeof *m);
    if (m == NULL)
        return false;
    *m = (struct metrics){ .session = session, .ingest = ingest, .address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) } };
    inet_pton(AF_INET, host, &m->address.sin_addr);
    snprintf(at, sizeof at, "%s:%d", host, port);
    const char *options[] = { "listening_ports", at, "num_threads", "2", "request_timeout_ms", "5000", "enable_keep_alive", "no", NULL };
    const struct mg_callbacks callbacks = { 0 };
    mg_init_library(0);
    m->server = mg_start(&callbacks, NULL, options);
    if (m->server == NULL) {
        log_error("%s: /metrics cannot be served there; set metrics.port to a free port, or to 0", at);
        metrics_free(m);
        return false;
    }
    mg_set_request_handler(m->server, "/metrics$", answer, m);
    *out = m;
    return true;
}

static void stop(void *server) { mg_stop(server); }

/* civetweb looks every two seconds whether it is to stop, and whenever somebody calls. */
static void call(const struct metrics *m) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)connect(fd, (const struct sockaddr *)&m->address, sizeof m->address);   /* it is enough to have begun */
    nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    close(fd);
}

static void stop_server(const struct metrics *m) {
    struct pipeline_job_thread *job;
    if (!pipeline_background("tesd-web", stop, m->server, &job)) {
        mg_stop(m->server);
        return;
    }
    while (!pipeline_background_over(job))
        call(m);
    pipeline_background_join(job);
}

void metrics_free(struct metrics *m) {
    if (m == NULL)
        return;
    if (m->server != NULL)
        stop_server(m);
    mg_exit_library();
    free(m);
}
