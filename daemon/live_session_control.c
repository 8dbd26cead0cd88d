/* What the beamline and our own clients ask of a live session, or want changed in it. Book thread. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/live_session_parts.h"
#include "daemon/log.h"
#include "daemon/version.h"

/* ---- for the scan server ---- */

/* The scan of that number, or the last one for -1, when it has been counted; its products as they are seen. */
static const struct live_scan *scan_numbered(const struct live_session_work *s, int32_t number, const struct scan_products **products) {
    const struct live_scan *scan = s->book != NULL ? live_book_scan(s->book) : NULL;
    *products = scan != NULL ? live_scan_seen(scan) : NULL;
    return *products != NULL && (number < 0 || scan->scan.number == number) ? scan : NULL;
}

static bool find_tallied(const struct live_session_work *s, int32_t number, int32_t point, struct tallied *out, bool *final) {
    bool found = point_tally_find(s->tally, number, point, out);
    *final = found && live_session_watermark_ns(s) > out->end_ns;
    return found;
}

/* While nothing is calibrated: how many records came in the point. */
static bool records_of_point(void *context, int32_t number, int32_t point, uint64_t *records, bool *final) {
    const struct live_session_work *s = context;
    struct tallied t;
    if ((s->set != NULL && s->set->model->n_tables > 0) || !find_tallied(s, number, point, &t, final))
        return false;
    *records = t.records;
    return true;
}

/* A calibration's points are in no map. */
static bool count_of_calibration(const struct live_session_work *s, int32_t number, int32_t point, const char *region, uint32_t *counts, bool *final) {
    struct tallied t;
    if (!find_tallied(s, number, point, &t, final) || !t.complete)
        return false;
    for (uint32_t k = 0; k < s->options.n_roi; k++)
        if (strcmp(s->options.roi[k].name, region) == 0) {
            *counts = point_tally_in(&t, &s->options.roi[k]);
            return true;
        }
    return false;
}

static bool count_of_point(void *context, int32_t number, int32_t point, const char *region, uint32_t *counts, bool *final) {
    const struct scan_products *p;
    const struct live_scan *scan = number >= 0 ? scan_numbered(context, number, &p) : NULL;
    if (scan == NULL || point < 0 || (uint32_t)point >= scan->scan.n_points)
        return scan == NULL && count_of_calibration(context, number, point, region, counts, final);
    for (uint32_t k = 0; k < p->n_yields; k++)
        if (strcmp(p->yields[k]->region.name, region) == 0) {
            *counts = p->yields[k]->counts[point];
            *final = (uint32_t)point < scan->n_final;
            return true;
        }
    return false;
}

/* For scans from now on, the run's file, and the scan that runs or ran last. When that one cannot be counted anew, it stays as it was. */
static bool use_products(struct live_session_work *s) {
    const char *why;
    if (s->book == NULL)
        return true;
    const struct product_settings p = live_session_products(s);
    live_book_products(s->book, &p);
    if (!live_book_show(s->book, &why)) {
        log_warning("the scan that runs keeps its windows and axes: %s; the next one has the new ones", why);
        return false;
    }
    s->ended_published = false;
    return true;
}

/* Those of the config, and those that the beamline set, which win where names are the same. */
static bool take_regions(void *context, const struct yield_region *regions, uint32_t n, const char **why) {
    struct live_session_work *s = context;
    struct yield_region all[OPTIONS_MAX_ROI];
    uint32_t n_all = s->n_configured;
    memcpy(all, s->configured, n_all * sizeof *all);
    for (uint32_t k = 0; k < n; k++) {
        uint32_t at = 0;
        while (at < n_all && strcmp(all[at].name, regions[k].name) != 0)
            at++;
        *why = "more rois than fit beside those of the config";
        if (at == OPTIONS_MAX_ROI)
            return false;
        all[at] = regions[k];
        n_all += at == n_all;
    }
    memcpy(s->options.roi, all, n_all * sizeof *all);
    s->options.n_roi = n_all;
    use_products(s);
    return true;
}

