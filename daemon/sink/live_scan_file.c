#include "daemon/sink/live_scan_file.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/scan_live_time.h"
#include "daemon/h5_growth.h"
#include "daemon/scan_copy.h"
#include "daemon/sink/archive_parts.h"
#include "daemon/sink/scan_group.h"
#include "daemon/version.h"
#include "pulse/livetime.h"

enum { ARRAYS = 16, GAPS = 256, MARGIN_BYTES = 1 << 20, ROW_BYTES = 64 };

/* The datasets of a group that change, in the order in which its arrays are made. */
struct open_group { unsigned n; hid_t ids[ARRAYS]; };

enum pixel_dataset { PIXEL_RECORDS, PIXEL_PHOTONS, PIXEL_CUTS, PIXEL_JUMPED, PIXEL_LIVE, N_PIXEL_DATASETS };
enum process_dataset { PROCESS_ROWS, PROCESS_POINTS, GAP_FROM, GAP_TO, GAP_LOST, N_PROCESS_DATASETS };

/* What errors of yields are made of, beside counts and times (scan_live_time.h). */
enum { WINDOWS = 4 };

struct live_scan_file {
    struct archive a;
    struct open_group scan, maps[2], *yields;
    uint32_t n_yields;
    hid_t grade_times, windows[WINDOWS], heights[4], pixels[N_PIXEL_DATASETS], process[N_PROCESS_DATASETS];
    size_t n_pixels, row_bytes;
    struct archive_pixel *counts;
    int64_t gap_from_ns[GAPS], gap_to_ns[GAPS];
    uint64_t gap_lost[GAPS], n_gaps;
};

/* ---- making it ---- */

static void make_arrays(struct live_scan_file *f, hid_t group, const struct data_array *arrays, unsigned n, struct open_group *out) {
    assert(n <= ARRAYS);
    for (unsigned k = 0; k < n; k++)
        out->ids[out->n++] = h5_growth_dataset(f->a.file, group, &arrays[k]);
}

static void make_product(struct live_scan_file *f, const char *name, enum status made, struct data_group *g, struct open_group *out) {
    if (made != STATUS_OK) {
        h5_file_fail(f->a.file, name, status_text(made));
        return;
    }
    const hid_t group = h5_file_group(f->a.file, f->a.entry, name, "NXdata");
    archive_data_attributes(&f->a, group, g);
    h5_file_text(f->a.file, group, "title", g->title);
    make_arrays(f, group, g->arrays, g->n_arrays, out);
    if (data_group_array(g, "outside"))
        h5_file_member_texts(f->a.file, group, "outside", "columns", rixs_outside_names, N_OUTSIDE);
    h5_file_close_group(group);
    data_group_done(g);
}

static enum status product_of(const struct scan_products *p, uint32_t n_points, int which, struct data_group *g) {
    char words[32];
    snprintf(words, sizeof words, "scan %d", p->scan->number);
    if (which < 2)
        return data_group_map(p, which == 0 ? p->emission : p->loss, n_points, words, g);
    return data_group_yield(p, p->yields[which - 2], n_points, words, g);
}

static void make_products(struct live_scan_file *f, const struct scan_products *p) {
    struct data_group g;
    char name[GROUP_NAME];
    for (int k = 0; k < 2; k++) {
        snprintf(name, sizeof name, "%s_%04d", k == 0 ? "rixs" : "loss", p->scan->number);
        if ((k == 0 ? p->emission : p->loss) != NULL)
            make_product(f, name, product_of(p, 0, k, &g), &g, &f->maps[k]);
    }
    for (uint32_t k = 0; k < p->n_yields; k++) {
        snprintf(name, sizeof name, "pfy_%04d_%s", p->scan->number, p->yields[k]->region.name);
        make_product(f, name, product_of(p, 0, 2 + (int)k, &g), &g, &f->yields[k]);
    }
}

static struct data_array per_pixel(const char *name, const char *units, size_t n, const double *values) {
    return (struct data_array){ .name = name, .type = ARRAY_F8, .rank = 1, .shape = { n }, .units = units, .data = values };
}

