#include "daemon/source/run_input.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/log.h"
#include "daemon/source/source.h"
#include "pulse/growing_list.h"

struct found {             /* one pulse file, opened once to read its header */
    char *run;             /* folder and name without ending: a channel of one run, whatever the format */
    struct channel_input channel;
    struct input_file file;
};

struct search {
    struct found *found;
    size_t n, capacity;
    struct run_input *result;
    const struct run_input *except;
    bool memory;           /* false: some allocation failed */
};

static bool ends_with(const char *s, const char *ending) {
    size_t n = strlen(s), m = strlen(ending);
    return n >= m && strcmp(s + n - m, ending) == 0;
}

static bool pulse_file_name(const char *name) {
    return ends_with(name, ".ljh") || ends_with(name, ".noi") || ends_with(name, ".off");
}

static void add_folder(struct search *s, const char *folder) {
    struct run_input *r = s->result;
    for (size_t i = 0; i < r->n_folders; i++)
        if (strcmp(r->folders[i], folder) == 0)
            return;
    char **grown = realloc(r->folders, (r->n_folders + 1) * sizeof *grown);
    char *copy = strdup(folder);
    if (grown != NULL)
        r->folders = grown;
    if (grown == NULL || copy == NULL) {
        free(copy);
        s->memory = false;
        return;
    }
    r->folders[r->n_folders++] = copy;
}

static void refuse(struct search *s, const char *path, const struct complaint *why) {
    if (why->line > 0)
        log_warning("%s:%u: byte %llu: %s; the file is left out", path, why->line, (unsigned long long)why->offset, why->text);
    else
        log_warning("%s: byte %llu: %s; the file is left out", path, (unsigned long long)why->offset, why->text);
    s->result->refused++;
}

static bool look_at(const char *path, struct found *f, struct complaint *why) {
    struct source_file *file;
    *why = (struct complaint){ 0 };
    enum status s = source_file_open(path, &file, why);
    if (s != STATUS_OK) {
        if (why->text[0] == 0)
            complaint_set(why, 0, 0, "%s", status_text(s));
        return false;
    }
    const struct source_info *info = source_file_info(file);
    f->channel.channel = info->channel;
    f->channel.coefficients = info->shape.coefficients;
    if (info->channel_name[0] != 0)
        snprintf(f->channel.name, sizeof f->channel.name, "%s", info->channel_name);
    else
        snprintf(f->channel.name, sizeof f->channel.name, "chan%d", info->channel);
    f->file.has_records = source_file_span(file, &f->file.first_ns, &f->file.last_ns);
    source_file_close(file);
    if (f->channel.channel < 0) {
        complaint_set(why, 0, 0, "no channel number in the name (_chanN.) or in the header");
        return false;
    }
    return true;
}

static struct found *room_for_one(struct search *s) {
    struct found *found = growing_list_room(s->found, s->n, &s->capacity, sizeof *found, 64);
    if (found == NULL) {
        s->memory = false;
        return NULL;
    }
    s->found = found;
    return &s->found[s->n];
}

static bool is_excepted(const struct search *s, const char *resolved) {
    for (size_t i = 0; s->except != NULL && i < s->except->n_channels; i++)
        for (size_t k = 0; k < s->except->channels[i].n_files; k++)
            if (strcmp(s->except->channels[i].files[k].resolved, resolved) == 0)
                return true;
    return false;
}

static void add_file(struct search *s, const char *path) {
    struct found *f = room_for_one(s);
    struct complaint why;
    char *resolved = realpath(path, NULL);
    if (f == NULL || resolved == NULL) {
        complaint_set(&why, 0, 0, "%s", strerror(errno));
        refuse(s, path, &why);
        free(resolved);
        return;
    }
    *f = (struct found){ .file.resolved = resolved };
    if (is_excepted(s, resolved)) {
        free(resolved);
        return;
    }
    if (!look_at(path, f, &why)) {
        refuse(s, path, &why);
        free(resolved);
        return;
    }
    f->run = strdup(resolved);
    f->file.path = strdup(path);
    if (f->run == NULL || f->file.path == NULL) {
        free(f->run);
        free(f->file.path);
        free(resolved);
        s->memory = false;
        return;
    }
    char *dot = strrchr(f->run, '.');
    if (dot != NULL && strchr(dot, '/') == NULL)
        *dot = 0;
    s->n++;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void add_folder_files(struct search *s, const char *folder) {
    struct dirent **entries;
    int n = scandir(folder, &entries, NULL, by_name);
    if (n < 0) {
        struct complaint why;
        complaint_set(&why, 0, 0, "%s", strerror(errno));
        refuse(s, folder, &why);
        return;
    }
    add_folder(s, folder);
    size_t pulses = 0;
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        if (pulse_file_name(name) && strstr(name, "_err") == NULL) {
            char *path = NULL;
            if (asprintf(&path, "%s/%s", folder, name) >= 0)
                add_file(s, path);
            free(path);
            pulses++;
        }
        free(entries[i]);
    }
    free(entries);
    if (pulses == 0) {
        log_warning("%s: no *_chanN.ljh, .noi or .off file in this folder; name the run's own folder, such as 20260219/0001", folder);
        s->result->refused++;
    }
}

