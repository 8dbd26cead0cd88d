#include "daemon/sink/live_archive.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "daemon/clock.h"
#include "daemon/folder.h"
#include "daemon/log.h"
#include "daemon/rebuild.h"
#include "daemon/scan_copy.h"
#include "daemon/sink/data_group.h"
#include "daemon/sink/live_scan_file.h"

enum { NFS_MAGIC = 0x6969, REBUILD_ROWS = 1000000, PATH_ROOM = 1024, LEAST_SPACE = 4 << 20 };

struct live_archive {
    struct live_archive_settings settings;
    const struct live_session *session;   /* NULL: outside a run */
    const struct array_model *model;
    size_t n_pixels;
    struct archive_pixel *pixels;
    struct photon_block *waiting;
    int64_t *newest_ns;                   /* of each pixel in the present scan's file */
    struct live_scan_file *file;
    char path[PATH_ROOM];
    int64_t scan_start_ns;                /* which scan it is; INT64_MIN: none */
    uint32_t written_points;
    uint64_t file_rows;
    bool all_again, by_i0, untidy, ended; /* write all points; yields are per i0; needs to be made anew; ends when written */
    struct scan_copy *left;               /* of a scan that ended and could not be written: its products */
    int64_t gap_from_ns, gap_to_ns;
    uint64_t gap_lost;
    int64_t tried_ns;
    struct live_archive_counts counts;
};

bool live_archive_new(const struct live_archive_settings *settings, struct live_archive **out) {
    struct live_archive *a = calloc(1, sizeof *a);
    if (a == NULL)
        return false;
    a->settings = *settings;
    a->scan_start_ns = INT64_MIN;
    if (photon_block_new(settings->rows_waiting, &a->waiting) != STATUS_OK) {
        free(a);
        return false;
    }
    *out = a;
    return true;
}

/* ---- failing and healing ---- */

static void fail(struct live_archive *a, int error, const char *what) {
    if (a->counts.error == 0)
        log_warning("%s: %s: %s; the scan goes on, and its file when that is mended", a->path, what, strerror(error));
    a->counts.error = error;
    a->tried_ns = clock_ns(CLOCK_MONOTONIC);
}

static void heal(struct live_archive *a) {
    if (a->counts.error != 0)
        log_note("%s: can be written again", a->path);
    a->counts.error = 0;
}

static bool due(const struct live_archive *a) {
    return a->counts.error == 0 || clock_ns(CLOCK_MONOTONIC) - a->tried_ns >= (int64_t)(a->settings.retry_s * 1e9);
}

static void lose(struct live_archive *a, int64_t from_ns, int64_t to_ns, uint64_t lost) {
    if (a->gap_lost == 0 || from_ns < a->gap_from_ns)
        a->gap_from_ns = from_ns;
    if (a->gap_lost == 0 || to_ns > a->gap_to_ns)
        a->gap_to_ns = to_ns;
    a->gap_lost += lost;
    a->counts.lost += lost;
}

/* ---- the file of a scan ---- */

static void describe_pixels(struct live_archive *a) {
    const struct live_array *array = a->session->array;
    for (size_t k = 0; k < a->n_pixels; k++) {
        const struct live_channel *c = &array->channels[array->index_of_pixel[k]];
        struct archive_pixel *p = &a->pixels[k];
        *p = (struct archive_pixel){ .channel = (uint32_t)c->number, .sensitivity = 1, .verdict = "none", .reason = "no calibration", .resolution_eV = NAN };
        snprintf(p->name, sizeof p->name, "%s", c->name);
        const size_t m = a->model != NULL ? array_model_find(a->model, c->number) : SIZE_MAX;
        if (m == SIZE_MAX)
            continue;
        const struct array_verdict v = array_model_verdict(a->model, m);
        p->verdict = v.verdict;
        p->reason = v.reason;
        p->resolution_eV = v.resolution_eV;
    }
}

static void warn_of_nfs(const char *folder) {
    struct statfs facts;
    if (statfs(folder, &facts) == 0 && facts.f_type == NFS_MAGIC)
        log_warning("%s: is on NFS, where a file cannot be read reliably while it grows; write on a local disk and copy", folder);
}

/* A restart within the scan, or a number used twice, finds its name taken. */
static void choose_path(struct live_archive *a, int32_t number) {
    const struct live_session *s = a->session;
    snprintf(a->path, sizeof a->path, "%s/%s_scan%04d.nxs", s->folder, s->base_name, number);
    for (unsigned k = 2; k < 1000 && access(a->path, F_OK) == 0; k++)
        snprintf(a->path, sizeof a->path, "%s/%s_scan%04d_%u.nxs", s->folder, s->base_name, number, k);
}

