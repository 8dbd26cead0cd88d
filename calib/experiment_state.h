/* calib/experiment_state.h - experiment_state.txt bytes -> labels with times.  text in memory --decode--> state_label[]
 * Line 1 is a comment; then "<ns>, <label>". A state lasts to the next line; repeated labels are unions; split at the first
 * comma; unknown lines are counted and skipped; an unfinished last line (no LF) is not read. Stable order by time. */
#ifndef TESD_CALIB_EXPERIMENT_STATE_H
#define TESD_CALIB_EXPERIMENT_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "pulse/complaint.h"
#include "pulse/status.h"

enum { EXPERIMENT_STATE_LIMIT = 4 << 20 };  /* bytes; a longer file is none of these */

struct state_label {
    int64_t start_ns;  /* since 1970 UTC */
    int64_t end_ns;    /* start of the next label; INT64_MAX for the last */
    char label[64];
};

struct experiment_state {
    size_t n;
    struct state_label *labels;
    uint64_t skipped_lines;       /* neither comment nor label */
    uint32_t first_skipped_line;  /* from 1; meaningful when skipped_lines > 0 */
};

/* STATUS_BAD_VALUE: there are lines, but none is a label, or n is beyond the limit. A file without labels yet gives n = 0.
 * Labels longer than 63 bytes are cut; blank lines are nothing. */
enum status experiment_state_parse(const uint8_t *bytes, size_t n, struct experiment_state *out, struct complaint *why);
void experiment_state_done(struct experiment_state *s);

/* *number is set only for a kind other than 0.
 * "CAL12" -> kind 'C', 12; "SCAN3" -> 'S', 3; "CALIBRATION4" (2020) -> 'C', 4; else kind 0. Case-sensitive. */
char state_label_kind(const char *label, int32_t *number);

#endif
