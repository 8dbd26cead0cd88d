#include "daemon/cli/bench_set.h"

#include <dirent.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/cli/bench_model.h"
#include "daemon/cli/bench_self.h"
#include "daemon/cli/offline_arguments.h"
#include "daemon/clock.h"
#include "daemon/learning.h"
#include "daemon/log.h"
#include "daemon/model_store.h"
#include "daemon/source/source.h"
#include "pulse/record_ljh.h"

/* ---- a beamtime, and what is learnt from it ---- */

/* Two calibrations and one scan of each of two edges in two conditions: about 4,600 photons at 6 Hz, to be had at any rate. */
static bool simulate(struct bench_set *s) {
    char folder[BENCH_PATH + 8], pixels[16], rate[32], calibration[32];
    snprintf(folder, sizeof folder, "%s/sim", s->folder);
    snprintf(pixels, sizeof pixels, "%u", s->size.learnt_pixels);
    snprintf(rate, sizeof rate, "%.3g", 6.3 * fmin(1, s->size.pulses / 5000.));
    snprintf(calibration, sizeof calibration, "%.0f", 200 * fmax(1, s->size.pulses / 5000.));
    const char *const words[] = { "simulate", "-o", folder, "--pixels", pixels, "--rate", rate, "--calibration-s", calibration, "--scans", "1",
                                  "--bad-fraction", "0", "--noise-records", "1000", NULL };
    if (!bench_run_self(words, NULL))
        return false;
    struct dirent **days;
    int n = scandir(folder, &days, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        if (strspn(days[i]->d_name, "0123456789") == 8) {
            snprintf(s->noise, sizeof s->noise, "%s/%.8s/0000", folder, days[i]->d_name);
            snprintf(s->run, sizeof s->run, "%s/%.8s/0001", folder, days[i]->d_name);
        }
        free(days[i]);
    }
    free(n >= 0 ? days : NULL);
    return s->run[0] != 0;
}

static bool learn(struct bench_set *s, const struct options *o, const struct line_table *lines) {
    char *pulses[] = { s->run }, *noise[] = { s->noise };
    const struct beamtime_paths paths = { .pulses = pulses, .n_pulses = 1, .noise = noise, .n_noise = 1 };
    const struct learning_settings settings = { .lines = lines, .mono_eV = o->calibration.mono_eV };
    struct beamtime b;
    struct array_model *m;
    if (!beamtime_open(&paths, o->scan.i0_key, &b))
        return false;
    double wall_s = clock_s(CLOCK_MONOTONIC), cpu_s = clock_s(CLOCK_PROCESS_CPUTIME_ID);
    bool good = learning_run(&b, &settings, &m, NULL);
    s->learn_wall_s = clock_s(CLOCK_MONOTONIC) - wall_s;
    s->learn_cpu_s = clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu_s;
    if (good) {
        good = model_store_save(s->calibration, m);
        array_model_free(m);
    }
    beamtime_close(&b);
    return good;
}

/* ---- the array: file i holds a stretch of the file of pixel i % n, each time a later one ---- */

static bool file_of(const struct bench_set *s, unsigned pixel, char path[BENCH_PATH + 128]) {
    struct dirent **entries;
    int n = scandir(s->run, &entries, NULL, versionsort);
    unsigned seen = 0;
    bool found = false;
    for (int i = 0; i < n; i++) {
        if (source_channel_of_name(entries[i]->d_name) >= 0 && seen++ == pixel) {
            snprintf(path, BENCH_PATH + 128, "%s/%.60s", s->run, entries[i]->d_name);
            found = true;
        }
        free(entries[i]);
    }
    free(n >= 0 ? entries : NULL);
    return found;
}

/* What all files have in common, and the records of the shortest. */
static bool look_at_files(struct bench_set *s) {
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < s->size.learnt_pixels; i++) {
        char path[BENCH_PATH + 128];
        struct source_file *f;
        struct complaint why;
        if (!file_of(s, i, path) || source_file_open(path, &f, &why) != STATUS_OK)
            return false;
        const struct source_info *info = source_file_info(f);
        uint64_t n = source_file_most(f);
        s->learnt_records += n;
        least = n < least ? n : least;
        s->n_samples = info->shape.n_samples;
        s->n_presamples = info->shape.n_presamples;
        s->record_bytes = info->record_bytes;
        source_file_close(f);
    }
    s->records = s->size.records < least ? s->size.records : (uint32_t)least;
    s->bytes = malloc((size_t)s->size.pixels * s->records * s->record_bytes + 2 * (size_t)DOT_AHEAD);
    return s->records > 0 && s->bytes != NULL;
}

static bool write_pixel(struct bench_set *s, unsigned pixel) {
    char path[BENCH_PATH + 128], header[LJH_HEADER_LIMIT];
    size_t n = s->records * s->record_bytes, times = s->size.pixels / s->size.learnt_pixels;
    uint8_t *bytes = s->bytes + pixel * n;
    struct source_file *f;
    struct complaint why;
    if (!file_of(s, pixel % s->size.learnt_pixels, path) || source_file_open(path, &f, &why) != STATUS_OK)
        return false;
    size_t head = source_file_info(f)->header_bytes;
    size_t first = (source_file_most(f) - s->records) * (pixel / s->size.learnt_pixels) / times;
    bool good = file_bytes_peek(&f->bytes, 0, header, head) && file_bytes_peek(&f->bytes, head + first * s->record_bytes, bytes, n);
    source_file_close(f);
    snprintf(path, sizeof path, "%s/bench_chan%u.ljh", s->pulses, pixel + 1);
    FILE *to = good ? fopen(path, "wb") : NULL;
    good = to != NULL && fwrite(header, 1, head, to) == head && fwrite(bytes, 1, n, to) == n;
    return (to == NULL || fclose(to) == 0) && good;
}

