#include "daemon/live_alarms.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/json_value.h"

enum { HOLD_MS = 30000 };

typedef uint64_t alarm_count(const struct alarm_facts *f);
typedef bool alarm_state(const struct alarm_facts *f);
typedef void alarm_text(const struct alarm_facts *f, char *text, size_t size);

static uint64_t lost_upstream(const struct alarm_facts *f) { return f->lost_upstream; }
static uint64_t overload(const struct alarm_facts *f) { return f->overload; }
static uint64_t refused(const struct alarm_facts *f) { return f->refused; }
static uint64_t not_kept(const struct alarm_facts *f) { return f->not_kept; }
static uint64_t late(const struct alarm_facts *f) { return f->late; }
static uint64_t hurried(const struct alarm_facts *f) { return f->hurried; }
static uint64_t refused_events(const struct alarm_facts *f) { return f->refused_events; }
static uint64_t clock_steps(const struct alarm_facts *f) { return f->clock_steps; }
static uint64_t other_form(const struct alarm_facts *f) { return f->other_form; }
static uint64_t other_basis(const struct alarm_facts *f) { return f->other_basis; }

static bool is_silent(const struct alarm_facts *f) { return !f->heard; }
static bool has_no_calibration(const struct alarm_facts *f) { return f->array && f->n_pixels > 0 && f->good_pixels == 0; }
static bool calibration_refused(const struct alarm_facts *f) { return f->calibration_refusal[0] != '\0'; }
static bool scans_differ(const struct alarm_facts *f) { return f->scans_differ[0] != '\0'; }
static bool pixels_jumped(const struct alarm_facts *f) { return f->pixels_jumped[0] != '\0'; }
static bool pixels_shifted(const struct alarm_facts *f) { return f->pixels_shifted[0] != '\0'; }
static bool journal_fails(const struct alarm_facts *f) { return f->disk_trouble[0] != NULL; }
static bool archive_fails(const struct alarm_facts *f) { return f->disk_trouble[1] != NULL; }
static bool raw_fails(const struct alarm_facts *f) { return f->disk_trouble[2] != NULL; }

static void silent_text(const struct alarm_facts *f, char *text, size_t size) { snprintf(text, size, "the acquisition server on %s is not heard", f->host); }
static void lost_text(const struct alarm_facts *f, char *text, size_t size) {
    snprintf(text, size, "%" PRIu64 " of %" PRIu64 " records that the acquisition triggered never came (%.2g %%)", f->lost_upstream, f->sent,
             f->sent > 0 ? 100 * (double)f->lost_upstream / (double)f->sent : 0.0);
}
static void overload_text(const struct alarm_facts *f, char *text, size_t size) { snprintf(text, size, "%" PRIu64 " records were refused because analysis could not keep up", f->overload); }
static void refused_text(const struct alarm_facts *f, char *text, size_t size) { snprintf(text, size, "%" PRIu64 " messages on the record port are no records of this array", f->refused); }
static void no_calibration_text(const struct alarm_facts *f, char *text, size_t size) {
    snprintf(text, size, "none of %u pixels has a calibration: nothing has an energy until one is learnt or loaded", f->n_pixels);
}
static void refusal_text(const struct alarm_facts *f, char *text, size_t size) { snprintf(text, size, "calibration not accepted, the one before stays: %s", f->calibration_refusal); }
static void differ_text(const struct alarm_facts *f, char *text, size_t size) { snprintf(text, size, "%s", f->scans_differ); }
static void jumped_text(const struct alarm_facts *f, char *text, size_t size) {
    snprintf(text, size, "photons of pixels that jumped do not count until they come back or are calibrated anew: %s", f->pixels_jumped);
}
static void shifted_text(const struct alarm_facts *f, char *text, size_t size) {
    snprintf(text, size, "lines of pixels stand beside the array's, their photons count at wrong energies; calibrate again: %s", f->pixels_shifted);
}
static void journal_text(const struct alarm_facts *f, char *text, size_t size) { snprintf(text, size, "journal: %s", f->disk_trouble[0]); }
static void archive_text(const struct alarm_facts *f, char *text, size_t size) { snprintf(text, size, "files of scans: %s", f->disk_trouble[1]); }
static void raw_text(const struct alarm_facts *f, char *text, size_t size) { snprintf(text, size, "raw records: %s", f->disk_trouble[2]); }
static void not_kept_text(const struct alarm_facts *f, char *text, size_t size) { snprintf(text, size, "%" PRIu64 " rows are missing from what the run's file is made of: the disk did not take them", f->not_kept); }
static void late_text(const struct alarm_facts *f, char *text, size_t size) { snprintf(text, size, "%" PRIu64 " records came after their time was settled: they are counted without grade", f->late); }
static void hurried_text(const struct alarm_facts *f, char *text, size_t size) { snprintf(text, size, "%" PRIu64 " records were settled before their time because too many waited", f->hurried); }
static void events_text(const struct alarm_facts *f, char *text, size_t size) { snprintf(text, size, "%" PRIu64 " scan points or scans that were told make no sense", f->refused_events); }
static void clock_text(const struct alarm_facts *f, char *text, size_t size) {
    snprintf(text, size, "the acquisition's clock was set %s by %.3f s while data flow (%" PRIu64 " records differ from its frame counter): photons belong where their stamps are", f->clock_step_s < 0 ? "back" : "forward",
             f->clock_step_s < 0 ? -f->clock_step_s : f->clock_step_s, f->clock_steps);
}

