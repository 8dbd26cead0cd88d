#include "daemon/admission.h"

#include <math.h>
#include <stdlib.h>

#include "daemon/log.h"
#include "daemon/stage/reconcile.h"
#include "pulse/pixel_model.h"

static const int64_t PORT_QUIET_NS = 2000000000;   /* a port silent for so long brings nothing more */
static const double RESTART_S = 1.0;   /* a frame this far behind the newest, with a later time, is a new epoch (source/record_order.c) */
static const double FIT_NS = 1e9;      /* so is one whose stamp is by more than this not what its frame says, for a clock that was set back while the source was away */
static const double STEP_NS = 1e8;     /* a clock was set while data flow */

struct moment { int64_t frame, time_ns; };

/* A channel's records as they came one way, in which nothing is out of order by more than a moment. */
struct way_order {
    struct moment newest, before_step;      /* of the newest frame; of the last one before its clock was set */
    struct moment before_restart;           /* of the newest frame of the epoch before; if it has restarted */
    int64_t newest_time_ns;                 /* of all of this epoch */
    int epoch;                              /* the same number both ways */
    bool begun, restarted;
};

enum way { BY_PORT, BY_FILE, WAYS };

struct channel_order {
    struct way_order ways[WAYS];
    int epoch;                              /* the newest */
    uint32_t basis;                         /* of its last record with coefficients, and the model that it was held against; */
    uint64_t model_version;
    bool other_basis;                       /* and what came of that */
    bool gap, new_epoch;                    /* to be told with the next record that stays; with the next one of the newest epoch */
};

