/* Windows of emission energy, counts in them, and the files of counts that the old server wrote. */
#include <errno.h>
#include <string.h>

#include "daemon/control/scan_log_folder.h"
#include "daemon/control/scan_server_parts.h"
#include "daemon/log.h"

static enum scan_answer roi_set(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    (void)result;
    struct scan_regions next = s->regions;
    char text[SCAN_REGIONS_WHY];
    if (!scan_regions_change(&next, scan_verb_argument(r, 0), text))
        return scan_verb_refuse(why, text);
    if (!s->host.regions(s->host.context, &next, why))
        return SCAN_REFUSED;
    s->regions = next;
    return SCAN_DONE;
}

/* Of a window that there is not: null, as the old server had it. */
static enum scan_answer roi_get(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    const json_t *name = scan_verb_argument(r, 0);
    if (name != NULL && !json_is_string(name))
        return scan_verb_refuse(why, "the name of a roi is a text");
    *result = name == NULL ? scan_regions_json(&s->regions) : scan_regions_one(&s->regions, json_string_value(name));
    return SCAN_DONE;
}

static uint32_t finished(const struct scan_session *x) { return x->log != NULL ? x->n_points - (x->state == SCAN_IN_POINT) : 0; }

static enum scan_answer counts_of(struct scan_server *s, uint32_t point, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    return scan_verb_wish(s, SCAN_WISH_COUNTS, json_pack("{s:i,s:i}", "scan", s->session.number, "point", (int)point), r, result, why);
}

/* Of the last finished point: of the running scan, or of the one that ended. */
static enum scan_answer roi_get_counts(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    const uint32_t n = finished(&s->session);
    return n == 0 ? scan_verb_refuse(why, "no point has ended yet") : counts_of(s, n - 1, r, result, why);
}

/* ---- files of counts: a line of names, then a line for each point, for numpy.loadtxt ---- */

/* USER/beamtime_ID/WHAT/scan_N; without a folder for the user it is beside the run's logs. */
static bool file_of(const struct scan_server *s, const char *what, bool make, char out[PATH_MAX]) {
    char folder[PATH_MAX], beside[PATH_MAX];
    int n;
    scan_log_folder_of_file(s->log_folder, s->session.filename, beside, sizeof beside);
    if (s->user_folder[0] != '\0')
        n = snprintf(folder, sizeof folder, "%s/beamtime_%s/%s", s->user_folder, s->beamtime_id, what);
    else
        n = snprintf(folder, sizeof folder, "%s/%s", beside, what);
    if (n < 0 || n >= (int)sizeof folder || snprintf(out, PATH_MAX, "%s/scan_%d", folder, s->session.number) >= PATH_MAX)
        return false;
    return !make || scan_log_folder_make(folder);
}

static bool list_names(const json_t *counts, char *out, size_t room) {
    const char *name;
    json_t *value;
    size_t at = 0;
    out[0] = '\0';
    json_object_foreach((json_t *)(uintptr_t)counts, name, value) {
        int n = snprintf(out + at, room - at, "%s%s", at > 0 ? " " : "", name);
        if (n < 0 || (at += (size_t)n) >= room)
            return false;
    }
    return true;
}

static void put_counts(FILE *f, const json_t *counts, bool as_real) {
    const char *name, *between = "";
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)counts, name, value) {
        if (as_real)
            fprintf(f, "%s%.18e", between, json_number_value(value));
        else
            fprintf(f, "%s%lld", between, (long long)json_integer_value(value));
        between = " ";
    }
    fputc('\n', f);
}

/* Names stand above the first line, and again where they are others than before. */
static bool append_counts(struct scan_server *s, const json_t *counts) {
    char path[PATH_MAX], names[sizeof s->pfy_names];
    FILE *f = file_of(s, "pfy", true, path) && list_names(counts, names, sizeof names) ? fopen(path, "a") : NULL;
    if (f == NULL) {
        log_error("counts of scan %d cannot be written: %s", s->session.number, strerror(errno));
        return false;
    }
    if (strcmp(path, s->pfy_file) != 0 || strcmp(names, s->pfy_names) != 0)
        fprintf(f, "# %s\n", names);
    memcpy(s->pfy_file, path, sizeof path);
    memcpy(s->pfy_names, names, sizeof names);
    put_counts(f, counts, true);
    return fclose(f) == 0;
}

static enum scan_answer roi_save_counts(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    enum scan_answer a = roi_get_counts(s, r, result, why);
    if (a == SCAN_DONE && !append_counts(s, *result))
        return scan_verb_refuse(why, "the file of counts cannot be written");
    return a;
}

static enum scan_answer get_pfy_output_file(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    char path[PATH_MAX];
    if (s->session.log == NULL)
        return scan_verb_refuse(why, "there is no scan yet");
    if (!file_of(s, "pfy", json_is_true(scan_verb_argument(r, 0)), path))
        return scan_verb_refuse(why, "the folder's name is too long, or it cannot be made");
    *result = json_string(path);
    return SCAN_DONE;
}

static bool write_points(struct scan_server *s, const json_t *points) {
    char path[PATH_MAX], names[sizeof s->pfy_names];
    FILE *f = file_of(s, "quick_post_process", true, path) && list_names(json_array_get(points, 0), names, sizeof names) ? fopen(path, "w") : NULL;
    if (f == NULL)
        return false;
    fprintf(f, "# %s\n", names);
    for (size_t k = 0; k < json_array_size(points); k++)
        put_counts(f, json_array_get(points, k), false);
    return fclose(f) == 0;
}

/* Counts of all points of the last scan, in the windows set now; nothing without a calibration. */
static enum scan_answer quick_post_process(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    (void)result;
    enum scan_answer a = scan_verb_wants(s, SCAN_FILE_OPEN, why);
    const uint32_t n = finished(&s->session);
    if (a != SCAN_DONE || s->session.calibration || n == 0)
        return a != SCAN_DONE ? a : scan_verb_refuse(why, "there is no scan with points yet");
    if (strcmp(s->calibration_state, "calibrated") != 0)
        return SCAN_DONE;
    json_t *points = json_array();
    for (uint32_t k = 0; k < n && a == SCAN_DONE; k++) {
        json_t *counts = NULL;
        a = counts_of(s, k, r, &counts, why);
        if (counts != NULL)
            json_array_append_new(points, counts);
    }
    if (a == SCAN_DONE && !write_points(s, points))
        a = scan_verb_refuse(why, "the file of counts cannot be written");
    json_decref(points);
    return a;
}

static enum scan_answer start_post_processing(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    (void)s, (void)r, (void)why;
    *result = json_string("maps and spectra are made as the scan goes on");
    return SCAN_DONE;
}

static const struct scan_verb list[] = {
    { { "roi_set", { "roi_dict" }, 0, false }, true, roi_set },
    { { "roi_get", { "key" }, 0, false }, false, roi_get },
    { { "roi_get_counts", { "fast" }, 0, false }, false, roi_get_counts },
    { { "roi_save_counts", { NULL }, 0, false }, true, roi_save_counts },
    { { "roi_start_counts", { NULL }, 0, false }, false, scan_verb_nothing },
    { { "quick_post_process", { NULL }, 0, false }, true, quick_post_process },
    { { "get_pfy_output_file", { "make" }, 0, false }, false, get_pfy_output_file },
    { { "start_post_processing", { "_wait_for_finish", "_max_channels" }, 0, false }, false, start_post_processing },
};
const struct scan_verbs scan_verbs_counts = { list, sizeof list / sizeof *list };
