#include "daemon/live_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/calibration_pair.h"
#include "calib/calibration_verdict.h"
#include "daemon/grade_windows.h"
#include "daemon/kernel_choice.h"
#include "daemon/log.h"
#include "daemon/model_store.h"
#include "daemon/stage/live_analyse.h"

static void name_channels(struct array_model *m, const struct live_array *array, const char *why) {
    for (size_t i = 0; i < m->n_channels; i++) {
        const struct live_channel *c = &array->channels[array->index_of_pixel[i]];
        m->channels[i].channel = c->number;
        memcpy(m->channels[i].name, c->name, sizeof m->channels[i].name);
        if (m->channels[i].model == NULL && m->channels[i].reason[0] == '\0')
            snprintf(m->channels[i].reason, sizeof m->channels[i].reason, "%s", why);
    }
}

static bool select_channels(struct array_model *stored, const struct live_array *array, struct array_model **out) {
    int32_t *channels = calloc(array->n_pixels + (size_t)1, sizeof *channels);
    if (channels == NULL) {
        array_model_free(stored);
        return false;
    }
    for (uint32_t i = 0; i < array->n_pixels; i++)
        channels[i] = array->channels[array->index_of_pixel[i]].number;
    bool good = array_model_select(stored, channels, array->n_pixels, out);
    free(channels);
    return good;
}

bool live_model_make(struct array_model *stored, const char *path, const char *kernel_name, const struct live_array *array, struct array_model **out) {
    struct array_model *m = NULL;
    if (!(stored != NULL ? select_channels(stored, array, &m) : array_model_new(array->n_pixels, 0, &m))) {
        log_error("%s: out of memory for it", path[0] != '\0' ? path : "(no calibration)");
        return false;
    }
    size_t known = 0;
    name_channels(m, array, path[0] == '\0' ? "no calibration was given (setting calibration.file)" : "its calibration had not been read: the disk did not answer");
    for (size_t i = 0; i < m->n_channels; i++)
        known += m->channels[i].model != NULL;
    if (stored != NULL && known < m->n_channels)
        log_warning("%s: does not hold %zu of the %zu channels that there are; they get no energies", path, m->n_channels - known, m->n_channels);
    const struct dot_kernel *kernel = kernel_choice(kernel_name);
    if (kernel != NULL)
        kernel_choice_apply(kernel, m);
    *out = m;
    return true;
}

bool live_model_load(const char *path, const char *kernel, const struct live_array *array, struct array_model **out) {
    struct array_model *stored = NULL;
    if (path[0] != '\0' && !model_store_load(path, &stored)) {
        log_error("%s: no calibration can be taken from it", path);
        return false;
    }
    return live_model_make(stored, path, kernel, array, out);
}

/* Of unknown kinds: as if the trigger were a plain edge. A level trigger fires on noise and misses pulses on tails: nobody knows its live time, and
 * none of its photons is counted. */
static void make_table(const struct pixel_model *m, double isolation_s, enum trigger_kind kind, struct book_pixel *p) {
    if (m == NULL || kind == TRIGGER_KIND_LEVEL)
        return;
    const struct channel_shape shape = { .coefficients = m->coefficients, .n_samples = m->n_samples, .n_presamples = m->n_presamples, .sample_period_s = m->sample_period_s };
    bool known = grade_windows_make(m, &shape, kind == TRIGGER_KIND_UNKNOWN ? TRIGGER_KIND_EDGE : kind, isolation_s, &p->table);
    p->lossy = known && trigger_kind_lossy(kind);
    p->live = known && !p->lossy;
    p->spans = p->live ? grade_windows_spans(&p->table) : (struct grade_spans){ 0 };
}

void live_model_pixels(const struct array_model *m, const struct options *o, const struct acquisition_status *triggers, struct book_pixel *pixels, uint8_t *look) {
    enum trigger_kind set = TRIGGER_KIND_UNKNOWN;
    trigger_kind_named(o->trigger.mode, &set);
    for (size_t i = 0; i < m->n_channels; i++) {
        int32_t channel = m->channels[i].channel;
        const struct trigger_mode *seen = acquisition_status_find(triggers, channel);
        struct trigger_mode mode = seen != NULL ? *seen : (struct trigger_mode){ .kind = TRIGGER_KIND_UNKNOWN };
        mode.kind = set != TRIGGER_KIND_UNKNOWN ? set : mode.kind;
        pixels[i] = (struct book_pixel){ .automatic = mode.automatic || trigger_list_has(o->trigger.automatic, channel),
                                         .secondary = mode.secondary || trigger_list_has(o->trigger.secondary, channel) };
        make_table(m->channels[i].model, o->trigger.isolation_s, mode.kind, &pixels[i]);
        const bool by_trigger = pixels[i].automatic || mode.kind == TRIGGER_KIND_EDGE || mode.kind == TRIGGER_KIND_UNKNOWN;
        look[i] = pixels[i].secondary ? 0 : (uint8_t)((by_trigger ? LIVE_LOOK_TRIGGER : 0) | (trigger_kind_lossy(mode.kind) ? LIVE_LOOK_RISES : 0));
    }
}

bool live_model_used(const struct array_model *m, const struct options *o, int64_t time_ns, uint8_t *used) {
    double *resolution_eV = calloc(m->n_channels + 1, sizeof *resolution_eV);
    for (size_t i = 0; resolution_eV != NULL && i < m->n_channels; i++) {
        struct calibration_pair c = calibration_pair_latest(m->tables, m->n_tables, (uint32_t)i, time_ns);
        used[i] = m->channels[i].model != NULL && c.before != NULL;
        resolution_eV[i] = c.before != NULL ? c.before->resolution_eV : (double)NAN;
    }
    bool good = resolution_eV != NULL && calibration_verdict_keep_best(resolution_eV, used, (uint32_t)m->n_channels, (uint32_t)o->rixs.best_pixels) == STATUS_OK;
    free(resolution_eV);
    return good;
}