/* All grade times of the first n_points points in one piece; NULL: no memory. */
static int64_t *grade_times_of(const struct scan_products *p, uint32_t n_points) {
    const size_t row = (size_t)n_points * N_LIVETIME_COLUMNS;
    int64_t *out = calloc(p->n_pixels * row + 1, sizeof *out);
    for (uint32_t k = 0; out != NULL && k < p->n_pixels; k++)
        memcpy(out + k * row, p->grade_time_ns + (size_t)k * p->n_points * N_LIVETIME_COLUMNS, row * sizeof *out);
    for (uint32_t k = 0; out != NULL && k < p->n_pixels; k++)
        for (uint32_t i = 0; i < n_points; i++)
            scan_copy_fit_times(out + k * row + (size_t)i * N_LIVETIME_COLUMNS, p->scan->points[i].end_ns - p->scan->points[i].start_ns);
    return out;
}

static struct data_array grade_array(const struct scan_products *p, uint32_t n_points, const int64_t *times) {
    return (struct data_array){ .name = "grade_time_ns", .type = ARRAY_I8, .rank = 3, .shape = { p->n_pixels, n_points, N_LIVETIME_COLUMNS }, .grows = 2, .units = "ns",
                                .long_name = "time in which one more photon would have got each grade", .data = times };
}

static void window_arrays(const struct scan_products *p, struct data_array out[WINDOWS]) {
    out[0] = per_pixel("sensitivity", "", p->n_pixels, p->sensitivity);
    out[1] = per_pixel("window_s", "s", p->n_pixels, p->window_s);
    out[2] = per_pixel("unresolved_s", "s", p->n_pixels, p->unresolved_s);
    out[3] = per_pixel("tail_s", "s", p->n_pixels, p->tail_s);
}

static void make_scan(struct live_scan_file *f, const struct scan_products *p) {
    static const char *const columns[N_LIVETIME_COLUMNS] = { "high", "mid", "tail", "low", "none", "dead" };
    char name[GROUP_NAME];
    struct scan_group g;
    snprintf(name, sizeof name, "scan_%04d", p->scan->number);
    if (!scan_group_make(p, 0, &g)) {
        h5_file_fail(f->a.file, name, "out of memory");
        return;
    }
    const hid_t group = h5_file_group(f->a.file, f->a.entry, name, "NXcollection");
    archive_scan_texts(&f->a, group, p->scan);
    make_arrays(f, group, g.arrays, g.n, &f->scan);
    const struct data_array times = grade_array(p, 0, NULL);
    struct data_array windows[WINDOWS];
    window_arrays(p, windows);
    f->grade_times = h5_growth_dataset(f->a.file, group, &times);
    for (unsigned k = 0; k < WINDOWS; k++)
        f->windows[k] = h5_growth_dataset(f->a.file, group, &windows[k]);
    h5_file_member_texts(f->a.file, group, "grade_time_ns", "columns", columns, N_LIVETIME_COLUMNS);
    h5_file_close_group(group);
    scan_group_done(&g);
}

/* The axis has its full length from the start; what is not reached yet stays empty. */
static void height_arrays(const struct height_histogram *h, double centres[HEIGHT_BINS], double edges[HEIGHT_BINS + 1], uint64_t counts[HEIGHT_BINS], struct data_array out[4]) {
    for (size_t k = 0; k <= HEIGHT_BINS; k++)
        edges[k] = (double)(h->first + (int64_t)k) * h->width;
    for (size_t k = 0; k < HEIGHT_BINS; k++) {
        centres[k] = 0.5 * (edges[k] + edges[k + 1]);
        counts[k] = k < h->n ? h->counts[k] : 0;
    }
    out[0] = (struct data_array){ .name = "counts", .type = ARRAY_U8, .rank = 1, .shape = { HEIGHT_BINS }, .units = "counts", .long_name = "records", .data = counts };
    out[1] = (struct data_array){ .name = "height", .type = ARRAY_F8, .rank = 1, .shape = { HEIGHT_BINS }, .units = "arb", .long_name = "filtered pulse height", .data = centres };
    out[2] = (struct data_array){ .name = "height_edges", .type = ARRAY_F8, .rank = 1, .shape = { HEIGHT_BINS + 1 }, .units = "arb", .data = edges };
    out[3] = (struct data_array){ .name = "records_without_height", .type = ARRAY_U8, .data = &h->without };
}