struct admission {
    struct admission_settings settings;
    struct channel_order *channels;
    struct reconcile *reconcile;            /* NULL: records come one way */
    uint64_t told_version;                  /* of the model for which another basis was told; 0: none */
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

/* Whether the model would make wrong heights of it. Asked once for a file and a model. */
static bool is_of_other_basis(struct admission *a, const struct live_plan *plan, struct channel_order *c, const struct block_record *r) {
    if (a->settings.bases == NULL || (r->flags & BLOCK_COEFFICIENTS) == 0 || !measures_coefficients(plan, r->pixel))
        return false;
    if (c->basis == r->basis && c->model_version == plan->model_version && r->basis != 0)
        return c->other_basis;
    const bool other = !off_bases_measured_by(a->settings.bases, r->basis, model_of(plan, r->pixel));
    if (other && a->told_version != plan->model_version) {
        a->told_version = plan->model_version;
        log_error("%s: its OFF file has another basis than the records that the calibration was learnt from: its records have no energies, nor have those of other such channels; "
                  "learn a calibration from files of this basis", plan->array->channels[r->channel_index].name);
    }
    c->basis = r->basis;
    c->model_version = plan->model_version;
    c->other_basis = other;
    return other;
}

/* How far the record's stamp is from what the frames since that moment say. */
static double misfit_ns(const struct moment *m, const struct block_record *r) {
    return fabs((double)(r->time_ns - m->time_ns) - (double)(r->frame - m->frame) * (double)r->sample_period_s * 1e9);
}

static bool fits(const struct way_order *w, const struct block_record *r) { return misfit_ns(&w->newest, r) <= FIT_NS || misfit_ns(&w->before_step, r) <= FIT_NS; }
static double behind_s(const struct way_order *w, const struct block_record *r) { return ((double)w->newest.frame - (double)r->frame) * (double)r->sample_period_s; }
static bool has_restarted(const struct way_order *w, const struct block_record *r) { return behind_s(w, r) > RESTART_S && (r->time_ns > w->newest_time_ns || !fits(w, r)); }

/* Files tell of the past, and where the port began after a clock was set, nothing of it has stamps like theirs: an older frame with a later stamp is
 * then no restart. Older epochs are those that fit the port's last one, or have frames that the port has not reached. */
static int first_epoch_of_files(const struct way_order *port, const struct block_record *r) {
    const bool ahead = behind_s(port, r) < -RESTART_S && r->time_ns < port->newest_time_ns;
    return !fits(port, r) && (ahead || (port->restarted && misfit_ns(&port->before_restart, r) <= FIT_NS)) ? port->epoch - 1 : port->epoch;
}

static int first_epoch_of_port(const struct way_order *files, const struct block_record *r) { return has_restarted(files, r) ? files->epoch + 1 : files->epoch; }

/* Each way tells its restarts itself, for the other may be elsewhere in time; unless it was silent until its frames were beyond its old ones. */
static int epoch_of(const struct channel_order *c, enum way way, const struct block_record *r) {
    const struct way_order *own = &c->ways[way], *other = &c->ways[way == BY_PORT ? BY_FILE : BY_PORT];
    if (!own->begun)
        return !other->begun ? c->epoch : way == BY_FILE ? first_epoch_of_files(other, r) : first_epoch_of_port(other, r);
    if (has_restarted(own, r))
        return own->epoch + 1;
    return other->begun && other->epoch > own->epoch && !fits(own, r) && fits(other, r) ? other->epoch : own->epoch;
}

static void note_newest(struct way_order *w, const struct block_record *r, bool first) {
    const struct moment now = { r->frame, r->time_ns };
    if (first)
        w->before_step = now;
    else if (misfit_ns(&w->newest, r) > STEP_NS)
        w->before_step = w->newest;
    w->newest = now;
}

static void note_way(struct way_order *w, const struct block_record *r, int epoch) {
    const bool restarted = w->begun && epoch != w->epoch, first = restarted || !w->begun;
    if (restarted)
        w->before_restart = w->newest;
    if (first || r->frame > w->newest.frame)
        note_newest(w, r, first);
    w->newest_time_ns = first || r->time_ns > w->newest_time_ns ? r->time_ns : w->newest_time_ns;
    w->epoch = epoch;
    w->restarted = w->restarted || restarted;
    w->begun = true;
}

static void note_order(struct channel_order *c, struct channel_tally *t, const struct block_record *r) {
    const enum way way = (r->flags & BLOCK_FROM_FILE) != 0 ? BY_FILE : BY_PORT;
    const int epoch = epoch_of(c, way, r);
    note_way(&c->ways[way], r, epoch);
    if (epoch <= c->epoch)
        return;
    c->epoch = epoch;
    c->new_epoch = true;
    tally_add(&t->restarts, 1);
}

/* Of a record that stays. */
static void tell_order(struct channel_order *c, struct block_record *r) {
    const int epoch = c->ways[(r->flags & BLOCK_FROM_FILE) != 0 ? BY_FILE : BY_PORT].epoch;
    const bool old = epoch < c->epoch, restarted = c->new_epoch && !old;
    r->epoch = (int16_t)epoch;
    r->flags |= (uint16_t)((restarted ? BLOCK_NEW_EPOCH | BLOCK_GAP_BEFORE : 0) | (old ? BLOCK_OLD_EPOCH : 0) | (c->gap ? BLOCK_GAP_BEFORE : 0));
    c->new_epoch = c->new_epoch && !restarted;
    c->gap = false;
}

/* Stays: the record that is the first of its kind, or the one of two that can be measured. */
static bool admit(struct admission *a, const struct live_plan *plan, struct block_record *r) {
    struct channel_tally *t = &plan->tally[r->channel_index];
    struct channel_order *order = &a->channels[r->channel_index];
    const bool from_file = (r->flags & BLOCK_FROM_FILE) != 0, file_alone = a->reconcile != NULL && measures_coefficients(plan, r->pixel);
    const enum reconcile_verdict v = a->reconcile != NULL ? reconcile_admit(a->reconcile, r) : RECONCILE_NEW;
    tally_add(from_file ? &t->file : &t->port, v == RECONCILE_NEW);
    if (v == RECONCILE_NEW || v == RECONCILE_KNOWN)
        note_order(order, t, r);
    if (v != RECONCILE_NEW && !(file_alone && from_file && v == RECONCILE_KNOWN))
        return false;
    if (file_alone && !from_file)
        r->pixel = BLOCK_NO_PIXEL;   /* for the raw recorder it is a record all the same; its file's copy has the flags */
    else
        tell_order(order, r);
    tally_add(&t->other_form, is_of_other_form(plan, r));
    const bool other_basis = is_of_other_basis(a, plan, order, r);
    r->flags |= other_basis ? BLOCK_OTHER_BASIS : 0;
    tally_add(&t->other_basis, other_basis);
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

void admission_lost(struct admission *a, const struct block_record *r) {
    struct channel_order *c = &a->channels[r->channel_index];
    c->gap = true;
    c->new_epoch = c->new_epoch || (r->flags & BLOCK_NEW_EPOCH) != 0;
}
