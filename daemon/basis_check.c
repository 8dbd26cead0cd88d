#include "daemon/basis_check.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/source/source.h"
#include "pulse/off_projection.h"

static struct pixel_model *model_of_file(const struct channel_shape *s) {
    const struct off_header h = channel_shape_header(s);
    struct pixel_model *m = NULL;
    return pixel_model_from_off(&h, s->n_presamples, s->basis, &m) == STATUS_OK ? m : NULL;
}

struct found { struct pixel_model *model; double misfit; uint64_t header_bytes; };

/* The model of a file's own basis; NULL where it has none, or cannot be read: others tell that. */
static struct found look_into(const char *path) {
    struct source_file *f;
    struct complaint why;
    struct found found = { 0 };
    if (source_file_open(path, &f, &why) != STATUS_OK)
        return found;
    const struct source_info *info = source_file_info(f);
    if (info->shape.coefficients)
        found = (struct found){ model_of_file(&info->shape), info->shape.misfit, info->header_bytes };
    source_file_close(f);
    return found;
}

static bool fits(const struct found *f) { return f->misfit <= OFF_MISFIT_MOST; }

static void tell_other(const char *path, bool given) {
    log_error("%s: its basis is not that of %s: its coefficients would be given wrong heights; it is left out, %s", path,
              given ? "the records that the calibration was learnt from" : "the channel's first file",
              given ? "give a calibration learnt from files of this basis" : "replay the files of each basis by themselves");
}

static void tell_misfit(const char *path, const struct found *f) {
    log_error("%s: byte %llu: the matrices that end here do not belong together (projectors x basis is off 1 by up to %.2g, of which %.2g is good): its coefficients are not numbers along its basis; it is left out, "
              "replay the run's LJH files, or load projectors and basis of one model into the acquisition and measure again", path, (unsigned long long)f->header_bytes, f->misfit, OFF_MISFIT_MOST);
}

static void leave_out(struct channel_input *c, size_t k) {
    free(c->files[k].path);
    free(c->files[k].resolved);
    c->n_files--;
    memmove(&c->files[k], &c->files[k + 1], (c->n_files - k) * sizeof *c->files);
}

static size_t check_channel(struct channel_input *c, const struct pixel_model *given) {
    const size_t before = c->n_files;
    struct pixel_model *first = NULL;
    for (size_t k = 0; k < c->n_files;) {
        struct found found = look_into(c->files[k].path);
        const struct pixel_model *wanted = given != NULL ? given : first;
        const bool misfit = found.model != NULL && !fits(&found), other = found.model != NULL && !misfit && wanted != NULL && !pixel_model_same_basis(found.model, wanted);
        if (misfit)
            tell_misfit(c->files[k].path, &found);
        if (other)
            tell_other(c->files[k].path, given != NULL);
        if (misfit || other)
            leave_out(c, k);
        else
            k++;
        if (first == NULL && !misfit)
            first = found.model;
        else
            pixel_model_free(found.model);
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
