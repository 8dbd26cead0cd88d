#include "calib/experiment_state.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A stretch of text. */
struct piece {
    const char *at;
    size_t n;
};

static struct piece trimmed(struct piece p) {
    while (p.n > 0 && (unsigned char)p.at[0] <= ' ')
        p.at++, p.n--;
    while (p.n > 0 && (unsigned char)p.at[p.n - 1] <= ' ')
        p.n--;
    return p;
}

static bool read_ns(struct piece p, int64_t *out) {
    int64_t ns = 0;
    for (size_t i = 0; i < p.n; i++) {
        if (p.at[i] < '0' || p.at[i] > '9' || __builtin_mul_overflow(ns, 10, &ns) || __builtin_add_overflow(ns, p.at[i] - '0', &ns))
            return false;
    }
    *out = ns;
    return p.n > 0;
}

/* Longer labels are cut, bytes outside printable ASCII become '?'. */
static void copy_label(struct piece p, struct state_label *out) {
    size_t n = p.n < sizeof out->label - 1 ? p.n : sizeof out->label - 1;
    for (size_t i = 0; i < n; i++)
        out->label[i] = p.at[i] >= ' ' && p.at[i] <= '~' ? p.at[i] : '?';
    out->label[n] = '\0';
}

static bool read_label(struct piece line, struct state_label *out) {
    const char *comma = memchr(line.at, ',', line.n);
    if (comma == NULL)
        return false;
    size_t before = (size_t)(comma - line.at);
    struct piece label = trimmed((struct piece){ comma + 1, line.n - before - 1 });
    if (label.n == 0 || !read_ns(trimmed((struct piece){ line.at, before }), &out->start_ns))
        return false;
    copy_label(label, out);
    return true;
}

/* Upper bound: the shortest label line is "0,A" and its end. */
static size_t most_labels(const uint8_t *bytes, size_t n) {
    size_t lines = 0;
    for (size_t i = 0; i < n; i++)
        lines += bytes[i] == '\n';
    return lines < n / 4 ? lines : n / 4;
}

/* Bottom-up merge of runs of `width` labels: equal times keep the order of the file. */
static void merge(const struct state_label *from, struct state_label *to, size_t n, size_t width) {
    for (size_t start = 0; start < n; start += 2 * width) {
        size_t middle = start + width < n ? start + width : n, end = start + 2 * width < n ? start + 2 * width : n;
        size_t a = start, b = middle;
        for (size_t k = start; k < end; k++)
            to[k] = b == end || (a < middle && from[a].start_ns <= from[b].start_ns) ? from[a++] : from[b++];
    }
}

/* *labels and *room have space for n; sorted labels end up in *labels. */
static void sort_by_time(struct state_label **labels, struct state_label **room, size_t n) {
    for (size_t width = 1; width < n; width *= 2) {
        merge(*labels, *room, n, width);
        struct state_label *swap = *labels;
        *labels = *room;
        *room = swap;
    }
}

static void set_ends(struct state_label *labels, size_t n) {
    for (size_t i = 0; i < n; i++)
        labels[i].end_ns = i + 1 < n ? labels[i + 1].start_ns : INT64_MAX;
}

static void read_lines(const uint8_t *bytes, size_t n, struct experiment_state *s) {
    const char *at = (const char *)bytes, *end = at + n, *line_end;
    for (uint32_t line = 1; at < end && (line_end = memchr(at, '\n', (size_t)(end - at))) != NULL; line++, at = line_end + 1) {
        struct piece text = trimmed((struct piece){ at, (size_t)(line_end - at) });
        if (text.n == 0 || text.at[0] == '#')
            continue;
        if (read_label(text, &s->labels[s->n]))
            s->n++;
        else if (s->skipped_lines++ == 0)
            s->first_skipped_line = line;
    }
}

enum status experiment_state_parse(const uint8_t *bytes, size_t n, struct experiment_state *out, struct complaint *why) {
    if (n > EXPERIMENT_STATE_LIMIT) {
        complaint_set(why, EXPERIMENT_STATE_LIMIT, 0, "longer than %d bytes: no experiment state file", EXPERIMENT_STATE_LIMIT);
        return STATUS_BAD_VALUE;
    }
    size_t room_for = most_labels(bytes, n) + 1;
    struct experiment_state s = { .labels = malloc(room_for * sizeof *s.labels) };
    struct state_label *room = malloc(room_for * sizeof *room);
    enum status status = s.labels != NULL && room != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        read_lines(bytes, n, &s);
    if (s.n == 0 && s.skipped_lines > 0) {
        complaint_set(why, 0, s.first_skipped_line, "no line is '<ns>, <label>'");
        status = STATUS_BAD_VALUE;
    }
    if (status == STATUS_OK) {
        sort_by_time(&s.labels, &room, s.n);
        set_ends(s.labels, s.n);
        *out = s;
    } else {
        free(s.labels);
    }
    free(room);
    return status;
}

void experiment_state_done(struct experiment_state *s) {
    free(s->labels);
    *s = (struct experiment_state){ 0 };
}

static const char *after(const char *text, const char *begin) {
    size_t n = strlen(begin);
    return strncmp(text, begin, n) == 0 ? text + n : NULL;
}

char state_label_kind(const char *label, int32_t *number) {
    static const struct { const char *begin; char kind; } kinds[] = { { "CALIBRATION", 'C' }, { "CAL", 'C' }, { "SCAN", 'S' } };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const char *digits = after(label, kinds[i].begin);
        int64_t value;
        if (digits != NULL && read_ns((struct piece){ digits, strlen(digits) }, &value) && value <= INT32_MAX) {
            *number = (int32_t)value;
            return kinds[i].kind;
        }
    }
    return 0;
}