/* ---- for the control port ---- */

static json_t *health_of_disk(const struct live_figures *f) {
    json_t *all = json_object();
    for (size_t k = 0; k < LIVE_DISK_SINKS; k++)
        if (f->disk[k].name != NULL)
            json_object_set_new(all, f->disk[k].name, json_pack("{s:b,s:I,s:I,s:s}", "failing", f->disk[k].failing, "accepted", (json_int_t)f->disk[k].accepted, "lost",
                                                                (json_int_t)f->disk[k].lost, "trouble", f->disk[k].trouble));
    return all;
}

static json_t *health(void *context) {
    struct live_session_work *s = context;
    struct live_figures f;
    live_session_figures(s, &f);
    json_t *h = json_pack("{s:s,s:s,s:s,s:b,s:b,s:b,s:b}", "program", "tesd", "version", version_number, "boot", publisher_boot(s->publisher), "acquisition_heard", f.alive, "source_running",
                          f.running, "writing", f.writing, "scanning", f.scanning);
    json_object_update_new(h, json_pack("{s:i,s:i,s:i,s:f,s:I,s:I,s:I}", "channels", (int)f.n_channels, "pixels", (int)f.n_pixels, "good_pixels", (int)f.good_pixels, "records_per_s",
                                        f.rate_per_s, "records", (json_int_t)f.rows, "photons", (json_int_t)f.photons, "late", (json_int_t)f.late));
    json_object_set_new(h, "lost", json_pack("{s:I,s:I,s:I}", "upstream", (json_int_t)s->lost.upstream, "queue", (json_int_t)s->lost.queue, "rejected", (json_int_t)s->lost.rejected));
    json_object_update_new(h, json_pack("{s:s,s:s,s:i,s:i,s:i}", "run", f.run, "calibration", f.calibration, "scan", f.scan, "point", f.point, "final_points", (int)f.final_points));
    json_object_set_new(h, "calibration_id", json_string(s->calibration_id));
    json_object_update_new(h, live_alarms_json(&s->alarms));
    json_object_set_new(h, "disk", health_of_disk(&f));
    const struct curve_gate_counts g = curve_gate_counts(s->gate);
    json_object_set_new(h, "clients", json_pack("{s:I,s:I,s:I,s:I}", "accepted", (json_int_t)g.accepted, "unknown_key", (json_int_t)g.unknown, "expired_key", (json_int_t)g.expired,
                                                "no_key", (json_int_t)g.keyless));
    const struct feed_counts p = photon_feed_counts(s->photon_feed);
    json_object_set_new(h, "photon_feed", json_pack("{s:I,s:I}", "sent", (json_int_t)p.sent, "lost", (json_int_t)p.lost));
    json_object_set_new(h, "beamline", live_beamline_describe(s->beamline));
    return h;
}

static json_t *grades_json(const struct scan_products *p) {
    json_t *all = json_object();
    for (uint32_t k = 0; k < p->n_yields; k++) {
        json_t *list = json_array();
        for (int g = 0; g < N_GRADES; g++)
            if ((p->yields[k]->grades_used >> g & 1) != 0)
                json_array_append_new(list, json_integer(g));
        json_object_set_new(all, p->yields[k]->region.name, list);
    }
    return all;
}

static json_t *counts_json(const struct live_session_work *s, const struct live_scan *scan, const struct scan_products *p, uint32_t point) {
    const struct scan_point *at = &scan->scan.points[point];
    json_t *counts = json_object();
    for (uint32_t k = 0; k < p->n_yields; k++)
        json_object_set_new(counts, p->yields[k]->region.name, json_integer(p->yields[k]->counts[point]));
    json_t *all = json_pack("{s:i,s:i,s:o,s:b,s:s,s:o,s:f}", "scan", scan->scan.number, "point", (int)point, "counts", counts, "final", point < scan->n_final, "cal",
                            s->calibration_id, "grades", grades_json(p), "live_time_s", p->live_time_s[point]);
    json_object_set_new(all, "incident_eV", isfinite(at->incident_eV) ? json_real(at->incident_eV) : json_null());
    json_object_set_new(all, "i0", isfinite(at->i0) ? json_real(at->i0) : json_null());
    return all;
}