static void write_heights(struct live_scan_file *f, bool make) {
    double centres[HEIGHT_BINS], edges[HEIGHT_BINS + 1];
    uint64_t counts[HEIGHT_BINS];
    struct data_array arrays[4];
    height_arrays(&f->a.heights, centres, edges, counts, arrays);
    hid_t group = -1;
    if (make) {
        const struct data_group g = { .signal = "counts", .axes = { "height" }, .n_axes = 1 };
        group = h5_file_group(f->a.file, f->a.entry, "heights", "NXdata");
        archive_data_attributes(&f->a, group, &g);
        h5_file_text(f->a.file, group, "title", "pulse heights of the scan's records");
    }
    for (unsigned k = 0; k < 4; k++)
        if (make)
            f->heights[k] = h5_growth_dataset(f->a.file, group, &arrays[k]);
        else
            h5_growth_write(f->a.file, f->heights[k], &arrays[k], 0);
    h5_file_close_group(group);
}

static void make_pixels(struct live_scan_file *f) {
    static const char *const names[N_PIXEL_DATASETS] = { [PIXEL_RECORDS] = "records", [PIXEL_PHOTONS] = "photons", [PIXEL_CUTS] = "cut_counts", [PIXEL_JUMPED] = "jumped_ns", [PIXEL_LIVE] = "live_time_s" };
    archive_pixels(&f->a, f->counts, f->n_pixels);
    const hid_t group = f->a.file->failed ? -1 : H5Gopen2(f->a.entry, "pixels", H5P_DEFAULT);
    for (int k = 0; k < N_PIXEL_DATASETS; k++)
        f->pixels[k] = h5_growth_open(f->a.file, group, names[k]);
    h5_file_close_group(group);
}

static void make_process(struct live_scan_file *f, const struct live_scan_setup *setup) {
    const struct archive_process process = { .command_line = "tesd run", .config_text = setup->config_text, .inputs = &setup->calibration_path,
                                             .n_inputs = setup->calibration_path[0] != '\0', .state = "live" };
    static const int64_t nothing = 0;
    const struct data_array arrays[N_PROCESS_DATASETS] = {
        [PROCESS_ROWS] = { .name = "flushed_rows", .type = ARRAY_I8, .long_name = "rows of photons that the file is sure to hold", .data = &nothing },
        [PROCESS_POINTS] = { .name = "flushed_points", .type = ARRAY_I8, .long_name = "points of the scan that it is sure to hold", .data = &nothing },
        [GAP_FROM] = { .name = "gap_from_ns", .type = ARRAY_I8, .rank = 1, .grows = 1, .units = "ns", .long_name = "first record that is not in the file" },
        [GAP_TO] = { .name = "gap_to_ns", .type = ARRAY_I8, .rank = 1, .grows = 1, .units = "ns", .long_name = "last one" },
        [GAP_LOST] = { .name = "gap_lost", .type = ARRAY_U8, .rank = 1, .grows = 1, .long_name = "how many are not" },
    };
    archive_write_process(&f->a, &process);
    const hid_t group = f->a.file->failed ? -1 : H5Gopen2(f->a.entry, "process", H5P_DEFAULT);
    for (int k = 0; k < N_PROCESS_DATASETS; k++)
        f->process[k] = h5_growth_dataset(f->a.file, group, &arrays[k]);
    h5_file_close_group(group);
}

static void make_entry(struct live_scan_file *f, const struct live_scan_setup *setup, const struct scan_products *p) {
    struct archive *a = &f->a;
    char name[GROUP_NAME], title[128];
    h5_file_attribute_text(a->file, a->file->id, "NX_class", "NXroot");
    h5_file_attribute_text(a->file, a->file->id, "default", "entry");
    a->entry = h5_file_group(a->file, a->file->id, "entry", "NXentry");
    archive_photons_open(a, false);
    write_heights(f, true);
    make_pixels(f);
    make_scan(f, p);
    make_products(f, p);
    for (size_t k = 0; setup->model != NULL && k < setup->model->n_tables; k++)
        archive_calibration(a, setup->model->tables[k], setup->calibration_path);
    make_process(f, setup);
    snprintf(title, sizeof title, "scan %d%s%s", p->scan->number, p->scan->sample[0] ? ", " : "", p->scan->sample);
    h5_file_text(a->file, a->entry, "title", title);
    archive_time(a, "start_time", p->scan->start_ns);
    archive_time(a, "end_time", p->scan->start_ns);
    snprintf(name, sizeof name, "rixs_%04d", p->scan->number);
    h5_file_attribute_text(a->file, a->entry, "default", p->emission != NULL ? name : "heights");
}

