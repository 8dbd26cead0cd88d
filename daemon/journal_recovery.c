#include "daemon/journal_recovery.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/journal_reader.h"
#include "daemon/live_array.h"
#include "daemon/live_final.h"
#include "daemon/live_model.h"
#include "daemon/log.h"
#include "daemon/options.h"
#include "daemon/pulse_store.h"
#include "daemon/run_scans.h"
#include "daemon/scan_event_json.h"

enum { ROWS_AT_ONCE = 4096 };

struct found_second { uint64_t session, row; int64_t time_ns; };   /* session: its place in the file; wall clocks may be set back between two */

struct recovery {
    const char *path;
    const uint8_t *bytes;
    uint64_t n;
    const char *boot;             /* NULL: all sessions; else those before the first of this start of the program */
    json_t *session;              /* of the first that tells what the array was */
    struct options options;
    struct live_array *array;
    struct array_model *model;
    struct pulse_store *pulses;
    struct run_scans scans;
    struct row_block *rows;
    struct found_second *seconds; /* by session and row */
    size_t n_seconds, second_capacity, next_second;
    bool *gap_before;             /* of each pixel's next row */
    bool same_array;              /* of the session under way */
    uint64_t n_session;           /* its place in the file, from 1 on */
    int64_t first_ns, last_ns;
    char calibration[PATH_MAX];   /* that the journal names, beside it; "" none */
    char logs[512];               /* the acquisition's own folder of the run; "" none */
    struct journal_summary said;
};

/* ---- the file ---- */

bool journal_recovery_is_journal(const char *path) {
    char bytes[8] = "";
    FILE *f = fopen(path, "r");
    const bool is = f != NULL && fread(bytes, 1, 8, f) == 8 && memcmp(bytes, "TESDJNL2", 8) == 0;
    if (f != NULL)
        fclose(f);
    return is;
}

