/* Learning from a calibration that has ended: on a thread of its own, from a spool that is frozen meanwhile, while the learner's thread goes
 * on keeping records. It reads of the desk: pixels, states' groups (gathered before), noise_group, keep. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/calibration_id.h"
#include "daemon/learning_desk_parts.h"
#include "daemon/log.h"
#include "daemon/model_store.h"

/* ---- the spool as an input ---- */

static struct learning_channel channel(void *context, size_t i) {
    const struct learning_desk *d = context;
    struct learning_channel c = d->pixels.channels[i];
    if (!d->keep)
        c.keep = NULL;
    return c;
}

static uint32_t n_samples(void *context, size_t i) { return record_spool_n_samples(((struct learning_desk *)context)->spool, i); }

static bool pulses(void *context, size_t i, struct record_walk *out) {
    struct learning_desk *d = context;
    return record_spool_walk(d->spool, i, d->groups, d->n_groups, out);
}

static bool noise(void *context, size_t i, struct record_walk *out) {
    struct learning_desk *d = context;
    const struct spool_part all = { d->noise_group, INT64_MIN, INT64_MAX };
    return d->noise_group == 0 || record_spool_walk(d->spool, i, &all, 1, out);
}

static bool add_calibration(struct scan_timeline *t, const struct state *s) {
    int32_t number = s->event.number;
    struct scan scan = { .calibration = true, .number = -1, .log_number = number, .start_ns = s->event.time_ns, .end_ns = s->end_ns, .mono_eV = s->event.incident_eV };
    struct complaint why;
    memcpy(scan.label, s->event.label, sizeof scan.label);
    memcpy(scan.sample, s->event.sample, sizeof scan.sample);
    return scan_timeline_add(t, &scan, &why) == STATUS_OK;
}

/* The calibrations that are still there, as a timeline; their groups and the span of their records. */
static bool gather(struct learning_desk *d) {
    struct learning_input *in = &d->job.input;
    struct scan_timeline *t;
    struct complaint why;
    if (scan_timeline_new(&t) != STATUS_OK)
        return false;
    d->n_groups = 0;
    in->first_ns = INT64_MAX;
    in->last_ns = INT64_MIN;
    bool good = true;
    for (size_t i = 0; i < d->n_states; i++) {
        const struct state *s = &d->states[i];
        int64_t first_ns, last_ns;
        if (s->kind != LEARN_CALIBRATION || s->end_ns == INT64_MAX || s->end_ns <= s->event.time_ns || record_spool_records(d->spool, s->group) == 0)
            continue;
        record_spool_span(d->spool, s->group, &first_ns, &last_ns);
        last_ns = last_ns < s->end_ns ? last_ns : s->end_ns - 1;
        in->first_ns = first_ns < in->first_ns ? first_ns : in->first_ns;
        in->last_ns = last_ns > in->last_ns ? last_ns : in->last_ns;
        d->groups[d->n_groups++] = (struct spool_part){ s->group, s->event.time_ns, s->end_ns };
        good = add_calibration(t, s) && good;
    }
    in->n_calibrations = d->n_groups;
    if (!good || scan_timeline_finish(t, &why) != STATUS_OK) {
        scan_timeline_free(t);
        return false;
    }
    in->timeline = d->job.timeline = t;
    return true;
}

/* ---- the job ---- */

static void work(void *desk) {
    struct learning_desk *d = desk;
    d->job.learnt = learning_from(&d->job.input, &d->job.settings, &d->job.model, NULL);
}

bool learning_desk_job_begin(struct learning_desk *d, struct learnt_result *r) {
    struct learning_input in = { .context = d, .n_channels = d->pixels.n, .channel = channel, .n_samples = n_samples, .pulses = pulses, .noise = noise };
    d->keep = !d->noise_is_new;
    d->job = (struct learning_job){ .settings = d->settings.learning, .input = in };
    d->job.settings.before = d->keep ? d->pixels.before : NULL;
    bool good = gather(d) && record_spool_freeze(d->spool);
    if (good && !pipeline_background("tesd-learning", work, d, &d->job.thread)) {
        record_spool_thaw(d->spool);
        good = false;
    }
    if (!good) {
        scan_timeline_free(d->job.timeline);
        d->job.timeline = NULL;
        snprintf(r->why, sizeof r->why, "out of memory, or no disk for its records");
    }
    return good;
}

