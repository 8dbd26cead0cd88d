#include "daemon/live_runs.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/disk_probe.h"
#include "daemon/live_final.h"
#include "daemon/log.h"
#include "daemon/pipeline.h"
#include "daemon/pulse_store.h"
#include "daemon/run_scans.h"

enum { MAX_FINALS = 4, N_MARKS = 8, MARK_MS = 1000, QUIET_MS = 400, PATIENCE_MS = 2500, FILES_MS = 30000, ANSWER_MS = 300 };
static const int64_t PLACE_NS = 1000000000;
static const int64_t BEFORE_NS = 200000000;   /* records of the block in which the run began may be older than its label */

/* A run's file being made; final NULL: what was kept outside a run is let go of. */
struct making { struct pipeline_job_thread *job; struct live_final *final; int *references; };

struct live_runs {
    const struct options *options;
    const char *output, *boot;
    struct run_model model;
    struct disk_probe *probe;         /* NULL: nothing is kept */
    bool folder_waits;                /* to be made when the disk answers */
    char link_waits[512];             /* the calibration to be kept in the folder; "" none */
    struct pulse_store *pulses;
    uint64_t marks[N_MARKS];          /* places in the store, a second apart, while there is no run */
    int64_t mark_ms, last_rows_ms, end_ms;
    struct { uint64_t mark; int64_t time_ns; } recent, before;   /* places in the store and stamps there: up to a second ago, a second before that */
    bool running, ending;
    struct run_scans scans;
    struct pulse_bounds bounds;
    int64_t over_ns;                  /* where it ends a scan that goes on */
    uint32_t n_samples;
    double sample_period_s;
    char folder[512], logs[512], base_name[96];
    struct options at_end;            /* what held when the run ended: the beamline may set other windows before its file is begun */
    struct making making[MAX_FINALS];
    uint64_t lost;
    char calibration[128];
    uint64_t *losses, *losses_before;   /* of each pixel: by now, and when the run began */
};

bool live_runs_new(const struct options *options, const char *boot, struct live_runs **out) {
    struct live_runs *r = calloc(1, sizeof *r);
    if (r == NULL)
        return false;
    r->options = options;
    r->output = options->output.folder;
    r->boot = boot;
    if (r->output[0] != '\0' && mkdir(r->output, 02775) != 0 && errno != EEXIST) {
        log_error("%s: the output folder cannot be made: %s", r->output, strerror(errno));
        free(r);
        return false;
    }
    if (r->output[0] != '\0' && !disk_probe_new(r->output, options->disk.patience_s, &r->probe)) {
        free(r);
        return false;
    }
    *out = r;
    return true;
}

static bool keeps(const struct live_runs *r) { return r->output[0] != '\0'; }

static void new_store(struct live_runs *r) {
    memset(r->marks, 0, sizeof r->marks);
    memset(&r->recent, 0, sizeof r->recent);
    memset(&r->before, 0, sizeof r->before);
    r->pulses = NULL;
    if (keeps(r) && r->model.array != NULL && !pulse_store_new(r->output, r->model.array->n_pixels, &r->pulses))
        r->pulses = NULL;
}

static void new_losses(struct live_runs *r) {
    const size_t n = r->model.array != NULL ? r->model.array->n_pixels : 0;
    free(r->losses);
    free(r->losses_before);
    r->losses = calloc(n + 1, sizeof *r->losses);
    r->losses_before = calloc(n + 1, sizeof *r->losses_before);
}

static struct making *free_place(struct live_runs *r) {
    for (unsigned k = 0; k < MAX_FINALS; k++)
        if (r->making[k].job == NULL)
            return &r->making[k];
    return NULL;
}

static void free_pulses(void *store) { pulse_store_free(store); }

/* Of the pulses outside a run: where one may wait for the disk. */
static void let_go(struct live_runs *r) {
    struct making *m = r->pulses != NULL ? free_place(r) : NULL;
    if (m == NULL || !pipeline_background("tesd-close", free_pulses, r->pulses, &m->job))
        pulse_store_free(r->pulses);
    r->pulses = NULL;
}

void live_runs_session(struct live_runs *r, const struct run_model *m, const struct live_status *status) {
    live_runs_step(r, status, INT64_MAX, false, true);
    let_go(r);
    run_scans_done(&r->scans);
    r->model = m != NULL ? *m : (struct run_model){ 0 };
    new_store(r);
    new_losses(r);
}

