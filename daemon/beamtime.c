#include "daemon/beamtime.h"

#include "daemon/log.h"
#include "daemon/source/beamtime_logs.h"

static void count_timeline(struct beamtime *b) {
    for (size_t i = 0; i < scan_timeline_count(b->timeline); i++) {
        const struct scan *s = scan_timeline_at(b->timeline, i);
        b->n_calibrations += s->calibration;
        b->n_scans += !s->calibration && s->n_points > 0;
    }
}

bool beamtime_open(const struct beamtime_paths *paths, const char *i0_key, struct beamtime *out) {
    struct beamtime b = { 0 };
    if (!run_input_collect(paths->noise, paths->n_noise, false, NULL, &b.noise) ||
        !run_input_collect(paths->pulses, paths->n_pulses, paths->prefer_off, &b.noise, &b.pulses)) {
        log_error("out of memory while listing the input files");
        beamtime_close(&b);
        return false;
    }
    if (b.pulses.n_channels == 0) {
        log_error("no pulse file could be used; name run folders or *_chanN.ljh / *_chanN.off files");
        beamtime_close(&b);
        return false;
    }
    struct log_search search = {
        .run_folders = b.pulses.folders, .n_run_folders = b.pulses.n_folders, .log_folders = paths->logs, .n_log_folders = paths->n_logs,
        .i0_key = i0_key, .calibration = paths->calibration, .first_ns = b.pulses.first_ns, .last_ns = b.pulses.last_ns,
    };
    struct log_counts counts;
    if (!beamtime_logs_collect(&search, &b.timeline, &counts)) {
        log_error("out of memory while reading the logs");
        beamtime_close(&b);
        return false;
    }
    count_timeline(&b);
    b.refused = b.pulses.refused + b.noise.refused + counts.refused;
    *out = b;
    return true;
}

void beamtime_close(struct beamtime *b) {
    run_input_done(&b->pulses);
    run_input_done(&b->noise);
    scan_timeline_free(b->timeline);
    *b = (struct beamtime){ 0 };
}
