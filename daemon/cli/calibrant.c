#include "daemon/cli/calibrant.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calib/calibrant.h"
#include "daemon/log.h"

enum exit_code calibrant_output_check(const char *path) {
    if (access(path, F_OK) == 0) {
        log_error("%s: exists, and results go by the name of a line table, so it is not written over; name another, or remove it first", path);
        return EXIT_USAGE;
    }
    return EXIT_GOOD;
}

static void print_found(const struct calibrant *c) {
    printf("%u mono energies from %g to %g eV, %u pixels; an elastic line lies %.2f eV rms off the gain through the others\n", c->n_states, c->low_eV, c->high_eV, c->n_pixels,
           c->elastic_rms_eV);
    printf("line      energy eV   error   from seed   statistics  curve   mono  pixels\n");
    for (size_t k = 0; k < c->n_lines; k++) {
        const struct calibrant_line *l = &c->lines[k];
        if (l->measured)
            printf("%-8s %10.2f %7.2f %+11.2f %12.2f %6.2f %6.2f %7u\n", l->name, l->energy_eV, l->unc_eV, l->energy_eV - l->seed_eV, l->statistical_eV, l->curve_eV, l->mono_eV, l->n_pixels);
        else
            printf("%-8s          -       -           -            -      -      -       0  %s\n", l->name, l->note);
    }
}

/* Whole or not at all, like every file that is made. */
static bool write_text(const char *path, const char *text) {
    size_t n = strlen(path) + sizeof ".part";
    char *part = malloc(n);
    if (part == NULL) {
        log_error("%s: out of memory", path);
        return false;
    }
    snprintf(part, n, "%s.part", path);
    FILE *f = fopen(part, "w");
    bool good = f != NULL && fputs(text, f) >= 0;
    good = f != NULL && fclose(f) == 0 && good && rename(part, path) == 0;
    if (!good) {
        log_error("%s: cannot be written: %s", path, strerror(errno));
        remove(part);
    }
    free(part);
    return good;
}

/* "tesd calibrate ..." as one comment line. */
static bool write_table(const struct calibrant_request *request, const struct calibrant *c, const struct line_table *seed) {
    char *made_by = strdup(request->command_line);
    for (char *at = made_by; at != NULL && *at != '\0'; at++)
        if ((unsigned char)*at < ' ')
            *at = ' ';
    char *text = made_by != NULL ? calibrant_table(c, seed, made_by) : NULL;
    bool good = text != NULL && write_text(request->output, text);
    if (text == NULL)
        log_error("%s: out of memory", request->output);
    free(made_by);
    free(text);
    return good;
}

enum exit_code calibrant_write(const struct calibrant_request *request, const struct line_table *seed, const struct array_model *m, const struct calibration_states *states) {
    struct calibrant_state *list = calloc(states->n + 1, sizeof *list);
    struct calibrant *c = NULL;
    struct complaint why = { 0 };
    for (size_t k = 0; list != NULL && k < states->n; k++)
        list[k] = (struct calibrant_state){ .mono_eV = states->list[k].mono_eV, .heights = states->list[k].heights,
                                            .table = states->list[k].table == SIZE_MAX ? NULL : m->tables[states->list[k].table] };
    enum status s = list != NULL ? calibrant_find(seed, list, states->n, (uint32_t)m->n_channels, request->mono_unc_eV, &c, &why) : STATUS_NO_MEMORY;
    free(list);
    if (s != STATUS_OK) {
        log_error("the calibrant cannot be calibrated: %s", why.text[0] ? why.text : status_text(s));
        return EXIT_FAILED;
    }
    if (!request->quiet)
        print_found(c);
    bool written = write_table(request, c, seed);
    calibrant_free(c);
    if (written)
        printf("line table: %s\n", request->output);
    return written ? EXIT_GOOD : EXIT_FAILED;
}