static bool map_file(struct recovery *r) {
    struct stat facts;
    const int fd = open(r->path, O_RDONLY | O_CLOEXEC);
    void *bytes = MAP_FAILED;
    if (fd >= 0 && fstat(fd, &facts) == 0 && facts.st_size > 0) {
        r->n = (uint64_t)facts.st_size;
        bytes = mmap(NULL, r->n, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    if (bytes == MAP_FAILED)
        log_error("%s: cannot be read: %s", r->path, errno != 0 ? strerror(errno) : "it is empty");
    if (fd >= 0)
        close(fd);
    r->bytes = bytes != MAP_FAILED ? bytes : NULL;
    return r->bytes != NULL;
}

static json_t *text_of(const struct journal_block *b) { return json_loadb((const char *)b->payload, b->payload_bytes, 0, NULL); }

/* ---- first round: what the array was, and second pulses, which may stand behind the rows they belong to ---- */

static bool note_seconds(struct recovery *r, uint64_t session, const struct journal_block *b) {
    if (r->n_seconds + b->rows > r->second_capacity) {
        const size_t capacity = 2 * (r->n_seconds + b->rows) + 1024;
        struct found_second *more = realloc(r->seconds, capacity * sizeof *more);
        if (more == NULL)
            return false;
        r->seconds = more;
        r->second_capacity = capacity;
    }
    for (uint32_t i = 0; i < b->rows; i++) {
        const struct journal_second s = journal_block_second(b, i);
        r->seconds[r->n_seconds++] = (struct found_second){ session, s.row, s.time_ns };
    }
    return true;
}

static int by_row(const void *a, const void *b) {
    const struct found_second *x = a, *y = b;
    if (x->session != y->session)
        return x->session < y->session ? -1 : 1;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

/* The last one is what the run had at its end; it lies beside the journal. */
static void note_calibration(struct recovery *r, const struct journal_block *b) {
    json_t *event = text_of(b);
    const char *word = json_string_value(json_object_get(event, "event")), *file = json_string_value(json_object_get(event, "file"));
    char path[PATH_MAX];
    const char *slash = strrchr(r->path, '/');
    if (word != NULL && strcmp(word, "calibration") == 0 && file != NULL && strchr(file, '/') == NULL) {
        const int n = snprintf(path, sizeof path, "%.*s%s", slash != NULL ? (int)(slash + 1 - r->path) : 0, r->path, file);
        if (n < (int)sizeof path && access(path, R_OK) == 0)
            memcpy(r->calibration, path, sizeof r->calibration);
        else
            log_warning("%s: it names the calibration %s, which is not there any more", r->path, file);
    }
    json_decref(event);
}

/* A session of this start of the program: it writes it still, and knows better itself. */
static bool is_our_own(const struct recovery *r, const struct journal_block *b) {
    if (r->boot == NULL)
        return false;
    json_t *session = text_of(b);
    const char *boot = json_string_value(json_object_get(session, "boot"));
    const bool own = boot != NULL && strcmp(boot, r->boot) == 0;
    json_decref(session);
    return own;
}

static bool first_round(struct recovery *r) {
    struct journal_reader reader = { 0 };
    struct journal_block b;
    bool good = true;
    for (uint64_t before = 0; good && journal_reader_next(&reader, r->bytes, r->n, &b); before = reader.offset) {
        if (b.kind == JOURNAL_SESSION && is_our_own(r, &b)) {
            r->n = before;
            break;
        }
        if (b.kind == JOURNAL_SESSION && r->session == NULL)
            r->session = text_of(&b);
        if (b.kind == JOURNAL_SECONDS)
            good = note_seconds(r, reader.sessions, &b);
        if (b.kind == JOURNAL_EVENT)
            note_calibration(r, &b);
    }
    r->said.blocks = reader.blocks;
    r->said.sessions = reader.sessions;
    r->said.missing_blocks = reader.missing;
    r->said.damaged_bytes = reader.damaged_bytes;
    if (r->n_seconds > 0)
        qsort(r->seconds, r->n_seconds, sizeof *r->seconds, by_row);
    if (good && r->session == NULL && r->boot != NULL)
        return true;
    if (!good || r->session == NULL)
        log_error("%s: %s", r->path, good ? "no block says which channels there were; it is no journal, or its beginning is lost" : "out of memory");
    return good && r->session != NULL;
}

/* ---- what the run was made with ---- */

static bool read_options(struct recovery *r) {
    const char *config = json_string_value(json_object_get(r->session, "config"));
    struct options_faults faults = { 0 };
    options_defaults(&r->options);
    if (config != NULL && config[0] != '\0' && !options_parse((const uint8_t *)config, strlen(config), &r->options, &faults))
        log_warning("%s: the settings in it are not understood any more (line %u: %s); defaults are taken", r->path, faults.list[0].line, faults.list[0].text);
    return true;
}

static bool set_up(struct recovery *r, const char *calibration, const char *folder) {
    const char *named = json_string_value(json_object_get(r->session, "calibration"));
    if (!read_options(r) || !live_array_make(json_object_get(r->session, "channels"), &r->array)) {
        log_error("%s: its channels cannot be read", r->path);
        return false;
    }
    calibration = calibration != NULL ? calibration : r->calibration[0] != '\0' ? r->calibration : named != NULL ? named : "";
    r->gap_before = calloc(r->array->n_pixels + (size_t)1, sizeof *r->gap_before);
    if (r->gap_before == NULL || !row_block_new(ROWS_AT_ONCE, &r->rows)) {
        log_error("%s: out of memory", r->path);
        return false;
    }
    if (!live_model_load(calibration, r->options.analysis.kernel, r->array, &r->model) || !pulse_store_new(folder, r->array->n_pixels, &r->pulses))
        return false;
    pulse_store_patient(r->pulses);
    return true;
}

/* ---- second round: rows and events in their order ---- */

static void set_row(struct row_block *b, const struct journal_row *row) {
    const size_t i = b->n;
    struct photon_block *p = b->photons;
    p->time_ns[i] = row->time_ns;
    p->frame[i] = row->frame;
    p->pixel[i] = row->pixel;
    p->height[i] = row->height;
    p->energy_eV[i] = row->energy_eV;
    p->energy_sigma_eV[i] = row->energy_sigma_eV;
    p->arrival[i] = row->arrival;
    p->pretrigger_mean[i] = row->pretrigger_mean;
    p->cuts[i] = row->cuts;
    p->flags[i] = row->flags;
    b->pulses[i] = (struct measured_pulse){ .time_ns = row->time_ns, .frame = row->frame, .height = row->height, .arrival_samples = row->arrival, .pretrigger_mean = row->pretrigger_mean,
                                            .residual = row->residual, .cuts = row->pulse_cuts, .baseline = row->baseline, .baseline_offset = row->baseline_offset,
                                            .baseline_weight = row->baseline_weight, .noise_factor = row->noise_factor, .tail_share = row->tail_share,
                                            .on_tail = (row->row_flags & JOURNAL_ON_TAIL) != 0 };
    b->flags[i] = row->row_flags & (uint8_t)~JOURNAL_ON_TAIL;
    p->n = ++b->n;
}

static bool hand_on(struct recovery *r) {
    const bool good = r->rows->n == 0 || pulse_store_add(r->pulses, r->rows);
    if (!good)
        log_error("%s: no space for its rows beside the output", r->path);
    row_block_clear(r->rows);
    return good;
}

static void add_seconds(struct recovery *r, uint64_t session, uint64_t number) {
    while (r->next_second < r->n_seconds && (r->seconds[r->next_second].session != session || r->seconds[r->next_second].row < number) &&
           by_row(&r->seconds[r->next_second], &(struct found_second){ session, number, INT64_MIN }) < 0)
        r->next_second++;
    for (; r->next_second < r->n_seconds && r->seconds[r->next_second].session == session && r->seconds[r->next_second].row == number; r->next_second++)
        if (r->rows->n_seconds < r->rows->second_capacity)
            r->rows->seconds[r->rows->n_seconds++] = (struct inner_event){ .row = r->rows->n - 1, .time_ns = r->seconds[r->next_second].time_ns };
}

static bool take_rows(struct recovery *r, const struct journal_block *b) {
    for (uint32_t i = 0; i < b->rows; i++) {
        struct journal_row row = journal_block_row(b, i);
        if (row.pixel >= r->array->n_pixels)
            continue;
        if (r->gap_before[row.pixel])
            row.row_flags |= ROW_GAP_BEFORE;
        r->gap_before[row.pixel] = false;
        if (r->rows->n == ROWS_AT_ONCE && !hand_on(r))
            return false;
        set_row(r->rows, &row);
        add_seconds(r, r->n_session, b->rows_before + i);
        r->first_ns = row.time_ns < r->first_ns ? row.time_ns : r->first_ns;
        r->last_ns = row.time_ns > r->last_ns ? row.time_ns : r->last_ns;
        r->said.rows++;
    }
    return true;
}

static void note_gap(struct recovery *r) {
    for (uint32_t k = 0; k < r->array->n_pixels; k++)
        r->gap_before[k] = true;
}

static void take_gap(struct recovery *r, const json_t *gap) {
    const char *sink = json_string_value(json_object_get(gap, "sink"));
    if (sink == NULL || strcmp(sink, "journal") != 0)
        return;
    r->said.lost_rows += (uint64_t)json_integer_value(json_object_get(gap, "lost"));
    note_gap(r);
}

/* States and scan logs of the acquisition say more than labels, where they can still be read. */
static void note_acquisition(struct recovery *r, const char *folder) {
    if (folder != NULL && folder[0] != '\0' && access(folder, R_OK) == 0)
        snprintf(r->logs, sizeof r->logs, "%s", folder);
}

static bool take_event(struct recovery *r, const json_t *object) {
    struct scan_event e;
    const char *word = json_string_value(json_object_get(object, "event"));
    r->said.events++;
    if (word != NULL && strcmp(word, "acquisition") == 0)
        note_acquisition(r, json_string_value(json_object_get(object, "folder")));
    if (word != NULL && strcmp(word, "calibration") == 0 && json_is_integer(json_object_get(object, "filters_from_ns")) && hand_on(r))
        pulse_store_heights_from(r->pulses, json_integer_value(json_object_get(object, "filters_from_ns")));
    if (word != NULL && strcmp(word, "label") == 0 && json_is_string(json_object_get(object, "label")))
        return run_scans_label(&r->scans, json_string_value(json_object_get(object, "label")), json_integer_value(json_object_get(object, "time_ns")));
    if (!scan_event_from_json(object, &e))
        return true;
    return run_scans_event(&r->scans, &e);
}

static void begin_session(struct recovery *r, const json_t *session) {
    r->same_array = session != NULL && live_array_same(r->array, json_object_get(session, "channels"));
    if (!r->same_array)
        log_warning("%s: a session with other channels begins in it and is left out", r->path);
    note_gap(r);
}

static bool take_block(struct recovery *r, const struct journal_block *b) {
    if (b->kind == JOURNAL_ROWS)
        return !r->same_array || take_rows(r, b);
    if (b->kind == JOURNAL_SECONDS)
        return true;
    json_t *o = text_of(b);
    bool good = true;
    if (b->kind == JOURNAL_SESSION)
        begin_session(r, o);
    else if (b->kind == JOURNAL_GAP)
        take_gap(r, o);
    else if (b->kind == JOURNAL_EVENT)
        good = take_event(r, o);
    json_decref(o);
    return good;
}

static bool second_round(struct recovery *r) {
    struct journal_reader reader = { 0 };
    struct journal_block b;
    r->same_array = true;   /* rows before the first session's own block: that block is lost */
    r->first_ns = INT64_MAX;
    r->last_ns = INT64_MIN;
    while (journal_reader_next(&reader, r->bytes, r->n, &b)) {
        r->n_session = reader.sessions;
        if (reader.gap)
            note_gap(r);
        if (!take_block(r, &b))
            return false;
    }
    return hand_on(r);
}

/* ---- the run's file ---- */

static bool states_are_readable(const struct recovery *r, const char *base_name) {
    char path[700];
    snprintf(path, sizeof path, "%s/%s_experiment_state.txt", r->logs, base_name);
    return r->logs[0] != '\0' && access(path, R_OK) == 0;
}

static bool make_file(struct recovery *r, const char *folder, const char *out) {
    const char *name = strrchr(r->path, '/');
    struct live_final f = { .options = r->options, .array = r->array, .model = r->model, .pulses = r->pulses, .bounds = pulse_bounds_none,
                            .n_samples = (uint32_t)json_integer_value(json_object_get(r->session, "n_samples")),
                            .sample_period_s = json_number_value(json_object_get(r->session, "sample_period_s")),
                            .calibration_path = json_string_value(json_object_get(r->session, "calibration")), .path = out, .state = "recovered", .command_line = "tesd recover" };
    r->pulses = NULL;
    snprintf(f.folder, sizeof f.folder, "%.500s", folder);
    snprintf(f.base_name, sizeof f.base_name, "%.80s", name != NULL ? name + 1 : r->path);
    char *ending = strstr(f.base_name, ".journal");
    if (ending != NULL)
        *ending = '\0';
    if (states_are_readable(r, f.base_name))
        snprintf(f.logs, sizeof f.logs, "%s", r->logs);
    f.scans = run_scans_take(&r->scans, r->last_ns, f.logs[0] == '\0', &f.n_scans);
    live_final_work(&f);
    const bool good = f.good;
    live_final_done(&f);
    return good;
}

static void recovery_done(struct recovery *r) {
    if (r->bytes != NULL)
        munmap((void *)(uintptr_t)r->bytes, r->n);
    pulse_store_free(r->pulses);
    run_scans_done(&r->scans);
    array_model_free(r->model);
    live_array_free(r->array);
    row_block_free(r->rows);
    options_done(&r->options);
    json_decref(r->session);
    free(r->gap_before);
    free(r->seconds);
}

/* The folder of a path, "." where it names none. */
static void folder_of(const char *path, char folder[PATH_MAX]) {
    const char *slash = strrchr(path, '/');
    snprintf(folder, PATH_MAX, "%.*s", slash == NULL ? 1 : slash == path ? 1 : (int)(slash - path), slash == NULL ? "." : path);
}

static bool read_earlier(struct recovery *r, const char *folder, bool with_labels, struct journal_earlier *out) {
    r->gap_before = calloc(r->array->n_pixels + (size_t)1, sizeof *r->gap_before);
    if (r->gap_before == NULL || !row_block_new(ROWS_AT_ONCE, &r->rows) || !pulse_store_new(folder, r->array->n_pixels, &r->pulses))
        return false;
    pulse_store_patient(r->pulses);
    if (!second_round(r))
        return false;
    out->said = r->said;
    if (r->said.rows > 0) {
        out->scans = run_scans_take(&r->scans, r->last_ns, with_labels, &out->n_scans);
        out->pulses = r->pulses;
        r->pulses = NULL;
    }
    return true;
}

bool journal_recovery_earlier(const char *journal, const char *folder, const char *boot, const struct live_array *array, bool with_labels, struct journal_earlier *out) {
    struct recovery r = { .path = journal, .boot = boot };
    *out = (struct journal_earlier){ 0 };
    errno = 0;
    if (access(journal, R_OK) != 0)
        return errno == ENOENT;
    bool good = map_file(&r) && first_round(&r);
    if (good && r.session != NULL) {
        r.array = (struct live_array *)(uintptr_t)array;   /* read alone */
        good = read_earlier(&r, folder, with_labels, out);
        r.array = NULL;
    }
    recovery_done(&r);
    return good;
}

bool journal_recovery(const char *journal, const char *calibration, const char *out, struct journal_summary *said) {
    struct recovery r = { .path = journal };
    char beside[PATH_MAX], of_journal[PATH_MAX];
    folder_of(out, beside);
    folder_of(journal, of_journal);
    errno = 0;
    bool good = map_file(&r) && first_round(&r) && set_up(&r, calibration, beside) && second_round(&r);
    if (good && r.said.rows == 0) {
        log_error("%s: no row is in it", journal);
        good = false;
    }
    good = good && make_file(&r, of_journal, out);
    *said = r.said;
    recovery_done(&r);
    return good;
}