static size_t bytes_of_point(const struct scan_products *p) {
    size_t bytes = 4096 + p->n_pixels * N_LIVETIME_COLUMNS * sizeof(int64_t) + p->n_yields * (size_t)512;
    bytes += p->emission != NULL ? p->emission->n_bins * sizeof(uint32_t) : 0;
    return bytes + (p->loss != NULL ? p->loss->n_bins * sizeof(uint32_t) : 0);
}

static struct live_scan_file *file_new(const struct live_scan_setup *setup, const struct scan_products *p) {
    struct live_scan_file *f = calloc(1, sizeof *f);
    if (f == NULL)
        return NULL;
    f->counts = calloc(setup->n_pixels + 1, sizeof *f->counts);
    f->yields = calloc(p->n_yields + (size_t)1, sizeof *f->yields);
    f->n_yields = p->n_yields;
    f->n_pixels = setup->n_pixels;
    f->row_bytes = bytes_of_point(p);
    f->a.entry = f->a.photons.group = f->grade_times = -1;
    memset(f->windows, -1, sizeof f->windows);
    memset(f->heights, -1, sizeof f->heights);
    memset(f->pixels, -1, sizeof f->pixels);
    memset(f->process, -1, sizeof f->process);
    height_histogram_init(&f->a.heights);
    if (f->counts != NULL)
        memcpy(f->counts, setup->pixels, setup->n_pixels * sizeof *f->counts);
    return f;
}

bool live_scan_file_open(const struct live_scan_setup *setup, const struct scan_products *p, struct live_scan_file **out) {
    struct live_scan_file *f = file_new(setup, p);
    if (f == NULL || f->counts == NULL || f->yields == NULL || (f->a.file = h5_growth_create(setup->path)) == NULL) {
        const int error = errno;
        live_scan_file_close(f);
        errno = error;
        return false;
    }
    make_entry(f, setup, p);
    h5_growth_start(f->a.file);
    if (f->a.file->failed) {
        live_scan_file_close(f);
        errno = EIO;
        return false;
    }
    *out = f;
    return true;
}

/* ---- rows ---- */

int live_scan_file_room(const struct live_scan_file *f, size_t rows, uint32_t points) {
    return h5_file_room(f->a.file, rows * ROW_BYTES + points * (uint64_t)f->row_bytes + MARGIN_BYTES);
}

static void count_rows(struct live_scan_file *f, const struct photon_block *b) {
    for (size_t i = 0; i < b->n; i++) {
        struct archive_pixel *p = &f->counts[b->pixel[i] < f->n_pixels ? b->pixel[i] : 0];
        p->records++;
        if (p->jumped_ns == 0 && b->cuts[i] & CUT_BIT(CUT_JUMPED))
            p->jumped_ns = b->time_ns[i];
        if (b->cuts[i] == 0)
            p->photons++;
        else
            p->cut_counts[cut_reason(b->cuts[i])]++;
    }
}

bool live_scan_file_rows(struct live_scan_file *f, const struct photon_block *rows) {
    count_rows(f, rows);
    return archive_photons(&f->a, rows);
}

bool live_scan_file_anew(struct live_scan_file *f) {
    for (size_t k = 0; k < f->n_pixels; k++) {
        f->counts[k].records = f->counts[k].photons = 0;
        f->counts[k].jumped_ns = 0;
        memset(f->counts[k].cut_counts, 0, sizeof f->counts[k].cut_counts);
    }
    f->a.photons.n_staged = 0;
    f->a.photons.n_written = 0;
    height_histogram_init(&f->a.heights);
    return !f->a.file->failed;
}

