/* daemon/control/scan_session.h - where the beamline stands, as the scan server's protocol has it: state, numbers, the running scan's log.
 *   no_file --file--> file_open --begin--> scan --point_begin--> scan_point --point_end--> scan --end--> file_open --file_end--> no_file
 * Each step says what it refuses before it changes anything. The log of the running scan is kept in the fields of the server that stood
 * there before (formats of beamline logs), so that its readers read ours. Pure; no files, no clock. */
#ifndef TESD_DAEMON_CONTROL_SCAN_SESSION_H
#define TESD_DAEMON_CONTROL_SCAN_SESSION_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum scan_state { SCAN_NO_FILE, SCAN_FILE_OPEN, SCAN_RUNNING, SCAN_IN_POINT, N_SCAN_STATES };
extern const char *const scan_state_names[N_SCAN_STATES];   /* "no_file", "file_open", "scan", "scan_point" */

enum { SCAN_FILE_NAME = 1024 };

struct scan_session {
    enum scan_state state;
    char filename[SCAN_FILE_NAME];   /* of the first channel's file of the run; "" without one */
    int32_t next_number;             /* scans and calibrations share one counter */
    int32_t number;                  /* of the running scan, or of the last; -1: none since the file was opened */
    int32_t cal_number;              /* of the last calibration; -1: none */
    bool calibration;                /* the running scan, or the last, is one */
    json_t *log;                     /* of the running scan, or of the last; NULL: none */
    uint32_t n_points;               /* begun in it */
    int64_t point_start_ns, point_end_ns;   /* of the last point */
};

struct scan_begin {                  /* borrowed values as the client gave them */
    bool calibration;
    int32_t number;                  /* the client's; -1: the next */
    const json_t *var_name, *var_unit, *sample_id, *sample_desc, *routine, *extra, *drift_plan;   /* NULL: not given */
    const char *beamtime_id, *user_output_dir;
};

void scan_session_init(struct scan_session *s);
void scan_session_done(struct scan_session *s);

/* NULL when the session stands in that state; else what is wrong. Borrowed until the next call with the same buffer. */
const char *scan_session_wants(const struct scan_session *s, enum scan_state state, char why[120]);

void scan_session_file(struct scan_session *s, const char *filename, int32_t next_number);   /* from no_file */
void scan_session_file_end(struct scan_session *s);                                          /* from file_open: forgets numbers and log */
bool scan_session_begin(struct scan_session *s, const struct scan_begin *b);                 /* from file_open; false: no memory */
/* The value of a point as a number: numbers, texts of numbers, lists of one. NAN: none of these; then the log has it as it came. */
double scan_session_value(const json_t *value);
/* Seconds are what the log holds and the client is told; extra: an object of scalars, or NULL. */
bool scan_session_point_begin(struct scan_session *s, const json_t *value, double time_s, const json_t *extra);   /* from scan */
bool scan_session_point_end(struct scan_session *s, double time_s, const json_t *extra);                          /* from scan_point */
/* Back to file_open; the log is complete with the regions counted in (name -> [lo, hi]), and stays readable. */
bool scan_session_end(struct scan_session *s, const json_t *regions);

/* "scan0003.json", "calibration0003.json". */
void scan_session_log_name(const struct scan_session *s, char out[64]);

/* Times travel as seconds in doubles; the ns that a reader of the log will make of them is the time that counts. */
int64_t scan_session_ns(double time_s);

#endif