/* HDF5 complains loudly and comes out of it badly: it is asked only when there is a chance. */
static bool folder_ready(const char *folder) {
    struct statvfs facts;
    if (!folder_make(folder) || access(folder, W_OK) != 0 || statvfs(folder, &facts) != 0)
        return false;
    errno = facts.f_flag & ST_RDONLY ? EROFS : (uint64_t)facts.f_bavail * facts.f_frsize < LEAST_SPACE ? ENOSPC : 0;
    return errno == 0;
}

static bool open_file(struct live_archive *a, const struct scan_products *p) {
    const struct live_session *s = a->session;
    const struct live_scan_setup setup = { .path = a->path, .config_text = s->config_text, .calibration_path = s->calibration_path, .model = a->model, .n_pixels = a->n_pixels, .pixels = a->pixels };
    describe_pixels(a);
    if (!folder_ready(s->folder))
        return false;
    choose_path(a, p->scan->number);
    if (!live_scan_file_open(&setup, p, &a->file))
        return false;
    a->counts.files++;
    if (a->counts.files == 1)
        warn_of_nfs(s->folder);
    a->by_i0 = data_group_norm(p->scan) == YIELD_PER_I0_LIVE_TIME;
    a->written_points = 0;
    a->file_rows = 0;
    return true;
}

/* After a failure inside HDF5 the file ends where it is; what comes goes into another one, which lacks the rows before. */
static void give_up_file(struct live_archive *a) {
    live_scan_file_close(a->file);
    if (a->written_points == 0)
        unlink(a->path);   /* nothing of it is worth anything */
    a->file = NULL;
    a->untidy = true;
    lose(a, a->scan_start_ns, a->scan_start_ns, a->file_rows);
    fail(a, EIO, "failed");
}

static void note_order(struct live_archive *a) {
    for (size_t i = 0; i < a->waiting->n; i++) {
        int64_t *newest = &a->newest_ns[a->waiting->pixel[i] < a->n_pixels ? a->waiting->pixel[i] : 0];
        a->untidy = a->untidy || a->waiting->time_ns[i] < *newest;
        *newest = a->waiting->time_ns[i];
    }
}

static bool write_rows(struct live_archive *a) {
    if (a->gap_lost > 0) {
        live_scan_file_gap(a->file, a->gap_from_ns, a->gap_to_ns, a->gap_lost);
        a->gap_lost = 0;
        a->counts.gaps++;
        a->untidy = true;
    }
    note_order(a);
    a->file_rows += a->waiting->n;
    const bool good = live_scan_file_rows(a->file, a->waiting);
    a->waiting->n = 0;
    return good;
}

static bool has_room(struct live_archive *a, uint32_t points) {
    const int error = live_scan_file_room(a->file, a->waiting->n, points);
    if (error != 0)
        fail(a, error, "has no space");
    return error == 0;
}

static bool write_points(struct live_archive *a, const struct scan_products *p, uint32_t n_points) {
    if (!due(a))
        return false;
    if (a->file == NULL && !open_file(a, p)) {
        fail(a, errno, "cannot be made");
        return false;
    }
    const uint32_t from = a->all_again || n_points < a->written_points ? 0 : a->written_points;
    if (!has_room(a, n_points - from))
        return false;
    if (!write_rows(a) || !live_scan_file_update(a->file, p, from, n_points)) {
        give_up_file(a);
        return false;
    }
    a->written_points = n_points;
    a->all_again = false;
    a->untidy = a->untidy || a->by_i0 != (data_group_norm(p->scan) == YIELD_PER_I0_LIVE_TIME);
    a->counts.flushes++;
    heal(a);
    return true;
}

static void make_anew(const struct live_archive *a) {
    if (a->file_rows > REBUILD_ROWS) {
        log_note("%s: its rows are not in order or not complete; 'tesd recover' makes it anew", a->path);
        return;
    }
    const char *const inputs[] = { a->path };
    rebuild_file(&(struct rebuild){ .n_inputs = 1, .inputs = inputs, .state = "prelim", .command_line = "tesd run" }, a->path);
}

/* What could not be written is lost by now. */
static void end_scan(struct live_archive *a) {
    if (a->waiting->n > 0)
        lose(a, a->waiting->time_ns[0], a->waiting->time_ns[a->waiting->n - 1], a->waiting->n);
    const bool untidy = a->untidy && a->gap_lost == 0;
    if (a->file != NULL && live_scan_file_close(a->file) && untidy)
        make_anew(a);
    if (a->gap_lost > 0)
        log_error("%s: %llu rows of the scan are in no file", a->path, (unsigned long long)a->gap_lost);
    scan_copy_free(a->left);
    a->left = NULL;
    a->file = NULL;
    a->waiting->n = 0;
    a->gap_lost = 0;
    a->scan_start_ns = INT64_MIN;
    a->all_again = a->untidy = a->ended = false;
    for (size_t k = 0; k < a->n_pixels; k++)
        a->newest_ns[k] = INT64_MIN;
}