static enum scan_answer counts(void *context, int32_t number, int32_t point, double wait_s, int64_t waited_ms, json_t **result, char why[SCAN_ERROR]) {
    struct live_session_work *s = context;
    const struct scan_products *p;
    const struct live_scan *scan = scan_numbered(s, number, &p);
    uint32_t finished = scan != NULL ? scan->scan.n_points - scan->open : 0;
    uint32_t at = point >= 0 ? (uint32_t)point : finished - 1;
    if (finished == 0 || at >= finished) {
        snprintf(why, SCAN_ERROR, scan == NULL ? "that scan is not the one that runs or ran last" : finished == 0 ? "no point has ended yet" : "that point has not ended, or there is none such");
        return SCAN_REFUSED;
    }
    if (wait_s < 0)
        wait_s = s->options.control.wait_s;
    if (at >= scan->n_final && (double)waited_ms < wait_s * 1e3)
        return SCAN_LATER;
    *result = counts_json(s, scan, p, at);
    json_object_set_new(*result, "waited_s", json_real(1e-3 * (double)waited_ms));
    return SCAN_DONE;
}

static enum scan_answer calibrations(void *context, int64_t waited_ms, json_t **result, char why[SCAN_ERROR]) { return live_session_list(context, waited_ms, result, why); }

static enum scan_answer use_calibration(void *context, const char *name, int64_t waited_ms, char why[SCAN_ERROR]) {
    return live_session_choose_name(context, name, waited_ms, why);
}

static void axes(void *context, struct energy_axis *emission, struct energy_axis *loss) {
    const struct live_session_work *s = context;
    *emission = s->options.rixs.emission;
    *loss = s->options.rixs.loss;
}

static bool set_axes(void *context, const struct energy_axis *emission, const struct energy_axis *loss, char why[SCAN_ERROR]) {
    struct live_session_work *s = context;
    s->options.rixs.emission = *emission;
    s->options.rixs.loss = *loss;
    if (use_products(s))
        return true;
    snprintf(why, SCAN_ERROR, "the scan that runs keeps its axes: it has more photons than control.recount_MiB has room for, or memory is short; the next scan has the new ones");
    return false;
}

static json_t *snapshot(void *context, const char *prefix, control_frame *take, void *to) {
    const struct live_session_work *s = context;
    return json_pack("{s:s,s:o}", "boot", publisher_boot(s->publisher), "topics", publisher_snapshot(s->publisher, prefix, take, to));
}

static void changed(void *context, const char *method) {
    struct live_session_work *s = context;
    json_t *keys = json_pack("{s:s,s:o,s:{s:[f,f,f],s:[f,f,f]}}", "change", method, "beamline", live_beamline_describe(s->beamline), "map_axes", "emission", s->options.rixs.emission.lo_eV,
                             s->options.rixs.emission.hi_eV, s->options.rixs.emission.bin_eV, "loss", s->options.rixs.loss.lo_eV, s->options.rixs.loss.hi_eV,
                             s->options.rixs.loss.bin_eV);
    json_object_set_new(keys, "calibration", json_string(s->calibration_id));
    publisher_state(s->publisher, "control/", "control", "window", keys);
    json_decref(keys);
}

struct beamline_session live_session_beamline(struct live_session_work *s) {
    return (struct beamline_session){
        .context = s, .told = live_session_told_scan, .status = &s->status, .records = records_of_point, .counts = count_of_point, .regions = take_regions,
        .zmq = s->zmq, .gate = s->gate,
        .learn = live_session_learn, .load = live_session_load,
        .control = { .context = s, .health = health, .counts = counts, .calibrations = calibrations, .use_calibration = use_calibration, .axes = axes, .set_axes = set_axes, .snapshot = snapshot,
                     .changed = changed },
    };
}