static void other_form_text(const struct alarm_facts *f, char *text, size_t size) {
    snprintf(text, size, "%" PRIu64 " records have no energy: they are OFF coefficients and the calibration is of samples, or the other way round; give one of their own kind (control: calibration_use)", f->other_form);
}

static void other_basis_text(const struct alarm_facts *f, char *text, size_t size) {
    snprintf(text, size, "%" PRIu64 " records have no energy: their OFF files were made with other projectors than those that the calibration was learnt from; learn one from what comes now", f->other_basis);
}

/* An alarm is a state, or a count that grows. */
static const struct alarm_rule { const char *code, *level; alarm_state *state; alarm_count *count; alarm_text *text; } rules[N_ALARMS] = {
    [ALARM_ACQUISITION_SILENT] = { "acquisition_silent", "error", .state = is_silent, .text = silent_text },
    [ALARM_LOST_UPSTREAM] = { "lost_upstream", "warning", .count = lost_upstream, .text = lost_text },
    [ALARM_OVERLOAD] = { "overload", "error", .count = overload, .text = overload_text },
    [ALARM_REFUSED] = { "messages_refused", "warning", .count = refused, .text = refused_text },
    [ALARM_NO_CALIBRATION] = { "no_calibration", "warning", .state = has_no_calibration, .text = no_calibration_text },
    [ALARM_CALIBRATION_REFUSED] = { "calibration_refused", "warning", .state = calibration_refused, .text = refusal_text },
    [ALARM_JOURNAL] = { "journal_failing", "error", .state = journal_fails, .text = journal_text },
    [ALARM_ARCHIVE] = { "archive_failing", "error", .state = archive_fails, .text = archive_text },
    [ALARM_RAW] = { "raw_failing", "error", .state = raw_fails, .text = raw_text },
    [ALARM_NOT_KEPT] = { "rows_not_kept", "error", .count = not_kept, .text = not_kept_text },
    [ALARM_LATE] = { "late_records", "warning", .count = late, .text = late_text },
    [ALARM_HURRIED] = { "hurried_records", "warning", .count = hurried, .text = hurried_text },
    [ALARM_SCAN_EVENTS] = { "scan_events_refused", "warning", .count = refused_events, .text = events_text },
    [ALARM_SCANS_DIFFER] = { "scans_differ", "warning", .state = scans_differ, .text = differ_text },
    [ALARM_CLOCK_SET] = { "clock_set", "warning", .count = clock_steps, .text = clock_text },
    [ALARM_OTHER_FORM] = { "other_form", "warning", .count = other_form, .text = other_form_text },
    [ALARM_OTHER_BASIS] = { "other_basis", "error", .count = other_basis, .text = other_basis_text },
    [ALARM_PIXELS_JUMPED] = { "pixels_jumped", "warning", .state = pixels_jumped, .text = jumped_text },
    [ALARM_PIXELS_SHIFTED] = { "pixels_shifted", "warning", .state = pixels_shifted, .text = shifted_text },
};

const char *live_alarm_code(enum alarm_code code) { return rules[code].code; }
const char *live_alarm_level(enum alarm_code code) { return rules[code].level; }

/* Grown lately. Counts may fall, as losses do when files fill them in. */
static bool grows(struct live_alarms *a, unsigned k, uint64_t count, int64_t now_ms) {
    if (count > a->counters[k].count) {
        a->counters[k].grew = true;
        a->counters[k].grew_ms = now_ms;
    }
    a->counters[k].count = count;
    a->counters[k].grew = a->counters[k].grew && count > 0 && now_ms - a->counters[k].grew_ms < HOLD_MS;
    return a->counters[k].grew;
}

bool live_alarms_update(struct live_alarms *a, const struct alarm_facts *f, int64_t now_ms, int64_t real_ns) {
    bool changed = !a->begun;
    a->begun = true;
    for (unsigned k = 0; k < N_ALARMS; k++) {
        struct live_alarm now = { .since_ns = a->list[k].since_ns };
        now.on = rules[k].count != NULL ? grows(a, k, rules[k].count(f), now_ms) : rules[k].state(f);
        now.turned = now.on != a->list[k].on;
        if (now.on)
            rules[k].text(f, now.text, sizeof now.text);
        else
            memcpy(now.text, a->list[k].text, sizeof now.text);
        if (now.on && !a->list[k].on)
            now.since_ns = real_ns;
        changed = changed || now.on != a->list[k].on || strcmp(now.text, a->list[k].text) != 0;
        a->list[k] = now;
    }
    return changed;
}

unsigned live_alarms_on(const struct live_alarms *a) {
    unsigned n = 0;
    for (unsigned k = 0; k < N_ALARMS; k++)
        n += a->list[k].on;
    return n;
}

json_t *live_alarms_json(const struct live_alarms *a) {
    json_t *list = json_array();
    for (unsigned k = 0; k < N_ALARMS; k++) {
        char since[32];
        snprintf(since, sizeof since, "%" PRId64, a->list[k].since_ns);
        if (a->list[k].on)
            json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:s}", "level", rules[k].level, "code", rules[k].code, "text", json_value_text(a->list[k].text), "since_ns", since));
    }
    return json_pack("{s:o}", "alarms", list);
}
