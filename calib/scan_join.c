#include "calib/scan_join.h"

#include <stdlib.h>
#include <string.h>

enum { IS_LOG, IS_STATE };

/* One log or state while labels are joined and scans put in order. */
struct entry {
    struct scan *scan;
    int64_t start_ns, end_ns;  /* own interval, before any state widened it */
    bool joined, dropped;
};

static int source_of(const struct scan *s) {
    return s->log_name[0] == '\0' && s->n_points == 0 ? IS_STATE : IS_LOG;
}

static int compare_i64(int64_t a, int64_t b) {
    return a < b ? -1 : a > b;
}

/* Total order by what the scans say, never by the order they were added in: then any order of files gives the same timeline. */
static int by_start(const void *va, const void *vb) {
    const struct scan *a = ((const struct entry *)va)->scan, *b = ((const struct entry *)vb)->scan;
    int c = compare_i64(a->start_ns, b->start_ns);
    c = c ? c : compare_i64(b->calibration, a->calibration);
    c = c ? c : compare_i64(a->end_ns, b->end_ns);
    c = c ? c : strcmp(a->log_name, b->log_name);
    c = c ? c : compare_i64(a->log_number, b->log_number);
    return c ? c : compare_i64(a->n_points, b->n_points);
}

static int by_number(const void *va, const void *vb) {
    const struct scan *a = ((const struct entry *)va)->scan, *b = ((const struct entry *)vb)->scan;
    int c = compare_i64(a->calibration, b->calibration);
    c = c ? c : compare_i64(a->log_number, b->log_number);
    c = c ? c : compare_i64(source_of(a), source_of(b));
    return c ? c : by_start(va, vb);
}

static bool same_group(const struct entry *a, const struct entry *b) {
    return a->scan->calibration == b->scan->calibration && a->scan->log_number == b->scan->log_number;
}

static void join(struct entry *log, struct entry *state) {
    struct scan *l = log->scan, *s = state->scan;
    if (l->label[0] == '\0')
        memcpy(l->label, s->label, sizeof l->label);
    if (l->sample[0] == '\0')
        memcpy(l->sample, s->sample, sizeof l->sample);
    if (l->calibration) {
        l->start_ns = log->joined && l->start_ns < s->start_ns ? l->start_ns : s->start_ns;
        l->end_ns = log->joined && l->end_ns > s->end_ns ? l->end_ns : s->end_ns;
    }
    log->joined = true;
    state->dropped = true;
}

/* Entries [0, n) are of one kind and number: logs by start, then states by start. A state joins the first log it overlaps; a log
 * may take several, as labels repeat. A state of another run that bears the same number overlaps nothing and stays alone. */
static void join_group(struct entry *e, size_t n) {
    size_t n_logs = 0;
    while (n_logs < n && source_of(e[n_logs].scan) == IS_LOG)
        n_logs++;
    size_t log = 0;
    for (size_t state = n_logs; state < n && e[0].scan->log_number >= 0; state++) {
        while (log < n_logs && e[log].end_ns <= e[state].scan->start_ns)
            log++;
        if (log < n_logs && e[log].start_ns < e[state].scan->end_ns)
            join(&e[log], &e[state]);
    }
}

static void join_states(struct entry *e, size_t n) {
    qsort(e, n, sizeof *e, by_number);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && same_group(&e[i], &e[end]); end++)
            continue;
        join_group(e + i, end - i);
    }
}

/* Of two scans that overlap the later is left out: a photon may count for one only. Entries are by start. */
static void drop_overlapping(struct entry *e, size_t n, struct complaint *why) {
    const struct scan *last = NULL;
    const struct scan *first_kept = NULL, *first_dropped = NULL;
    unsigned dropped = 0;
    for (size_t i = 0; i < n; i++) {
        if (e[i].dropped || e[i].scan->calibration || e[i].scan->n_points == 0)
            continue;
        if (last == NULL || e[i].scan->start_ns >= last->end_ns) {
            last = e[i].scan;
            continue;
        }
        e[i].dropped = true;
        if (dropped++ == 0) {
            first_kept = last;
            first_dropped = e[i].scan;
        }
    }
    if (dropped > 0)
        complaint_set(why, 0, 0, "scan %.70s overlaps %.70s; %u left out", first_dropped->log_name, first_kept->log_name, dropped);
}

static int compare_int32(const void *va, const void *vb) {
    return compare_i64(*(const int32_t *)va, *(const int32_t *)vb);
}

/* The beamline's numbers where all scans (calibrations) have one and no two the same, else the order of start times. One rule
 * for all of a kind: a mixture could give two scans the same name. */
static enum status number_scans(struct scan *scans, size_t n_all, bool calibration) {
    int32_t *numbers = calloc(n_all + 1, sizeof *numbers);
    if (numbers == NULL)
        return STATUS_NO_MEMORY;
    size_t n = 0;
    for (size_t i = 0; i < n_all; i++)
        if (scans[i].calibration == calibration)
            numbers[n++] = scans[i].log_number;
    qsort(numbers, n, sizeof *numbers, compare_int32);
    bool good = n == 0 || numbers[0] >= 0;
    for (size_t i = 1; i < n; i++)
        good = good && numbers[i - 1] != numbers[i];
    free(numbers);
    int32_t order = 0;
    for (size_t i = 0; i < n_all; i++)
        if (scans[i].calibration == calibration)
            scans[i].number = good ? scans[i].log_number : order++;
    return STATUS_OK;
}

/* The scans that are left, in the entries' order. */
static enum status take_kept(const struct entry *e, size_t n, struct scan **out, size_t *n_kept) {
    struct scan *scans = calloc(n + 1, sizeof *scans);
    if (scans == NULL)
        return STATUS_NO_MEMORY;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!e[i].dropped)
            scans[kept++] = *e[i].scan;
    enum status s = number_scans(scans, kept, false);
    if (s == STATUS_OK)
        s = number_scans(scans, kept, true);
    if (s != STATUS_OK) {
        free(scans);
        return s;
    }
    *out = scans;
    *n_kept = kept;
    return STATUS_OK;
}

enum status scan_join(struct scan **scans, size_t *n, struct complaint *why) {
    complaint_set(why, 0, 0, "%s", "");
    struct entry *e = calloc(*n + 1, sizeof *e);
    if (e == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < *n; i++)
        e[i] = (struct entry){ .scan = *scans + i, .start_ns = (*scans)[i].start_ns, .end_ns = (*scans)[i].end_ns };
    join_states(e, *n);
    qsort(e, *n, sizeof *e, by_start);
    drop_overlapping(e, *n, why);
    struct scan *kept;
    size_t n_kept;
    enum status s = take_kept(e, *n, &kept, &n_kept);
    if (s == STATUS_OK) {
        for (size_t i = 0; i < *n; i++)
            if (e[i].dropped)
                scan_done(e[i].scan);
        free(*scans);
        *scans = kept;
        *n = n_kept;
    }
    free(e);
    return s;
}
