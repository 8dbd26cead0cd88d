#include "daemon/basis_check.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/source/source.h"

static struct pixel_model *model_of_file(const struct channel_shape *s) {
    const struct off_header h = channel_shape_header(s);
    struct pixel_model *m = NULL;
    return pixel_model_from_off(&h, s->n_presamples, s->basis, &m) == STATUS_OK ? m : NULL;
}

/* The model of a file's own basis; NULL where it has none, or cannot be read: others tell that. */
static struct pixel_model *look_into(const char *path) {
    struct source_file *f;
    struct complaint why;
    if (source_file_open(path, &f, &why) != STATUS_OK)
        return NULL;
    struct pixel_model *m = source_file_info(f)->shape.coefficients ? model_of_file(&source_file_info(f)->shape) : NULL;
    source_file_close(f);
    return m;
}

static void leave_out(struct channel_input *c, size_t k, bool given) {
    log_error("%s: its basis is not that of %s: its coefficients would be given wrong heights; it is left out, %s", c->files[k].path,
              given ? "the records that the calibration was learnt from" : "the channel's first file",
              given ? "give a calibration learnt from files of this basis" : "replay the files of each basis by themselves");
    free(c->files[k].path);
    free(c->files[k].resolved);
    c->n_files--;
    memmove(&c->files[k], &c->files[k + 1], (c->n_files - k) * sizeof *c->files);
}

static size_t check_channel(struct channel_input *c, const struct pixel_model *given) {
    const size_t before = c->n_files;
    struct pixel_model *first = NULL;
    for (size_t k = 0; k < c->n_files;) {
        struct pixel_model *of_file = look_into(c->files[k].path);
        const struct pixel_model *wanted = given != NULL ? given : first;
        if (of_file != NULL && wanted != NULL && !pixel_model_same_basis(of_file, wanted))
            leave_out(c, k, given != NULL);
        else
            k++;
        if (first == NULL)
            first = of_file;
        else
            pixel_model_free(of_file);
    }
    pixel_model_free(first);
    return before - c->n_files;
}

size_t basis_check(struct run_input *pulses, const struct array_model *m) {
    size_t left_out = 0;
    for (size_t i = 0; i < pulses->n_channels; i++) {
        const struct pixel_model *given = m != NULL ? m->channels[i].model : NULL;
        if (pulses->channels[i].coefficients && (m == NULL || (given != NULL && given->coefficients)))
            left_out += check_channel(&pulses->channels[i], given);
    }
    return left_out;
}