/* One channel long enough that its size would show, were it held in memory: the records of the array one after the other. */
static bool write_big(struct bench_set *s) {
    char path[BENCH_PATH + 128], header[LJH_HEADER_LIMIT];
    snprintf(path, sizeof path, "%s/bench_chan1.ljh", s->pulses);
    FILE *from = fopen(path, "rb"), *to = fopen(s->big, "wb");
    size_t n = ((size_t)s->size.big_MB << 20) / s->record_bytes, all = (size_t)s->size.pixels * s->records;
    uint8_t *one = malloc(s->record_bytes);
    struct ljh_header h;
    struct complaint why;
    size_t head = from != NULL ? fread(header, 1, sizeof header, from) : 0;
    bool good = to != NULL && one != NULL && ljh_header_parse((const uint8_t *)header, head, &h, &why) == STATUS_OK &&
                fwrite(header, 1, h.header_bytes, to) == h.header_bytes;
    for (size_t i = 0; good && i < n; i++) {
        const uint8_t *like = s->bytes + i % all * s->record_bytes;
        struct pulse_record r = { .samples = (const sample_u16 *)(like + 16), .n_samples = s->n_samples, .n_presamples = s->n_presamples,
                                  .trigger_frame = (int64_t)(i + 1) * 4 * s->n_samples };
        r.trigger_time_ns = s->array.pulses.first_ns + llround((double)r.trigger_frame * h.sample_period_s * 1e9);
        ljh_record_format(&h, &r, one);
        good = fwrite(one, 1, s->record_bytes, to) == s->record_bytes;
    }
    free(one);
    good = (from == NULL || fclose(from) == 0) && good;
    return (to == NULL || fclose(to) == 0) && good;
}

static bool write_array(struct bench_set *s) {
    bool good = mkdir(s->pulses, 0700) == 0 && look_at_files(s);
    for (unsigned i = 0; good && i < s->size.pixels; i++)
        good = write_pixel(s, i);
    if (!good)
        log_error("%s: the files of the bench cannot be written: %m", s->pulses);
    return good;
}

static bool open_array(struct bench_set *s, const struct options *o, unsigned pixels, struct beamtime *out) {
    char *logs[] = { s->run }, **files = calloc(pixels, sizeof *files);
    bool good = files != NULL;
    for (unsigned i = 0; good && i < pixels; i++)
        good = asprintf(&files[i], "%s/bench_chan%u.ljh", s->pulses, i + 1) >= 0;
    const struct beamtime_paths paths = { .pulses = files, .n_pulses = pixels, .logs = logs, .n_logs = 1 };
    good = good && beamtime_open(&paths, o->scan.i0_key, out);
    for (unsigned i = 0; files != NULL && i < pixels; i++)
        free(files[i]);
    free(files);
    return good;
}

/* ---- all of it ---- */

static bool make_folder(const char *below, struct bench_set *s) {
    snprintf(s->folder, sizeof s->folder, "%.400s/tesd-bench-XXXXXX", below);
    if (mkdtemp(s->folder) == NULL) {
        log_error("%s: cannot be made: %m", s->folder);
        s->folder[0] = 0;
        return false;
    }
    snprintf(s->pulses, sizeof s->pulses, "%s/pulses", s->folder);
    snprintf(s->calibration, sizeof s->calibration, "%s/calibration.h5", s->folder);
    snprintf(s->output, sizeof s->output, "%s/out.nxs", s->folder);
    snprintf(s->big, sizeof s->big, "%s/big_chan1.ljh", s->folder);
    return true;
}

bool bench_set_make(const char *below, const struct bench_size *size, const struct options *options, const struct dot_kernel *kernel, struct bench_set **out) {
    struct line_table *lines = named_lines(options->calibration.lines);
    struct bench_set *s = calloc(1, sizeof *s);
    bool good = s != NULL && lines != NULL;
    if (good) {
        s->size = *size;
        good = make_folder(below, s) && simulate(s) && learn(s, options, lines) && write_array(s) && open_array(s, options, size->pixels, &s->array) &&
               open_array(s, options, size->scalar_pixels, &s->few) && bench_model_make(s->calibration, size->learnt_pixels, size->pixels, kernel, &s->model) &&
               bench_model_make(s->calibration, size->learnt_pixels, size->scalar_pixels, dot_kernel_find("scalar"), &s->scalar) && write_big(s);
    }
    line_table_free(lines);
    if (!good) {
        bench_set_free(s);
        return false;
    }
    *out = s;
    return true;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

void bench_set_free(struct bench_set *s) {
    if (s == NULL)
        return;
    array_model_free(s->model);
    array_model_free(s->scalar);
    beamtime_close(&s->array);
    beamtime_close(&s->few);
    if (s->folder[0] != 0)
        nftw(s->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(s->bytes);
    free(s);
}
