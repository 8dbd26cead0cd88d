#include "daemon/live_final.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/folder.h"
#include "daemon/journal_recovery.h"
#include "daemon/log.h"
#include "daemon/reprocess.h"
#include "daemon/source/beamtime_logs.h"

/* The channels with records, as replay would find files of: pixel i of the file is store pixel keep[i]. */
struct present { size_t n; uint16_t *keep; struct channel_input *channels; struct input_file *files; int64_t first_ns, last_ns; };

static bool find_present(const struct live_final *f, struct present *p) {
    size_t n = f->array->n_pixels;
    *p = (struct present){ .keep = calloc(n + 1, sizeof *p->keep), .channels = calloc(n + 1, sizeof *p->channels), .files = calloc(n + 1, sizeof *p->files),
                           .first_ns = INT64_MAX, .last_ns = INT64_MIN };
    if (p->keep == NULL || p->channels == NULL || p->files == NULL)
        return false;
    for (size_t pixel = 0; pixel < n; pixel++) {
        int64_t first_ns, last_ns;
        if (pulse_store_most(f->pulses, pixel, &first_ns, &last_ns) == 0)
            continue;
        const struct live_channel *c = &f->array->channels[f->array->index_of_pixel[pixel]];
        size_t k = p->n++;
        char *path;
        if (asprintf(&path, "%s/%s_%s.ljh", f->folder, f->base_name, c->name) < 0)
            return false;
        p->keep[k] = (uint16_t)pixel;
        p->files[k] = (struct input_file){ .path = path, .first_ns = first_ns, .last_ns = last_ns, .has_records = true };
        p->channels[k] = (struct channel_input){ .channel = c->number, .n_files = 1, .files = &p->files[k] };
        memcpy(p->channels[k].name, c->name, sizeof p->channels[k].name);
        p->first_ns = first_ns < p->first_ns ? first_ns : p->first_ns;
        p->last_ns = last_ns > p->last_ns ? last_ns : p->last_ns;
    }
    return true;
}

static void present_done(struct present *p) {
    for (size_t k = 0; p->files != NULL && k < p->n; k++)
        free(p->files[k].path);
    free(p->keep);
    free(p->channels);
    free(p->files);
}

static bool find_timeline(struct live_final *f, const struct present *p, char *const *folders, size_t n_folders, struct scan_timeline **out) {
    struct log_search search = { .run_folders = folders, .n_run_folders = n_folders, .i0_key = f->options.scan.i0_key, .first_ns = p->first_ns, .last_ns = p->last_ns,
                                 .own = f->scans, .n_own = f->n_scans };
    struct log_counts counts;
    return beamtime_logs_collect(&search, out, &counts);
}

static bool write_file(struct live_final *f, const struct present *p, const struct array_model *view) {
    char *folders[2] = { f->folder, f->logs };
    size_t n_folders = f->logs[0] != '\0' && strcmp(f->logs, f->folder) != 0 ? 2 : 1;
    struct beamtime b = { .pulses = { .n_channels = p->n, .channels = p->channels, .n_folders = n_folders, .folders = folders, .first_ns = p->first_ns, .last_ns = p->last_ns } };
    struct reprocess_stored stored = { .pulses = f->pulses, .pixel_of = p->keep, .n_samples = f->n_samples, .sample_period_s = f->sample_period_s, .lost = f->lost };
    struct reprocess_settings s = reprocess_settings_of(&f->options);
    const char *input = f->logs[0] != '\0' ? f->logs : f->folder;
    struct reprocessed r;
    char path[1200];
    if (f->path != NULL)
        snprintf(path, sizeof path, "%s", f->path);
    else
        snprintf(path, sizeof path, "%s/%s.nxs", f->folder, f->base_name);
    s.stored = &stored;
    s.workers = 1;   /* the other processors belong to what is measured now */
    s.causal = true;
    s.calibration_state = "loaded; the latest before a photon";
    s.title = f->base_name;
    s.process.command_line = f->command_line != NULL ? f->command_line : "tesd run";
    s.process.state = f->state != NULL ? f->state : "prelim";
    s.process.inputs = &input;
    s.process.n_inputs = 1;
    bool good = find_timeline(f, p, folders, n_folders, &b.timeline);
    good = good && reprocess_run(&b, view, &s, path, &r);
    if (good) {
        log_note("run %s: %s", f->base_name, path);
        reprocessed_done(&r);
    }
    scan_timeline_free(b.timeline);
    return good;
}

/* ---- what an earlier start of the program had of it ---- */

static bool add_scans(struct live_final *f, struct scan *earlier, size_t n) {
    struct scan *all = realloc(earlier, (n + f->n_scans + 1) * sizeof *all);
    if (all == NULL)
        return false;
    if (f->n_scans > 0)
        memcpy(all + n, f->scans, f->n_scans * sizeof *all);
    free(f->scans);
    f->scans = all;
    f->n_scans += n;
    return true;
}

/* In the run's journal. Of a record that both have, this one's row is taken. */
static bool take_earlier(struct live_final *f) {
    struct journal_earlier e;
    char journal[640];
    snprintf(journal, sizeof journal, "%s/%s.journal", f->folder, f->base_name);
    if (!journal_recovery_earlier(journal, f->folder, f->boot, f->array, f->logs[0] == '\0', &e)) {
        log_warning("run %s: what an earlier start of the program had of it is not in its file; 'tesd recover %s' makes one with it", f->base_name, journal);
        return true;
    }
    if (e.pulses == NULL)
        return true;
    const bool good = pulse_store_pour(f->pulses, &f->bounds, e.pulses) && add_scans(f, e.scans, e.n_scans);
    pulse_store_free(f->pulses);
    f->pulses = e.pulses;
    f->bounds = pulse_bounds_none;
    if (good)
        log_note("run %s: an earlier start of the program had %llu records and %zu scans of it, which are taken from its journal", f->base_name, (unsigned long long)e.said.rows, e.n_scans);
    if (e.said.missing_blocks + e.said.lost_rows > 0)
        log_warning("%s: lacks %llu rows and %llu blocks of the run", journal, (unsigned long long)e.said.lost_rows, (unsigned long long)e.said.missing_blocks);
    return good;
}

void live_final_work(void *context) {
    struct live_final *f = context;
    struct present p = { 0 };
    struct array_model *view = NULL;
    pulse_store_patient(f->pulses);
    if (f->path == NULL)
        folder_make(f->folder);   /* a run that came and went while the disk kept silent has none yet */
    bool good = (f->boot == NULL || take_earlier(f)) && pulse_store_settle(f->pulses, &f->bounds) && find_present(f, &p);
    if (good && p.n == 0)
        log_note("run %s: no record came, so there is no file", f->base_name);
    else
        good = good && array_model_view(f->model, p.keep, p.n, &view) && write_file(f, &p, view);
    if (!good)
        log_error("run %s: its file could not be made; what the acquisition wrote can be replayed", f->base_name);
    array_model_view_free(view);
    present_done(&p);
    pulse_store_free(f->pulses);   /* here, where one may wait for the disk to let go of it */
    f->pulses = NULL;
    f->good = good;
}

void live_final_done(struct live_final *f) {
    pulse_store_free(f->pulses);
    for (size_t i = 0; i < f->n_scans; i++)
        scan_done(&f->scans[i]);
    free(f->scans);
    free(f->lost);
    *f = (struct live_final){ 0 };
}