static void ask_losses(struct live_runs *r) {
    if (r->losses != NULL && r->model.losses != NULL)
        r->model.losses(r->model.context, r->losses);
}

/* Since the run began; NULL: no memory, then none are known. The caller's. */
static uint64_t *lost_in_run(const struct live_runs *r) {
    const size_t n = r->model.array->n_pixels;
    uint64_t *lost = calloc(n + 1, sizeof *lost);
    for (size_t i = 0; lost != NULL && r->losses != NULL && r->losses_before != NULL && i < n; i++)
        lost[i] = r->losses[i] > r->losses_before[i] ? r->losses[i] - r->losses_before[i] : 0;   /* files may fill in what was lost before */
    return lost;
}

void live_runs_model(struct live_runs *r, const struct run_model *m) { r->model = *m; }

/* Outside a run the last seconds are kept, no more. */
static void forget_old(struct live_runs *r, int64_t now_ms) {
    if (r->running || now_ms - r->mark_ms < MARK_MS)
        return;
    r->mark_ms = now_ms;
    pulse_store_forget(r->pulses, r->marks[0]);
    memmove(r->marks, r->marks + 1, sizeof r->marks - sizeof r->marks[0]);
    r->marks[N_MARKS - 1] = pulse_store_mark(r->pulses);
}

/* Records of a moment may come on either side of the word that a run begins or ends: their stamps say whose they are. */
static void note_place(struct live_runs *r, const struct row_block *rows) {
    if (rows->n == 0 || (rows->flags[rows->n - 1] & ROW_FROM_FILE) != 0)
        return;
    const int64_t time_ns = rows->photons->time_ns[rows->n - 1];
    if (llabs(time_ns - r->recent.time_ns) >= PLACE_NS) {
        memcpy(&r->before, &r->recent, sizeof r->before);
        r->recent.mark = pulse_store_mark(r->pulses);
        r->recent.time_ns = time_ns;
    }
    if (r->running && r->bounds.begun == UINT64_MAX && r->bounds.from_ns > INT64_MIN && time_ns - r->bounds.from_ns > 2 * PLACE_NS)
        r->bounds.begun = pulse_store_mark(r->pulses);
}

void live_runs_rows(struct live_runs *r, const struct row_block *rows, int64_t now_ms) {
    r->last_rows_ms = now_ms;
    if (r->pulses == NULL)
        return;
    note_place(r, rows);
    uint64_t before = pulse_store_lost(r->pulses);
    if (!pulse_store_add(r->pulses, rows)) {
        if (r->lost == 0)
            log_error("%s: the run's pulses cannot be kept: %s; its file will lack them", r->output, strerror(errno));
        r->lost += pulse_store_lost(r->pulses) - before;
    }
    forget_old(r, now_ms);
}

void live_runs_filters(struct live_runs *r, int64_t from_ns) {
    if (r->pulses != NULL)
        pulse_store_heights_from(r->pulses, from_ns);
}

void live_runs_event(struct live_runs *r, const struct scan_event *e) {
    if (!run_scans_event(&r->scans, e))
        log_error("out of memory for a scan point");
}

void live_runs_label(struct live_runs *r, const char *label, int64_t time_ns) {
    if (!run_scans_label(&r->scans, label, time_ns))
        log_error("out of memory for the label %s", label);
}

/* "20260302_run0007" -> OUTPUT/20260302/0007; another name: OUTPUT/NAME. */
static void name_folder(struct live_runs *r) {
    unsigned date, run;
    if (sscanf(r->base_name, "%8u_run%u", &date, &run) == 2)
        snprintf(r->folder, sizeof r->folder, "%.400s/%08u/%04u", r->output, date, run);
    else
        snprintf(r->folder, sizeof r->folder, "%.400s/%.90s", r->output, r->base_name);
}

static bool make_folder(const struct live_runs *r) {
    char day[512];
    snprintf(day, sizeof day, "%.*s", (int)(strrchr(r->folder, '/') - r->folder), r->folder);
    mkdir(day, 02775);
    return mkdir(r->folder, 02775) == 0 || errno == EEXIST;
}

