#include "daemon/live_outlook.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "daemon/pipeline.h"

enum { ARRAYS = 16 };

struct live_outlook {
    struct calibration_progress_settings settings;
    _Atomic(struct calibration_progress *) progress;   /* of the present array; NULL: none */
    struct { struct calibration_progress *progress; uint32_t n_pixels; } all[ARRAYS];   /* one for each number of pixels that there has been */
    unsigned n;
    struct pipeline_job_thread *looking;     /* the learner's; NULL: nobody looks */
};

bool live_outlook_new(const struct calibration_progress_settings *settings, struct live_outlook **out) {
    struct live_outlook *o = calloc(1, sizeof *o);
    if (o == NULL)
        return false;
    o->settings = *settings;
    *out = o;
    return true;
}

void live_outlook_free(struct live_outlook *o) {
    if (o == NULL)
        return;
    pipeline_background_join(o->looking);
    for (unsigned k = 0; k < o->n; k++)
        calibration_progress_free(o->all[k].progress);
    free(o);
}

/* ---- book thread ---- */

static struct calibration_progress *present(struct live_outlook *o) { return atomic_load_explicit(&o->progress, memory_order_relaxed); }

static struct calibration_progress *of_size(struct live_outlook *o, uint32_t n_pixels) {
    struct calibration_progress *p;
    for (unsigned k = 0; k < o->n; k++)
        if (o->all[k].n_pixels == n_pixels)
            return o->all[k].progress;
    if (o->n == ARRAYS || !calibration_progress_new(&o->settings, n_pixels, &p))
        return NULL;
    o->all[o->n].progress = p;
    o->all[o->n++].n_pixels = n_pixels;
    return p;
}

void live_outlook_array(struct live_outlook *o, uint32_t n_pixels) {
    live_outlook_end(o);
    if (n_pixels > 0)
        atomic_store_explicit(&o->progress, of_size(o, n_pixels), memory_order_release);
}

void live_outlook_begin(struct live_outlook *o, const struct scan_event *e) {
    if (present(o) != NULL)
        calibration_progress_begin(present(o), e);
}

void live_outlook_end(struct live_outlook *o) {
    if (present(o) != NULL)
        calibration_progress_end(present(o));
}

void live_outlook_rows(struct live_outlook *o, const struct row_block *rows, int64_t now_ns) {
    if (present(o) != NULL)
        calibration_progress_rows(present(o), rows, now_ns);
}

bool live_outlook_take(struct live_outlook *o, struct calibration_outlook *out, char label[32]) {
    return present(o) != NULL && calibration_progress_take(present(o), out, label);
}

/* ---- learner thread ---- */

static void look(void *progress) { calibration_progress_step(progress); }

/* Looking at a calibration takes a second of CPU for a large array, and records come in meanwhile. */
void live_outlook_step(struct live_outlook *o) {
    struct calibration_progress *p = atomic_load_explicit(&o->progress, memory_order_acquire);
    if (o->looking != NULL && pipeline_background_over(o->looking)) {
        pipeline_background_join(o->looking);
        o->looking = NULL;
    }
    if (o->looking == NULL && p != NULL && calibration_progress_due(p) && !pipeline_background("tesd-outlook", look, p, &o->looking))
        calibration_progress_step(p);
}
