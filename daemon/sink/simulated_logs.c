/* daemon/sink/beamtime_logs.c - the text files of a simulated beamtime: experiment states and scan logs (beamtime_writer.h). */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "daemon/log.h"
#include "daemon/sink/beamtime_writer.h"

static bool complain_about(const char *path) {
    log_error("%s: cannot be written: %m%s", path, errno == ENOSPC ? "; free some space" : "");
    return false;
}

static void write_label(FILE *to, int64_t ns, const char *kind, int64_t number) {
    if (number < 0)
        fprintf(to, "%lld, %s\n", (long long)ns, kind);
    else
        fprintf(to, "%lld, %s%lld\n", (long long)ns, kind, (long long)number);
}

static bool open_states(const struct beamtime_writer *w, int run, char path[], size_t size, FILE **to) {
    snprintf(path, size, "%s/%04d/%s_run%04d_experiment_state.txt", w->folder, run, w->day, run);
    *to = fopen(path, "w");
    if (*to == NULL)
        return complain_about(path);
    fputs("# unix time in nanoseconds, state label\n", *to);
    return true;
}

static bool close_text(const char *path, FILE *to) {
    const bool failed = ferror(to) != 0;
    return (fclose(to) == 0 && !failed) || complain_about(path);
}

static bool write_noise_states(const struct beamtime_writer *w) {
    char path[BEAMTIME_PATH + 64];
    FILE *to;
    if (!open_states(w, 0, path, sizeof path, &to))
        return false;
    write_label(to, w->noise_start_ns, "START", -1);
    write_label(to, w->noise_start_ns + llround((double)w->noise_records * w->n_samples * w->period_s * 1e9), "STOP", -1);
    return close_text(path, to);
}

static bool write_states(const struct beamtime_writer *w) {
    char path[BEAMTIME_PATH + 64];
    FILE *to;
    if (!open_states(w, 1, path, sizeof path, &to))
        return false;
    write_label(to, w->plan->settings.start_ns, "START", -1);
    for (size_t i = 0; i < w->plan->n_scans; i++) {
        const struct beam_scan *s = &w->plan->scans[i];
        write_label(to, s->start_ns, s->calibration ? "CAL" : "SCAN", s->number);
        write_label(to, s->end_ns, "PAUSE", -1);
    }
    write_label(to, w->plan->end_ns, "STOP", -1);
    return close_text(path, to);
}

static json_t *header_of(const struct beamtime_writer *w, const struct beam_scan *s, const char *sample) {
    const struct beamtime_sim *b = w->plan;
    char data_path[64];
    snprintf(data_path, sizeof data_path, "%s_run0001_chan1.off", w->day);
    json_t *log = json_object();
    json_object_set_new(log, "var_name", json_string(s->calibration ? "time" : "mono"));
    json_object_set_new(log, "var_unit", json_string(s->calibration ? "s" : "eV"));
    json_object_set_new(log, "scan_num", json_integer(s->number));
    json_object_set_new(log, "beamtime_id", json_string("simulated"));
    json_object_set_new(log, "sample_id", json_integer(s->calibration ? 0 : 1 + (json_int_t)s->condition));
    json_object_set_new(log, "sample_desc", json_string(sample));
    json_t *extra = json_object();
    if (s->calibration)
        json_object_set_new(extra, "mono_eV", json_real(s->mono_eV));
    else
        json_object_set_new(extra, "edge", json_string(b->settings.edges[s->edge]->name));
    json_object_set_new(log, "extra", extra);
    json_object_set_new(log, "data_path", json_string(data_path));
    json_object_set_new(log, "drift_correction_plan", json_string("none"));
    return log;
}

static void add_points(json_t *log, const struct beamtime_sim *b, const struct beam_scan *s) {
    json_t *extras = json_object(), *values = json_array(), *starts = json_array(), *ends = json_array();
    const double first_s = (double)beamtime_sim_point(b, s, 0)->start_ns / 1e9;
    for (uint32_t i = 0; i < s->n_points; i++) {
        const struct beam_stretch *p = beamtime_sim_point(b, s, i);
        char key[16];
        snprintf(key, sizeof key, "%u", i);
        json_object_set_new(extras, key, json_pack("{s:f, s:f, s:f}", "i0", p->i0, "i0_sigma", p->i0_sigma, "tempK", s->temperature_K));
        json_array_append_new(values, json_real(s->calibration ? (double)p->start_ns / 1e9 - first_s : p->incident_eV));
        json_array_append_new(starts, json_real((double)p->start_ns / 1e9));
        json_array_append_new(ends, json_real((double)p->end_ns / 1e9));
    }
    json_object_set_new(log, "point_extras", extras);
    json_object_set_new(log, "var_values", values);
    json_object_set_new(log, "epoch_time_start_s", starts);
    json_object_set_new(log, "epoch_time_end_s", ends);
}

static bool write_log(const struct beamtime_writer *w, const struct beam_scan *s, int64_t last_calibration) {
    char sample[64];
    snprintf(sample, sizeof sample, "%s", s->calibration ? "mixv1" : w->plan->settings.conditions[s->condition]);
    json_t *log = header_of(w, s, sample);
    add_points(log, w->plan, s);
    json_object_set_new(log, "roi", json_object());
    json_object_set_new(log, "_ended", json_true());
    json_object_set_new(log, "cal_number", json_integer(s->calibration ? s->number : last_calibration));
    json_object_set_new(log, "calibration", json_boolean(s->calibration));
    if (s->calibration)
        json_object_set_new(log, "routine", json_string("simulated_mix"));
    char path[BEAMTIME_PATH + 64];
    snprintf(path, sizeof path, "%s/0001/logs/%s%04u.json", w->folder, s->calibration ? "calibration" : "scan", s->number);
    const bool good = json_dump_file(log, path, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) == 0 || complain_about(path);
    json_decref(log);
    return good;
}

bool beamtime_write_logs(const struct beamtime_writer *w) {
    int64_t last_calibration = -1;
    bool good = write_noise_states(w) && write_states(w);
    for (size_t i = 0; good && i < w->plan->n_scans; i++) {
        const struct beam_scan *s = &w->plan->scans[i];
        if (s->calibration)
            last_calibration = s->number;
        good = write_log(w, s, last_calibration);
    }
    return good;
}
