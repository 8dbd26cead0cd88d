#include "daemon/admission.h"

#include <math.h>
#include <stdlib.h>

#include "daemon/stage/reconcile.h"
#include "pulse/pixel_model.h"

static const int64_t PORT_QUIET_NS = 2000000000;   /* a port silent for so long brings nothing more */
static const double RESTART_S = 1.0;   /* a frame this far behind the newest, with a later time, is a new epoch (source/record_order.c) */
static const double FIT_NS = 1e9;      /* so is one whose stamp is by more than this not what its frame says, for a clock that was set back while the source was away */
static const double STEP_NS = 1e8;     /* a clock was set while data flow */

struct moment { int64_t frame, time_ns; };

struct channel_order {
    struct moment newest, before_step;      /* of the newest frame; of the last one before its clock was set */
    int64_t newest_time_ns;                 /* of all */
    bool begun, gap;
};

struct admission {
    struct admission_settings settings;
    struct channel_order *channels;
    struct reconcile *reconcile;            /* NULL: records come one way */
    int64_t port_newest_ns, port_came_ns;   /* of what came by port: the newest stamp; CLOCK_MONOTONIC when it last brought something, or the start */
};

bool admission_new(const struct admission_settings *settings, struct admission **out) {
    struct admission *a = calloc(1, sizeof *a);
    bool good = a != NULL;
    if (good) {
        *a = (struct admission){ .settings = *settings, .port_newest_ns = INT64_MIN, .port_came_ns = settings->begun_ns };
        a->channels = calloc(settings->n_channels + (size_t)1, sizeof *a->channels);
        good = a->channels != NULL && (!settings->with_files || reconcile_new(settings->n_channels, RECONCILE_MEMORY, &a->reconcile));
    }
    if (!good) {
        admission_free(a);
        return false;
    }
    *out = a;
    return true;
}

void admission_free(struct admission *a) {
    if (a == NULL)
        return;
    reconcile_free(a->reconcile);
    free(a->channels);
    free(a);
}

static const struct pixel_model *model_of(const struct live_plan *plan, uint16_t pixel) {
    const struct array_model *m = plan->model;
    return m != NULL && pixel < m->n_channels ? m->channels[pixel].model : NULL;
}

static bool measures_coefficients(const struct live_plan *plan, uint16_t pixel) {
    const struct pixel_model *m = model_of(plan, pixel);
    return m != NULL && m->coefficients;
}

/* A record of which the pixel's model makes nothing but a time. */
static bool is_of_other_form(const struct live_plan *plan, const struct block_record *r) {
    const struct pixel_model *m = model_of(plan, r->pixel);
    return m != NULL && m->coefficients != ((r->flags & BLOCK_COEFFICIENTS) != 0);
}

/* Whether the record is the first of its kind, or the one of two that can be measured. */
static bool is_wanted(struct admission *a, const struct live_plan *plan, struct block_record *r) {
    struct channel_tally *t = &plan->tally[r->channel_index];
    const bool from_file = (r->flags & BLOCK_FROM_FILE) != 0, file_alone = a->reconcile != NULL && measures_coefficients(plan, r->pixel);
    enum reconcile_verdict v = a->reconcile != NULL ? reconcile_admit(a->reconcile, r) : RECONCILE_NEW;
    tally_add(from_file ? &t->file : &t->port, v == RECONCILE_NEW);
    if (file_alone && !from_file)
        r->pixel = BLOCK_NO_PIXEL;   /* for the raw recorder it is a record all the same */
    return v == RECONCILE_NEW || (file_alone && from_file && v == RECONCILE_KNOWN);
}

/* How far the record's stamp is from what the frames since that moment say. */
static double misfit_ns(const struct moment *m, const struct block_record *r) {
    return fabs((double)(r->time_ns - m->time_ns) - (double)(r->frame - m->frame) * (double)r->sample_period_s * 1e9);
}

static bool has_restarted(const struct channel_order *c, const struct block_record *r) {
    const double behind_s = ((double)c->newest.frame - (double)r->frame) * (double)r->sample_period_s;
    return behind_s > RESTART_S && (r->time_ns > c->newest_time_ns || (misfit_ns(&c->newest, r) > FIT_NS && misfit_ns(&c->before_step, r) > FIT_NS));
}

static void note_newest(struct channel_order *c, const struct block_record *r, bool restarted) {
    const struct moment now = { r->frame, r->time_ns };
    if (restarted || !c->begun)
        c->before_step = now;
    else if (misfit_ns(&c->newest, r) > STEP_NS)
        c->before_step = c->newest;
    c->newest = now;
}

static void note_order(struct channel_order *c, struct channel_tally *t, struct block_record *r) {
    const bool restarted = c->begun && has_restarted(c, r);
    r->flags |= (uint16_t)((restarted ? BLOCK_NEW_EPOCH | BLOCK_GAP_BEFORE : 0) | (c->gap ? BLOCK_GAP_BEFORE : 0));
    c->gap = false;
    tally_add(&t->restarts, restarted);
    if (restarted || !c->begun || r->frame > c->newest.frame)
        note_newest(c, r, restarted);
    c->newest_time_ns = !c->begun || restarted || r->time_ns > c->newest_time_ns ? r->time_ns : c->newest_time_ns;
    c->begun = true;
}

static bool admit(struct admission *a, const struct live_plan *plan, struct block_record *r) {
    const uint16_t pixel = r->pixel;
    if (!is_wanted(a, plan, r))
        return false;
    if (r->pixel == pixel)   /* else its file's copy has the flags */
        note_order(&a->channels[r->channel_index], &plan->tally[r->channel_index], r);
    tally_add(&plan->tally[r->channel_index].other_form, is_of_other_form(plan, r));
    return true;
}

static void note_port(struct admission *a, const struct record_block *b) {
    for (size_t i = 0; i < b->n; i++)
        a->port_newest_ns = b->rows[i].time_ns > a->port_newest_ns ? b->rows[i].time_ns : a->port_newest_ns;
    a->port_came_ns = b->arrived_ns;
}

uint64_t admission_block(struct admission *a, const struct live_plan *plan, struct record_block *b) {
    size_t kept = 0;
    if (b->n > 0 && (b->rows[0].flags & BLOCK_FROM_FILE) == 0)
        note_port(a, b);
    for (size_t i = 0; i < b->n; i++)
        if (admit(a, plan, &b->rows[i])) {
            if (kept != i)
                b->rows[kept] = b->rows[i];
            kept++;
        }
    const uint64_t left = b->n - kept;
    b->n = kept;
    return left;
}

bool admission_waits(const struct admission *a, const struct live_plan *plan, const struct record_block *b, int64_t now_ns) {
    if (a->settings.files_only || now_ns - a->port_came_ns > PORT_QUIET_NS)
        return false;
    for (size_t i = 0; i < b->n; i++)
        if ((b->rows[i].flags & BLOCK_COEFFICIENTS) != 0 && !measures_coefficients(plan, b->rows[i].pixel) && b->rows[i].time_ns + a->settings.disorder_ns > a->port_newest_ns)
            return true;
    return false;
}

void admission_lost(struct admission *a, uint16_t channel_index) { a->channels[channel_index].gap = true; }
