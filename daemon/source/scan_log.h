/* daemon/source/scan_log.h - scan and calibration logs of the beamline -> scan structures.  bytes in memory --decode--> struct scan[]
 * JSON as tes_scan_server wrote it from 2020 to today (doc/methods.md, Records), and the YAML logs of SSRL 10-1, 2020. Decoders need only
 * var_values and both epoch lists; lists that differ by one are cut to the shorter with a note, by more are refused. */
#ifndef TESD_DAEMON_SOURCE_SCAN_LOG_H
#define TESD_DAEMON_SOURCE_SCAN_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "calib/scan_timeline.h"
#include "pulse/complaint.h"
#include "pulse/status.h"

struct scan_log {
    size_t n;
    struct scan *scans;          /* a YAML log holds one per pass; ownership can be taken scan by scan (scan_done frees the rest) */
    struct complaint note;       /* something odd that did not stop us; text "" when nothing */
};

enum { SCAN_LOG_LIMIT = 64 << 20 };

/* `name`: the file's base name, for log_name and for formats that carry no number. i0_key: key in point_extras that holds I0. */
enum status scan_log_parse_json(const char *name, const uint8_t *bytes, size_t n, const char *i0_key, struct scan_log *out, struct complaint *why);
enum status scan_log_parse_yaml(const char *name, const uint8_t *bytes, size_t n, struct scan_log *out, struct complaint *why);
/* Chooses by content: JSON begins with '{', our YAML with "---". STATUS_NOT_FOUND: neither. */
enum status scan_log_parse(const char *name, const uint8_t *bytes, size_t n, const char *i0_key, struct scan_log *out, struct complaint *why);
void scan_log_done(struct scan_log *l);

#endif
