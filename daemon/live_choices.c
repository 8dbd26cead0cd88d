#include "daemon/live_choices.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CHOICES = 500 };

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

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static void add_folder(const char *folder, char *names[MOST_CHOICES], size_t *n) {
    DIR *d = folder[0] != '\0' ? opendir(folder) : NULL;
    for (struct dirent *e; d != NULL && *n < MOST_CHOICES && (e = readdir(d)) != NULL;)
        if (is_choice(e->d_name) && (names[*n] = strdup(e->d_name)) != NULL)
            ++*n;
    if (d != NULL)
        closedir(d);
}

json_t *live_choices_list(const struct options *o) {
    char *names[MOST_CHOICES], folder[OPTIONS_TEXT];
    size_t n = 0;
    json_t *choices = json_array();
    for (int k = 0; k < 2; k++) {
        folder_of(o, k, folder);
        add_folder(folder, names, &n);
    }
    if (n > 0)
        qsort(names, n, sizeof *names, by_name);
    for (size_t k = 0; k < n; k++)
        if (k == 0 || strcmp(names[k - 1], names[k]) != 0)
            json_array_append_new(choices, json_string(names[k]));
    for (size_t k = 0; k < n; k++)
        free(names[k]);
    return json_pack("{s:s,s:o}", "in_force", o->calibration.file, "choices", choices);
}

bool live_choices_find(const struct options *o, const char *name, char path[OPTIONS_TEXT], char why[SCAN_ERROR]) {
    char folder[OPTIONS_TEXT], at[2 * OPTIONS_TEXT];
    for (int k = 0; k < 2 && is_choice(name); k++) {
        folder_of(o, k, folder);
        snprintf(at, sizeof at, "%s/%s", folder, name);
        FILE *f = folder[0] != '\0' && strlen(at) < OPTIONS_TEXT ? fopen(at, "r") : NULL;
        if (f == NULL)
            continue;
        fclose(f);
        memcpy(path, at, strlen(at) + 1);
        return true;
    }
    snprintf(why, SCAN_ERROR, "'%.100s' is none of the choices of calibration_list", name);
    return false;
}