/* The acquisition's status as seen, beside what is made of it. */
static void write_sidecar(const struct live_runs *r, const struct live_status *status) {
    char path[700], part[720];
    snprintf(path, sizeof path, "%s/%s_acquisition.json", r->folder, r->base_name);
    snprintf(part, sizeof part, "%s.part", path);
    if (json_dump_file(status->bodies, part, JSON_INDENT(1)) != 0 || rename(part, path) != 0) {
        log_warning("%s: cannot be written: %s", path, strerror(errno));
        unlink(part);
    }
}

static void keep_link(const struct live_runs *r) {
    char path[700];
    snprintf(path, sizeof path, "%s/%s", r->folder, r->calibration);
    unlink(path);
    if (link(r->link_waits, path) != 0)
        log_warning("%s: the calibration cannot be kept there: %s; 'tesd recover' needs it if this run is cut short", path, strerror(errno));
}

/* What is to be made on the disk, when it answers. */
static void make_waiting(struct live_runs *r, const struct live_status *status) {
    if ((!r->folder_waits && r->link_waits[0] == '\0') || !disk_probe_answers(r->probe))
        return;
    if (r->folder_waits && make_folder(r))
        write_sidecar(r, status);
    else if (r->folder_waits)
        log_error("%s: the run's folder cannot be made: %s; its file will be missing", r->folder, strerror(errno));
    if (r->link_waits[0] != '\0')
        keep_link(r);
    r->folder_waits = false;
    r->link_waits[0] = '\0';
}

const char *live_runs_calibration(struct live_runs *r, const char *kept) {
    r->calibration[0] = r->link_waits[0] = '\0';
    if (r->folder[0] == '\0' || kept[0] == '\0')
        return r->calibration;
    snprintf(r->calibration, sizeof r->calibration, "%s_calibration.h5", r->base_name);
    snprintf(r->link_waits, sizeof r->link_waits, "%s", kept);
    return r->calibration;
}

void live_runs_begin(struct live_runs *r, const struct live_status *status, int64_t newest_ns, bool joined) {
    if (r->running)
        live_runs_step(r, status, INT64_MAX, false, true);
    memcpy(r->base_name, status->base_name, sizeof r->base_name);
    memcpy(r->logs, status->folder, sizeof r->logs);
    r->folder[0] = '\0';
    r->running = true;
    r->ending = false;
    r->bounds = (struct pulse_bounds){ .from_ns = joined ? INT64_MIN : status->label_ns > 0 ? status->label_ns - BEFORE_NS : newest_ns > 0 ? newest_ns - 2 * BEFORE_NS : INT64_MIN,
                                       .begun = UINT64_MAX, .until_ns = INT64_MAX, .over = UINT64_MAX };
    ask_losses(r);
    if (r->losses != NULL && r->losses_before != NULL && r->model.array != NULL)
        memcpy(r->losses_before, r->losses, r->model.array->n_pixels * sizeof *r->losses);
    if (!keeps(r))
        return;
    name_folder(r);
    r->folder_waits = true;
    make_waiting(r, status);
}

int64_t live_runs_end(struct live_runs *r, const struct live_status *status, int64_t newest_ns, int64_t now_ms) {
    if (!r->running || r->ending)
        return INT64_MAX;
    r->ending = true;
    r->at_end = *r->options;
    r->end_ms = now_ms;
    r->over_ns = newest_ns + 1;
    if (strcmp(status->label, "STOP") == 0 && status->label_ns > 0) {
        r->bounds.until_ns = status->label_ns;
        r->bounds.over = llabs(status->label_ns - r->recent.time_ns) >= PLACE_NS ? r->recent.mark : r->before.mark;
        if (status->label_ns > newest_ns - PLACE_NS)   /* else the clock was set back in the run */
            r->over_ns = status->label_ns;
    }
    return r->over_ns;
}

static bool states_are_readable(const struct live_runs *r) {
    char path[700];
    snprintf(path, sizeof path, "%s/%s_experiment_state.txt", r->logs, r->base_name);
    return access(path, R_OK) == 0;
}

