/* tests/daemon/made_rows_work.h - a made beamtime with a calibration of its own and what channel_rows and reprocess_file share of a reprocessing: grading, monitoring, scratch,
 * an open file. Behind cmocka.h; TESD names the program that simulates and calibrates. */
#ifndef TESD_TESTS_DAEMON_MADE_ROWS_WORK_H
#define TESD_TESTS_DAEMON_MADE_ROWS_WORK_H

#include "daemon/channel_rows.h"
#include "daemon/model_store.h"
#include "daemon/options.h"
#include "daemon/stage/bin.h"
#include "tests/daemon/made_beamtime.h"

struct made_work_world {
    struct made_beamtime made;
    struct array_model *model;
    struct options options;
};

static inline int made_work_open(void **state) {
    static struct made_work_world w;
    char path[100], command[400];
    if (made_beamtime_open(&w.made, "--rate 40 --calibration-s 20 --points 6 --noise-records 200") != 0)
        return 1;
    snprintf(path, sizeof path, "%s/cal.h5", w.made.folder);
    snprintf(command, sizeof command, "%s calibrate %s/b/20260302/0001 --noise %s/b/20260302/0000 -o %s -q >/dev/null 2>&1", getenv("TESD"), w.made.folder, w.made.folder, path);
    if (system(command) != 0 || !model_store_load(path, &w.model) || w.model->n_channels != MADE_PIXELS)
        return 1;
    options_defaults(&w.options);
    *state = &w;
    return 0;
}

static inline int made_work_close(void **state) {
    struct made_work_world *w = *state;
    array_model_free(w->model);
    options_done(&w->options);
    return made_beamtime_close(&w->made);
}

struct made_work {
    const struct made_work_world *world;
    struct reprocess_settings settings;
    struct channel_rows_work work;
    struct scratch scratch;
    struct bin_stage *bins;
    struct archive *archive;
    char path[100];
};

static inline const uint8_t *made_work_pixels(void *context, size_t timeline_index) {
    static const uint8_t all[MADE_PIXELS] = { 1, 1, 1, 1 };
    (void)context;
    (void)timeline_index;
    return all;
}

/* As set_up of reprocess.c; array: NULL, or what makes channels wait for each other. */
static inline void made_work_begin(struct made_work *m, const struct made_work_world *w, bool causal, const struct reprocess_stored *stored, const struct array_event_settings *array) {
    *m = (struct made_work){ .world = w, .settings = reprocess_settings_of(&w->options) };
    m->scratch = (struct scratch){ .folder = w->made.folder, .budget = 64 << 20, .keeps = true };
    m->work = (struct channel_rows_work){ .beamtime = &w->made.b, .model = w->model, .stored = stored, .causal = causal, .scratch = &m->scratch };
    snprintf(m->path, sizeof m->path, "%s/out%p.nxs", w->made.folder, (void *)m);   /* two may be open at once */
    assert_true(bin_stage_new(w->made.b.timeline, MADE_PIXELS, &m->settings.products, made_work_pixels, NULL, &m->bins));
    m->work.bins = m->bins;
    if (array != NULL)
        assert_true(array_events_new(array, w->model, &m->scratch, &m->work.array));
    assert_true(grading_new(&m->settings.grading, &w->made.b, w->model, m->bins, &m->work.grading));
    assert_true(monitoring_new(&m->settings.monitoring, &w->made.b, w->model, causal, &m->work.monitoring));
    assert_true(archive_create(m->path, false, &m->archive));
}

static inline void made_work_end(struct made_work *m) {
    archive_abandon(m->archive);
    array_events_free(m->work.array);
    grading_free(m->work.grading);
    monitoring_free(m->work.monitoring);
    bin_stage_free(m->bins);
    scratch_done(&m->scratch);
}

#endif
