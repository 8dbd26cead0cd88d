/* daemon/live_alarms.h - what somebody at the beamline must know now, and since when.   figures of the session --update--> list of alarms
 * What has a state (the acquisition is silent, a disk cannot be written) is an alarm while it lasts; what is counted (records lost, refused)
 * while the count grows and half a minute more. One owner; no I/O, no clock. */
#ifndef TESD_DAEMON_LIVE_ALARMS_H
#define TESD_DAEMON_LIVE_ALARMS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum alarm_code {
    ALARM_ACQUISITION_SILENT, ALARM_LOST_UPSTREAM, ALARM_OVERLOAD, ALARM_REFUSED, ALARM_NO_CALIBRATION, ALARM_CALIBRATION_REFUSED, ALARM_JOURNAL, ALARM_ARCHIVE, ALARM_RAW,
    ALARM_NOT_KEPT, ALARM_LATE, ALARM_HURRIED, ALARM_SCAN_EVENTS, ALARM_SCANS_DIFFER, ALARM_CLOCK_SET, ALARM_OTHER_FORM, ALARM_OTHER_BASIS, ALARM_PIXELS_JUMPED, ALARM_PIXELS_SHIFTED, N_ALARMS
};

struct alarm_facts {
    bool heard;                          /* the acquisition's status port */
    bool array;                          /* its channels are known */
    uint32_t n_pixels, good_pixels;
    uint64_t sent, lost_upstream, overload, refused, not_kept, late, hurried, refused_events, clock_steps, other_form, other_basis;   /* so far */
    double clock_step_s;                 /* the last of them */
    const char *host;                    /* of the acquisition */
    const char *calibration_refusal;     /* "" none */
    const char *scans_differ;            /* which repeats do not agree; "" none */
    const char *pixels_jumped;           /* which pixels are cut as jumped now, and since when; "" none */
    const char *pixels_shifted;          /* which pixels see lines beside those of the array, by how much and since when; "" none */
    const char *disk_trouble[3];         /* journal, archive, raw: NULL none */
};

struct live_alarm { bool on, turned; int64_t since_ns; char text[320]; };   /* turned: by the last update; the text of one that is over is its last */

struct live_alarms {                     /* zeros at the start */
    struct live_alarm list[N_ALARMS];
    struct { uint64_t count; int64_t grew_ms; bool grew; } counters[N_ALARMS];
    bool begun;
};

/* now_ms: CLOCK_MONOTONIC; real_ns: since 1970 UTC. True: another alarm, one gone, or another text. Always true at the first time. */
bool live_alarms_update(struct live_alarms *a, const struct alarm_facts *f, int64_t now_ms, int64_t real_ns);
unsigned live_alarms_on(const struct live_alarms *a);

/* {"alarms": [{"level", "code", "text", "since_ns"}]}: all there are, in order of their codes. NULL: no memory. */
json_t *live_alarms_json(const struct live_alarms *a);
const char *live_alarm_code(enum alarm_code code);    /* "acquisition_silent" */
const char *live_alarm_level(enum alarm_code code);   /* "warning", "error" */

#endif