/* Some pixel has a filter now that is not the one it had. */
static bool filters_differ(const struct learning_desk *d, const struct array_model *m) {
    for (size_t i = 0; i < d->pixels.n; i++) {
        const struct pixel_model *was = d->keep ? d->pixels.channels[i].keep : NULL, *is = m->channels[i].model;
        if (is != NULL && (was == NULL || was->n_samples != is->n_samples || was->n_presamples != is->n_presamples || was->coefficients != is->coefficients ||
                           !pixel_model_same_basis(was, is)))
            return true;
    }
    return false;
}

/* Accepted or not: r->why. */
static void judge(struct learning_desk *d, struct learnt_result *r) {
    const struct array_model *m = r->model;
    r->filters_new = filters_differ(d, m);
    r->n_good = learning_desk_good_pixels(m->n_tables > 0 ? m->tables[m->n_tables - 1] : NULL);
    if (r->n_good == 0)
        snprintf(r->why, sizeof r->why, "no pixel could be calibrated");
    else if (2 * r->n_good < r->n_good_before)
        snprintf(r->why, sizeof r->why, "only %u pixels could be calibrated, the calibration in force has %u", r->n_good, r->n_good_before);
    else if (!learning_desk_keep_model(&d->pixels, m))
        snprintf(r->why, sizeof r->why, "out of memory");
}

bool learning_desk_job_running(const struct learning_desk *d) { return d->job.thread != NULL || d->saving.thread != NULL; }
bool learning_desk_job_over(const struct learning_desk *d) { return pipeline_background_over(d->job.thread != NULL ? d->job.thread : d->saving.thread); }

void learning_desk_job_end(struct learning_desk *d, struct learnt_result *r) {
    pipeline_background_join(d->job.thread);
    record_spool_thaw(d->spool);
    scan_timeline_free(d->job.timeline);
    r->model = d->job.model;
    if (!d->job.learnt)
        snprintf(r->why, sizeof r->why, "it could not be learnt; the log says why");
    else
        judge(d, r);
    if (r->why[0] != '\0') {
        array_model_free(r->model);
        r->model = NULL;
    }
    d->job = (struct learning_job){ 0 };
}

/* ---- keeping it ---- */

/* Under its own name beside the last one, too: what was told with it can be had again, and it can be chosen. */
static void keep_by_name(const char *kept, const struct array_model *m) {
    char path[PATH_MAX], id[CALIBRATION_ID_TEXT];
    const char *slash = strrchr(kept, '/');
    calibration_id(m, id);
    if (slash == NULL || id[0] == '\0' || strchr(id, '/') != NULL || snprintf(path, sizeof path, "%.*s/%s.h5", (int)(slash - kept), kept, id) >= PATH_MAX)
        return;
    if (link(kept, path) != 0 && errno != EEXIST)
        log_warning("%s: the calibration cannot be kept under its name: %s", path, strerror(errno));
}

static void save(void *saving) {
    struct saving *s = saving;
    s->result.kept = model_store_save(s->path, s->result.model);
    if (s->result.kept)
        keep_by_name(s->path, s->result.model);
}

bool learning_desk_save_begin(struct learning_desk *d, const struct learnt_result *r) {
    d->saving = (struct saving){ .path = d->settings.kept, .result = *r };
    const bool under_way = pipeline_background("tesd-keep", save, &d->saving, &d->saving.thread);
    if (!under_way)
        save(&d->saving);
    return under_way;
}

void learning_desk_save_end(struct learning_desk *d, struct learnt_result *r) {
    pipeline_background_join(d->saving.thread);
    *r = d->saving.result;
    d->saving = (struct saving){ 0 };
}