/* ---- what comes ---- */

void live_archive_run(struct live_archive *a, const struct live_session *session, bool begins) {
    end_scan(a);
    free(a->pixels);
    free(a->newest_ns);
    a->pixels = NULL;
    a->newest_ns = NULL;
    a->n_pixels = 0;
    a->session = begins && session->folder[0] != '\0' ? session : NULL;
    if (a->session == NULL)
        return;
    a->n_pixels = session->array->n_pixels;
    a->pixels = calloc(a->n_pixels + 1, sizeof *a->pixels);
    a->newest_ns = calloc(a->n_pixels + 1, sizeof *a->newest_ns);
    if (a->pixels == NULL || a->newest_ns == NULL) {
        log_error("%s: no memory for the files of scans", session->folder);
        a->session = NULL;
    }
    end_scan(a);
}

void live_archive_model(struct live_archive *a, const struct array_model *model) { a->model = model; }

/* Rows of the scan that begins come before its first point is given: those of one that ended are gone by then. */
void live_archive_rows(struct live_archive *a, const struct photon_block *rows, bool anew) {
    if (a->session == NULL)
        return;
    if (a->left != NULL)
        end_scan(a);
    if (anew) {
        a->waiting->n = 0;
        a->gap_lost = 0;
        a->file_rows = 0;
        a->all_again = true;
        for (size_t k = 0; k < a->n_pixels; k++)
            a->newest_ns[k] = INT64_MIN;
        if (a->file != NULL)
            live_scan_file_anew(a->file);
    }
    a->counts.rows += rows->n;
    for (size_t i = 0; i < rows->n; i++) {
        if (a->waiting->n == a->waiting->capacity && a->file != NULL && due(a) && has_room(a, 0) && !write_rows(a))
            give_up_file(a);
        if (a->waiting->n < a->waiting->capacity)
            photon_block_copy_row(a->waiting, rows, i);
        else
            lose(a, rows->time_ns[i], rows->time_ns[i], 1);
    }
}

void live_archive_scan(struct live_archive *a, const struct scan_products *p, uint32_t n_points, bool ended) {
    if (a->session == NULL || p == NULL)
        return;
    if (a->scan_start_ns != p->scan->start_ns) {
        if (a->scan_start_ns != INT64_MIN)
            end_scan(a);
        a->scan_start_ns = p->scan->start_ns;
    }
    if (n_points == 0 && !ended)
        return;
    a->all_again = a->all_again || ended;   /* what moved behind a point came after it was written */
    if (write_points(a, p, n_points)) {
        if (ended)
            end_scan(a);
    } else if (ended && !scan_copy_make(p, n_points, &a->left))
        end_scan(a);
}

void live_archive_step(struct live_archive *a) {
    if (a->left != NULL && due(a) && write_points(a, a->left->products, a->left->products->n_points))
        end_scan(a);
}

struct live_archive_counts live_archive_counts(const struct live_archive *a) { return a->counts; }

const char *live_archive_path(const struct live_archive *a) { return a->path; }

void live_archive_free(struct live_archive *a) {
    if (a == NULL)
        return;
    end_scan(a);
    photon_block_free(a->waiting);
    free(a->pixels);
    free(a->newest_ns);
    free(a);
}

/* ---- as a sink ---- */

static void run(void *context, const struct live_session *session, bool begins) { live_archive_run(context, session, begins); }

static void model(void *context, const struct array_model *m, uint64_t version) {
    (void)version;
    live_archive_model(context, m);
}

static void graded(void *context, const struct photon_block *rows, bool anew) { live_archive_rows(context, rows, anew); }

static void scan(void *context, const struct scan_products *p, uint32_t n_points, bool ended) { live_archive_scan(context, p, n_points, ended); }

static void lost(void *context, int64_t from_ns, int64_t to_ns, uint64_t n) {
    struct live_archive *a = context;
    a->counts.rows += n;
    lose(a, from_ns, to_ns, n);
}

static void step(void *context) { live_archive_step(context); }

static void health(void *context, struct sink_health *out) {
    const struct live_archive *a = context;
    *out = (struct sink_health){ .name = "archive", .failing = a->counts.error != 0, .accepted = a->counts.rows - a->counts.lost, .lost = a->counts.lost, .points = a->written_points };
    if (a->counts.error != 0)
        snprintf(out->trouble, sizeof out->trouble, "%.90s: %s", a->path, strerror(a->counts.error));
}

static void done(void *context) { live_archive_free(context); }

struct live_sink live_archive_sink(struct live_archive *a) {
    return (struct live_sink){ .context = a, .run = run, .model = model, .graded = graded, .scan = scan, .lost = lost, .step = step, .health = health, .done = done };
}
