#include "daemon/cli/simulate_run.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "daemon/cli/simulate_plan.h"
#include "daemon/exit_code.h"
#include "daemon/log.h"
#include "daemon/pipeline.h"
#include "daemon/progress.h"
#include "daemon/sink/beamtime_writer.h"
#include "daemon/sink/truth_file.h"

enum { BATCH = 64 };

/* ---- the folder ---- */

static bool is_empty(const char *path) {
    DIR *d = opendir(path);
    if (d == NULL)
        return errno == ENOENT;
    int n = 0;
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n == 0;
}

static bool ends_in(const char *name, const char *end) {
    const size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

/* What an earlier simulation left in one of its folders: a channel of it would pass for one of ours. */
static void remove_earlier(const char *folder) {
    static const char *const endings[] = {".ljh", "_experiment_state.txt", ".json"};
    DIR *d = opendir(folder);
    if (d == NULL)
        return;
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
            if (ends_in(e->d_name, endings[i]))
                unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
}

static void clear_runs(const struct beamtime_writer *w) {
    static const char *const parts[] = {"/0000", "/0001", "/0001/logs"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        char path[BEAMTIME_PATH + 16];
        snprintf(path, sizeof path, "%s%s", w->folder, parts[i]);
        remove_earlier(path);
    }
}

static bool prepare_folder(const struct simulate_settings *s, const struct beamtime_writer *w) {
    if (!s->force && !is_empty(s->folder)) {
        log_error("%s: exists and is not an empty folder; choose another one, or --force to replace an earlier simulation in it", s->folder);
        return false;
    }
    if (mkdir(s->folder, 0777) != 0 && errno != EEXIST) {
        log_error("%s: the folder cannot be made: %m", s->folder);
        return false;
    }
    clear_runs(w);
    return beamtime_make_folders(w);
}

static double expected_bytes(const struct beamtime_writer *w) {
    double photons = 0, records = 0;
    for (size_t i = 0; i < w->plan->n_stretches; i++)
        photons += w->plan->stretches[i].rate_Hz * (double)(w->plan->stretches[i].end_ns - w->plan->stretches[i].start_ns) * 1e-9;
    const double length_s = (double)(w->plan->end_ns - w->plan->settings.start_ns) * 1e-9;
    for (uint32_t i = 0; i < w->n_pixels; i++)
        records += photons * w->pixels[i].sensitivity + (w->pixels[i].noise_triggers_per_s + w->pixels[i].flux_jumps_per_s) * length_s + w->noise_records;
    return records * (16 + 2. * w->n_samples) + photons * w->n_pixels * 40;
}

static bool enough_space(const struct beamtime_writer *w, const char *folder) {
    struct statvfs v;
    if (statvfs(folder, &v) != 0)
        return true;   /* then writing will tell */
    const double need = expected_bytes(w), have = (double)v.f_bavail * (double)v.f_frsize;
    if (need <= have)
        return true;
    log_error("%s: about %.1f GB are needed and %.1f GB are free; free some space or simulate less (--pixels, --rate, --scans)", folder, need * 1e-9, have * 1e-9);
    return false;
}

/* ---- the work ---- */

struct simulation {
    struct beamtime_writer writer;
    struct simulate_plan plan;
    struct pixel_outcome outcomes[BATCH];
    uint32_t first;            /* pixel of outcomes[0] */
    atomic_bool failed;
    struct progress progress;
    uint64_t records, photons, in_records;
};

static void make_writer(const struct simulate_settings *s, struct simulation *m) {
    struct beamtime_writer *w = &m->writer;
    *w = (struct beamtime_writer){.plan = m->plan.beam, .pixels = m->plan.pixels, .n_pixels = (uint32_t)s->pixels, .seed = (uint64_t)s->seed, .period_s = s->period_s,
                                  .n_samples = (uint32_t)s->samples, .n_presamples = (uint32_t)s->presamples, .noise_records = (uint32_t)s->noise_records,
                                  .trigger = s->trigger, .stamp_jitter_s = s->stamp_jitter_us * 1e-6};
    w->noise_start_ns = m->plan.beam->settings.start_ns - llround((s->noise_records * s->samples * s->period_s + 10) * 1e9);
    const time_t at = (time_t)(m->plan.beam->settings.start_ns / 1000000000);
    struct tm t;
    strftime(w->day, sizeof w->day, "%Y%m%d", gmtime_r(&at, &t));
    snprintf(w->folder, sizeof w->folder, "%s/%s", s->folder, w->day);
}

static void simulate_pixel(void *ctx, size_t i) {
    struct simulation *m = ctx;
    if (!atomic_load(&m->failed) && !beamtime_write_pixel(&m->writer, m->first + (uint32_t)i, &m->outcomes[i]))
        atomic_store(&m->failed, true);
    progress_add(&m->progress, 1);
}

static void note_outcome(struct simulation *m, const struct pixel_outcome *o) {
    m->records += o->n_records;
    m->photons += o->n;
    for (size_t i = 0; i < o->n; i++)
        m->in_records += o->record[i] >= 0;
}

static bool write_pixels(struct simulation *m, struct truth_file *truth, unsigned workers) {
    const uint32_t n = m->writer.n_pixels;
    progress_begin(&m->progress, "simulating", n);
    for (m->first = 0; m->first < n && !atomic_load(&m->failed); m->first += BATCH) {
        const uint32_t count = n - m->first < BATCH ? n - m->first : BATCH;
        memset(m->outcomes, 0, sizeof m->outcomes);
        if (!pipeline_run(count, workers, simulate_pixel, m))
            atomic_store(&m->failed, true);
        for (uint32_t i = 0; i < count; i++) {
            if (!atomic_load(&m->failed)) {
                truth_file_add(truth, &m->outcomes[i]);
                note_outcome(m, &m->outcomes[i]);
            }
            pixel_outcome_done(&m->outcomes[i]);
        }
    }
    progress_end(&m->progress);
    return !atomic_load(&m->failed);
}

static void print_report(const struct simulate_settings *s, const struct simulation *m) {
    const struct beamtime_writer *w = &m->writer;
    printf("%s/0000  noise: %u records of each of %u pixels\n", w->folder, w->noise_records, w->n_pixels);
    printf("%s/0001  pulses: %llu records, %llu of %llu photons in them; %zu scans and calibrations in %.0f s of beamtime\n", w->folder,
           (unsigned long long)m->records, (unsigned long long)m->in_records, (unsigned long long)m->photons, m->plan.beam->n_scans,
           (double)(m->plan.beam->end_ns - m->plan.beam->settings.start_ns) * 1e-9);
    printf("%s/truth.h5  every photon, and the numbers of every pixel\n", s->folder);
    for (int k = PIXEL_DEAD; k < N_PIXEL_KINDS; k++)
        for (uint32_t i = 0; i < w->n_pixels; i++)
            if (m->plan.pixels[i].kind == (enum pixel_kind)k)
                printf("channel %u: %s\n", beamtime_channel(i), pixel_kind_names[k]);
}

static bool write_everything(const struct simulate_settings *s, struct simulation *m) {
    char path[BEAMTIME_PATH];
    snprintf(path, sizeof path, "%s/truth.h5", s->folder);
    if (!prepare_folder(s, &m->writer))
        return false;
    struct truth_file *truth = NULL;
    bool good = enough_space(&m->writer, s->folder) && beamtime_write_logs(&m->writer) && (truth = truth_file_create(path, &m->writer)) != NULL &&
                write_pixels(m, truth, (unsigned)s->workers);
    if (good)
        good = truth_file_finish(truth);
    else
        truth_file_abandon(truth);
    if (!good)
        clear_runs(&m->writer);   /* half a beamtime would pass for a whole one */
    return good;
}

static int simulate_with(const struct simulate_settings *s, struct simulation *m) {
    const enum exit_code code = simulate_plan_new(s, &m->plan);
    if (code != EXIT_GOOD)
        return (int)code;
    make_writer(s, m);
    if (!write_everything(s, m))
        return EXIT_FAILED;
    print_report(s, m);
    return EXIT_GOOD;
}

int simulate_run(const struct simulate_settings *s) {
    if (strlen(s->folder) > BEAMTIME_PATH - 128) {
        log_error("%.40s...: the path is too long", s->folder);
        return EXIT_USAGE;
    }
    struct simulation *m = calloc(1, sizeof *m);
    const int code = m == NULL ? EXIT_FAILED : simulate_with(s, m);
    if (m != NULL)
        simulate_plan_done(&m->plan);
    free(m);
    return code;
}