static void make_file(struct live_runs *r, const struct live_status *status) {
    struct making *m = free_place(r);
    struct live_final *f = m != NULL ? calloc(1, sizeof *f) : NULL;
    if (f == NULL) {
        log_error("run %s: its file is not made, because %s; replay what the acquisition wrote", r->base_name, m != NULL ? "memory ran out" : "too many others are being made");
        return;
    }
    bool readable = states_are_readable(r);
    *f = (struct live_final){ .options = r->ending ? r->at_end : *r->options, .array = r->model.array, .model = r->model.model, .pulses = r->pulses, .bounds = r->bounds, .boot = r->boot,
                              .n_samples = status->n_samples, .sample_period_s = status->sample_period_s, .calibration_path = r->options->calibration.file };
    memcpy(f->folder, r->folder, sizeof f->folder);
    memcpy(f->base_name, r->base_name, sizeof f->base_name);
    if (readable)
        memcpy(f->logs, r->logs, sizeof f->logs);
    ask_losses(r);
    f->lost = lost_in_run(r);
    f->scans = run_scans_take(&r->scans, r->over_ns, !readable, &f->n_scans);
    r->pulses = NULL;
    ++*r->model.references;
    m->final = f;
    m->references = r->model.references;
    if (!pipeline_background("tesd-file", live_final_work, f, &m->job)) {
        log_error("run %s: no thread for its file could be made; replay what the acquisition wrote", r->base_name);
        live_final_done(f);
        free(f);
        --*m->references;
        *m = (struct making){ 0 };
    }
}

/* It ends just after the disk has answered; or at once, with a moment's patience. */
static void finish_run(struct live_runs *r, const struct live_status *status) {
    const bool answers = r->probe == NULL || disk_probe_wait(r->probe, ANSWER_MS);
    struct run_scans next = run_scans_under_way(&r->scans);   /* the acquisition may begin another run while it goes on */
    r->running = false;
    if (answers)
        make_waiting(r, status);
    if (r->pulses != NULL && r->folder[0] != '\0' && r->model.model != NULL) {
        if (answers)
            write_sidecar(r, status);
        make_file(r, status);
    }
    r->ending = r->folder_waits = false;
    r->link_waits[0] = '\0';
    run_scans_done(&r->scans);
    r->scans = next;
    if (r->pulses == NULL)
        new_store(r);
    r->folder[0] = '\0';
}

static void collect(struct live_runs *r, bool wait) {
    for (unsigned k = 0; k < MAX_FINALS; k++) {
        struct making *m = &r->making[k];
        if (m->job == NULL || (!wait && !pipeline_background_over(m->job)))
            continue;
        pipeline_background_join(m->job);
        if (m->final != NULL) {
            live_final_done(m->final);
            free(m->final);
            --*m->references;
        }
        *m = (struct making){ 0 };
    }
}

bool live_runs_step(struct live_runs *r, const struct live_status *status, int64_t now_ms, bool behind, bool at_once) {
    collect(r, false);
    int64_t waited_ms = r->ending ? now_ms - r->end_ms : 0;
    bool quiet = waited_ms > QUIET_MS && (now_ms - r->last_rows_ms > QUIET_MS || waited_ms > PATIENCE_MS);
    bool over = r->running && (at_once || (quiet && (!behind || waited_ms > FILES_MS) && (r->probe == NULL || disk_probe_answers(r->probe))));
    if (over)
        finish_run(r, status);
    else
        make_waiting(r, status);
    return over;
}

void live_runs_free(struct live_runs *r) {
    if (r == NULL)
        return;
    collect(r, true);
    disk_probe_free(r->probe);
    pulse_store_free(r->pulses);
    run_scans_done(&r->scans);
    free(r->losses);
    free(r->losses_before);
    free(r);
}

bool live_runs_ending(const struct live_runs *r) { return r->running && r->ending; }

struct pulse_store *live_runs_pulses(struct live_runs *r, struct pulse_bounds *bounds) {
    *bounds = r->bounds;
    return r->running && !r->ending ? r->pulses : NULL;
}

bool live_runs_answers(struct live_runs *r) { return r->probe == NULL || disk_probe_answers(r->probe); }
bool live_runs_running(const struct live_runs *r) { return r->running; }
const char *live_runs_folder(const struct live_runs *r) { return r->folder; }
const char *live_runs_base_name(const struct live_runs *r) { return r->base_name; }

unsigned live_runs_making(const struct live_runs *r) {
    unsigned n = 0;
    for (unsigned k = 0; k < MAX_FINALS; k++)
        n += r->making[k].final != NULL;
    return n;
}

uint64_t live_runs_lost(const struct live_runs *r) { return r->lost; }