bool live_scan_file_gap(struct live_scan_file *f, int64_t from_ns, int64_t to_ns, uint64_t lost) {
    if (f->n_gaps == GAPS) {   /* the last one takes what comes */
        f->gap_to_ns[GAPS - 1] = to_ns;
        f->gap_lost[GAPS - 1] += lost;
        return !f->a.file->failed;
    }
    f->gap_from_ns[f->n_gaps] = from_ns;
    f->gap_to_ns[f->n_gaps] = to_ns;
    f->gap_lost[f->n_gaps++] = lost;
    return !f->a.file->failed;
}

/* ---- points ---- */

static void write_arrays(struct live_scan_file *f, const struct data_array *arrays, unsigned n, const struct open_group *to, uint32_t from) {
    for (unsigned k = 0; k < n && k < to->n; k++)
        if (arrays[k].grows > 0)
            h5_growth_write(f->a.file, to->ids[k], &arrays[k], from);
}

static void write_products(struct live_scan_file *f, const struct scan_products *p, uint32_t from, uint32_t n_points) {
    for (int k = 0; k < 2 + (int)f->n_yields; k++) {
        struct data_group g;
        const struct open_group *to = k < 2 ? &f->maps[k] : &f->yields[k - 2];
        if (to->n == 0)
            continue;
        if (product_of(p, n_points, k, &g) != STATUS_OK) {
            h5_file_fail(f->a.file, "a product", "out of memory");
            return;
        }
        write_arrays(f, g.arrays, g.n_arrays, to, from);
        data_group_done(&g);
    }
}

static void write_scan(struct live_scan_file *f, const struct scan_products *p, uint32_t from, uint32_t n_points) {
    struct scan_group g;
    int64_t *times = grade_times_of(p, n_points);
    if (times == NULL || !scan_group_make(p, n_points, &g)) {
        free(times);
        h5_file_fail(f->a.file, "points", "out of memory");
        return;
    }
    const struct data_array grades = grade_array(p, n_points, times);
    struct data_array windows[WINDOWS];
    window_arrays(p, windows);
    write_arrays(f, g.arrays, g.n, &f->scan, from);
    h5_growth_write(f->a.file, f->grade_times, &grades, from);
    for (unsigned k = 0; k < WINDOWS; k++)
        h5_growth_write(f->a.file, f->windows[k], &windows[k], 0);
    scan_group_done(&g);
    free(times);
}

/* Columns of the counts, one after the other through one piece of memory. */
static void write_pixels(struct live_scan_file *f, const struct scan_products *p) {
    const size_t n = f->n_pixels;
    uint64_t *room = calloc(n * N_CUTS + 1, sizeof *room);
    double *live_s = calloc(n + 1, sizeof *live_s);
    if (room == NULL || live_s == NULL) {
        h5_file_fail(f->a.file, "pixels", "out of memory");
        free(room);
        free(live_s);
        return;
    }
    const struct data_array counts = { .name = "records", .type = ARRAY_U8, .rank = 1, .shape = { n }, .data = room };
    for (size_t k = 0; k < n; k++)
        room[k] = f->counts[k].records;
    h5_growth_write(f->a.file, f->pixels[PIXEL_RECORDS], &counts, 0);
    for (size_t k = 0; k < n; k++)
        room[k] = f->counts[k].photons;
    h5_growth_write(f->a.file, f->pixels[PIXEL_PHOTONS], &counts, 0);
    for (size_t k = 0; k < n; k++)
        room[k] = (uint64_t)f->counts[k].jumped_ns;
    h5_growth_write(f->a.file, f->pixels[PIXEL_JUMPED], &(struct data_array){ .name = "jumped_ns", .type = ARRAY_I8, .rank = 1, .shape = { n }, .data = room }, 0);
    for (size_t k = 0; k < n; k++)
        memcpy(room + k * N_CUTS, f->counts[k].cut_counts, sizeof f->counts[k].cut_counts);
    h5_growth_write(f->a.file, f->pixels[PIXEL_CUTS], &(struct data_array){ .name = "cut_counts", .type = ARRAY_U8, .rank = 2, .shape = { n, N_CUTS }, .data = room }, 0);
    for (uint32_t k = 0; k < n; k++)
        live_s[k] = k < p->n_pixels ? scan_live_time_pixel(p, k, GRADE_HIGH) : 0;
    h5_growth_write(f->a.file, f->pixels[PIXEL_LIVE], &(struct data_array){ .name = "live_time_s", .type = ARRAY_F8, .rank = 1, .shape = { n }, .data = live_s }, 0);
    free(room);
    free(live_s);
}