static void add_path(struct search *s, const char *path) {
    struct stat st;
    if (stat(path, &st) != 0) {
        struct complaint why;
        complaint_set(&why, 0, 0, "%s", strerror(errno));
        refuse(s, path, &why);
    } else if (S_ISDIR(st.st_mode)) {
        char *folder = strdup(path);
        size_t n = folder ? strlen(folder) : 0;
        while (n > 1 && folder[n - 1] == '/')
            folder[--n] = 0;
        if (folder != NULL)
            add_folder_files(s, folder);
        free(folder);
    } else {
        const char *slash = strrchr(path, '/');
        char *folder = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
        if (folder != NULL)
            add_folder(s, folder[0] ? folder : "/");
        free(folder);
        add_file(s, path);
    }
}

/* By channel, run, format (the preferred one first), path: duplicates become neighbours. */
static int found_order(const void *a, const void *b, void *prefer_off) {
    const struct found *x = a, *y = b;
    if (x->channel.channel != y->channel.channel)
        return x->channel.channel < y->channel.channel ? -1 : 1;
    int run = strcmp(x->run, y->run);
    if (run != 0)
        return run;
    if (x->channel.coefficients != y->channel.coefficients)
        return x->channel.coefficients == *(bool *)prefer_off ? -1 : 1;
    return strcmp(x->file.resolved, y->file.resolved);
}

static void found_done(struct found *f) {
    free(f->file.resolved);
    free(f->run);
    free(f->file.path);
}

/* Drops the same file named twice, and the less wanted format of a channel and run. */
static void drop_repeats(struct search *s) {
    size_t kept = 0, formats = 0;
    for (size_t i = 0; i < s->n; i++) {
        struct found *f = &s->found[i];
        const struct found *last = kept ? &s->found[kept - 1] : NULL;
        bool repeat = last != NULL && strcmp(last->run, f->run) == 0;
        if (repeat && strcmp(last->file.resolved, f->file.resolved) == 0)
            log_note("%s: named twice, counted once", f->file.path);
        else if (repeat)
            formats++;
        if (repeat)
            found_done(f);
        else
            s->found[kept++] = *f;
    }
    s->n = kept;
    if (formats > 0)
        log_note("%zu files left out: the same channel and run is there in the preferred format (--prefer says which)", formats);
}

static int file_order(const void *a, const void *b) {
    const struct input_file *x = a, *y = b;
    if (x->has_records != y->has_records)
        return x->has_records ? -1 : 1;
    if (x->has_records && x->first_ns != y->first_ns)
        return x->first_ns < y->first_ns ? -1 : 1;
    return strcmp(x->path, y->path);
}

/* Runs of one channel in s->found become one channel_input; a channel keeps to one kind of input. */
static bool group_channels(struct search *s) {
    struct run_input *r = s->result;
    r->channels = calloc(s->n ? s->n : 1, sizeof *r->channels);
    if (r->channels == NULL)
        return false;
    for (size_t i = 0; i < s->n; i++) {
        struct found *f = &s->found[i];
        struct channel_input *c = r->n_channels ? &r->channels[r->n_channels - 1] : NULL;
        if (c == NULL || c->channel != f->channel.channel) {
            c = &r->channels[r->n_channels++];
            *c = f->channel;
        }
        if (c->coefficients != f->channel.coefficients) {
            log_warning("%s: channel %d has both samples (LJH) and coefficients (OFF) in different runs; this file is left out; give one kind", f->file.path, c->channel);
            r->refused++;
            continue;
        }
        struct input_file *grown = realloc(c->files, (c->n_files + 1) * sizeof *grown);
        if (grown == NULL)
            return false;
        c->files = grown;
        c->files[c->n_files++] = f->file;
        f->file = (struct input_file){ 0 };
    }
    return true;
}

static void find_span(struct run_input *r) {
    r->first_ns = INT64_MAX;
    r->last_ns = INT64_MIN;
    for (size_t i = 0; i < r->n_channels; i++) {
        struct channel_input *c = &r->channels[i];
        if (c->n_files > 1)
            qsort(c->files, c->n_files, sizeof *c->files, file_order);
        for (size_t k = 0; k < c->n_files; k++) {
            if (!c->files[k].has_records)
                continue;
            r->first_ns = c->files[k].first_ns < r->first_ns ? c->files[k].first_ns : r->first_ns;
            r->last_ns = c->files[k].last_ns > r->last_ns ? c->files[k].last_ns : r->last_ns;
        }
    }
}

bool run_input_collect(char *const *paths, size_t n_paths, bool prefer_off, const struct run_input *except, struct run_input *out) {
    *out = (struct run_input){ 0 };
    struct search s = { .result = out, .except = except, .memory = true };
    for (size_t i = 0; i < n_paths; i++)
        add_path(&s, paths[i]);
    if (s.n > 0)
        qsort_r(s.found, s.n, sizeof *s.found, found_order, &prefer_off);
    drop_repeats(&s);
    bool good = group_channels(&s) && s.memory;
    find_span(out);
    for (size_t i = 0; i < s.n; i++)
        found_done(&s.found[i]);
    free(s.found);
    if (!good)
        run_input_done(out);
    return good;
}

void run_input_done(struct run_input *r) {
    for (size_t i = 0; i < r->n_channels; i++) {
        for (size_t k = 0; k < r->channels[i].n_files; k++) {
            free(r->channels[i].files[k].path);
            free(r->channels[i].files[k].resolved);
        }
        free(r->channels[i].files);
    }
    for (size_t i = 0; i < r->n_folders; i++)
        free(r->folders[i]);
    free(r->folders);
    free(r->channels);
    *r = (struct run_input){ 0 };
}

const struct channel_input *run_input_find(const struct run_input *r, int32_t channel) {
    for (size_t i = 0; i < r->n_channels; i++)
        if (r->channels[i].channel == channel)
            return &r->channels[i];
    return NULL;
}
