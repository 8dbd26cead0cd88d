/* daemon/grading_parts.h - what grading.c (one channel at a time) and grading_finish.c (all channels together) share. */
#ifndef TESD_DAEMON_GRADING_PARTS_H
#define TESD_DAEMON_GRADING_PARTS_H

#include "calib/beam_steadiness.h"
#include "daemon/channel_events.h"
#include "daemon/grade_plan.h"
#include "daemon/grade_windows.h"
#include "daemon/grading.h"
#include "daemon/source/acquisition_status.h"

/* A row that a death may change, kept until deaths are known. */
struct end_row { uint64_t file_row; size_t row; };

struct graded_channel {
    bool windows_known;              /* table and what follows from it */
    bool live;                       /* they are, and its trigger leaves no unseen gaps: it has live time */
    enum trigger_kind kind;
    struct livetime_table table;
    struct grade_spans spans;        /* as scan_products has them */
    struct channel_events events;    /* until taken */
    int64_t *times_ns;               /* plan.points x columns, until taken */
    int64_t *sampled;                /* the same in instants of the array; NULL: not asked for */
    int64_t *free_ns;                /* plan.points: time without vetoes; with `sampled` */
    int64_t *open_ns;                /* plan.points, of a lossy trigger: time in which a photon would have counted if it had a record; NULL: of others */
    int64_t *calibration_ns;         /* plan.calibrations x columns */
    uint32_t *calibration_photons;
    struct time_spans vetoes;        /* those in silences only, once graded */
    struct grade_silences silences;
    uint64_t n_events;
    struct photon_block *ends;       /* rows at the ends of silences, each once, in order */
    struct end_row *end_rows;        /* of `ends` */
};

struct grading {
    struct grading_settings settings;
    const struct beamtime *beamtime;
    const struct array_model *model;
    struct bin_stage *bins;
    struct grade_plan plan;
    struct acquisition_status acquisition;
    struct array_activity *activity;
    struct beam_steadiness *steadiness;
    const int64_t *instants_ns;      /* of the array's events; NULL: live time by intervals */
    size_t n_instants;
    size_t n;
    struct graded_channel *channels;
    double *sensitivity;
    uint64_t rows, died;
};

void grading_by_instants(const struct grading *g, struct livetime_sheet *sheet);   /* time in instants, not in ns */
struct livetime_sheet grading_sheet(const struct graded_channel *c, const struct time_cells *cells, int64_t *rows);

/* grading_lossy.c: closed forms where the trigger left no trace. fit: fits g->sensitivity. False: no memory. */
bool grading_channel_lossy(const struct graded_channel *c);
bool grading_lossy_rows(const struct grading *g, struct graded_channel *c, const struct grade_input *in, struct photon_block *b);   /* grades, open_ns. False: no memory */
bool grading_lossy_times(struct grading *g, bool (*fit)(struct grading *));
bool grading_lossy_errors(struct grading *g);   /* before the yields are settled */

#endif
