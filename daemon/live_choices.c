#include "daemon/live_choices.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/clock.h"
#include "daemon/pipeline.h"

enum { MOST_CHOICES = 500 };

struct live_choices {
    struct pipeline_job_thread *job;
    int64_t begun_ms;
    _Atomic int64_t asked_ms;       /* 0: no disk has been asked yet */
    char in_force[OPTIONS_TEXT], folders[CHOICE_FOLDERS][OPTIONS_TEXT];
    char *names[MOST_CHOICES];
    size_t n;
};

static bool is_choice(const char *name) {
    size_t n = strlen(name);
    return n > 3 && n < 200 && name[0] != '.' && strchr(name, '/') == NULL && strcmp(name + n - 3, ".h5") == 0;
}

/* Folder k of two; "" when there is none such. */
static void folder_of(const struct options *o, int k, char out[OPTIONS_TEXT]) {
    snprintf(out, OPTIONS_TEXT, "%s", k == 0 ? o->calibration.file : o->output.folder);
    if (k != 0)
        return;
    char *slash = strrchr(out, '/');
    if (slash == NULL)
        snprintf(out, OPTIONS_TEXT, "%s", out[0] != '\0' ? "." : "");
    else
        slash[slash == out] = '\0';
}

size_t live_choices_paths(const struct options *o, const char *name, char paths[CHOICE_FOLDERS][OPTIONS_TEXT]) {
    char folder[OPTIONS_TEXT], at[2 * OPTIONS_TEXT];
    size_t n = 0;
    for (int k = 0; k < CHOICE_FOLDERS && is_choice(name); k++) {
        folder_of(o, k, folder);
        snprintf(at, sizeof at, "%s/%s", folder, name);
        if (folder[0] != '\0' && strlen(at) < OPTIONS_TEXT)
            memcpy(paths[n++], at, strlen(at) + 1);
    }
    return n;
}

/* ---- the thread ---- */

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static void add_folder(struct live_choices *c, const char *folder) {
    atomic_store(&c->asked_ms, clock_ms());
    DIR *d = folder[0] != '\0' ? opendir(folder) : NULL;
    for (struct dirent *e; d != NULL && c->n < MOST_CHOICES && (e = readdir(d)) != NULL;)
        if (is_choice(e->d_name) && (c->names[c->n] = strdup(e->d_name)) != NULL)
            c->n++;
    if (d != NULL)
        closedir(d);
}

static void work(void *choices) {
    struct live_choices *c = choices;
    for (int k = 0; k < CHOICE_FOLDERS; k++)
        add_folder(c, c->folders[k]);
    if (c->n > 0)
        qsort(c->names, c->n, sizeof *c->names, by_name);
}

/* ---- the owner ---- */

bool live_choices_begin(const struct options *o, struct live_choices **out) {
    struct live_choices *c = calloc(1, sizeof *c);
    if (c == NULL)
        return false;
    c->begun_ms = clock_ms();
    memcpy(c->in_force, o->calibration.file, sizeof c->in_force);
    for (int k = 0; k < CHOICE_FOLDERS; k++)
        folder_of(o, k, c->folders[k]);
    if (!pipeline_background("tesd-choices", work, c, &c->job)) {
        free(c);
        return false;
    }
    *out = c;
    return true;
}

bool live_choices_over(const struct live_choices *c) { return pipeline_background_over(c->job); }
int64_t live_choices_begun_ms(const struct live_choices *c) { return c->begun_ms; }

int64_t live_choices_silent_ms(const struct live_choices *c) {
    const int64_t asked_ms = atomic_load(&c->asked_ms);
    return asked_ms == 0 || live_choices_over(c) ? 0 : clock_ms() - asked_ms;
}

json_t *live_choices_end(struct live_choices *c) {
    pipeline_background_join(c->job);
    json_t *choices = json_array(), *list = json_pack("{s:s,s:o}", "in_force", c->in_force, "choices", choices);
    for (size_t k = 0; k < c->n; k++)
        if (k == 0 || strcmp(c->names[k - 1], c->names[k]) != 0)
            json_array_append_new(choices, json_string(c->names[k]));
    for (size_t k = 0; k < c->n; k++)
        free(c->names[k]);
    free(c);
    return list;
}