static void write_gaps(struct live_scan_file *f) {
    const struct { enum process_dataset where; const void *data; enum array_type type; } columns[] = {
        { GAP_FROM, f->gap_from_ns, ARRAY_I8 }, { GAP_TO, f->gap_to_ns, ARRAY_I8 }, { GAP_LOST, f->gap_lost, ARRAY_U8 },
    };
    for (unsigned k = 0; k < sizeof columns / sizeof columns[0]; k++)
        h5_growth_write(f->a.file, f->process[columns[k].where], &(struct data_array){ .name = "gap", .type = columns[k].type, .rank = 1, .shape = { f->n_gaps }, .grows = 1, .data = columns[k].data }, 0);
}

static void flush_group(struct live_scan_file *f, const struct open_group *g) {
    for (unsigned k = 0; k < g->n; k++)
        h5_growth_flush(f->a.file, g->ids[k]);
}

static void flush_all(struct live_scan_file *f) {
    for (int k = 0; k < N_PHOTON_COLUMNS; k++)
        h5_growth_flush(f->a.file, f->a.photons.columns[k]);
    flush_group(f, &f->scan);
    flush_group(f, &f->maps[0]);
    flush_group(f, &f->maps[1]);
    for (uint32_t k = 0; k < f->n_yields; k++)
        flush_group(f, &f->yields[k]);
    const hid_t others[] = { f->grade_times, f->heights[0], f->heights[1], f->heights[2], f->heights[3] };
    for (unsigned k = 0; k < sizeof others / sizeof others[0]; k++)
        h5_growth_flush(f->a.file, others[k]);
    for (unsigned k = 0; k < WINDOWS; k++)
        h5_growth_flush(f->a.file, f->windows[k]);
    for (int k = 0; k < N_PIXEL_DATASETS; k++)
        h5_growth_flush(f->a.file, f->pixels[k]);
}

/* Last, when all that they promise is there. */
static void write_marks(struct live_scan_file *f, uint32_t n_points) {
    const int64_t marks[2] = { (int64_t)f->a.photons.n_written, n_points };
    for (int k = 0; k < 2; k++)
        h5_growth_write(f->a.file, f->process[PROCESS_ROWS + k], &(struct data_array){ .name = "flushed", .type = ARRAY_I8, .data = &marks[k] }, 0);
    for (int k = 0; k < N_PROCESS_DATASETS; k++)
        h5_growth_flush(f->a.file, f->process[k]);
}

bool live_scan_file_update(struct live_scan_file *f, const struct scan_products *p, uint32_t from, uint32_t n_points) {
    archive_photons_end(&f->a);
    write_scan(f, p, from, n_points);
    write_products(f, p, from, n_points);
    write_heights(f, false);
    write_pixels(f, p);
    write_gaps(f);
    flush_all(f);
    write_marks(f, n_points);
    return !f->a.file->failed;
}

/* ---- the end ---- */

static void close_ids(const hid_t *ids, size_t n) {
    for (size_t k = 0; k < n; k++)
        h5_file_close_column(ids[k]);
}

bool live_scan_file_close(struct live_scan_file *f) {
    if (f == NULL)
        return false;
    bool good = false;
    if (f->a.file != NULL) {
        close_ids(f->scan.ids, f->scan.n);
        close_ids(f->maps[0].ids, f->maps[0].n);
        close_ids(f->maps[1].ids, f->maps[1].n);
        for (uint32_t k = 0; f->yields != NULL && k < f->n_yields; k++)
            close_ids(f->yields[k].ids, f->yields[k].n);
        close_ids(&f->grade_times, 1);
        close_ids(f->windows, WINDOWS);
        close_ids(f->heights, 4);
        close_ids(f->pixels, N_PIXEL_DATASETS);
        close_ids(f->process, N_PROCESS_DATASETS);
        archive_photons_close(&f->a);
        h5_file_close_group(f->a.entry);
        good = h5_file_finish(f->a.file);
    }
    free(f->counts);
    free(f->yields);
    free(f);
    return good;
}
