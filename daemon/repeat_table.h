/* daemon/repeat_table.h - how the repeats of a scan agree (calib/scan_consistency.h), in the words of the file and of the stream: columns of
 * consistency_GROUP, one row for each scan, and keys of the topic consistency/ (doc/stream.md). */
#ifndef TESD_DAEMON_REPEAT_TABLE_H
#define TESD_DAEMON_REPEAT_TABLE_H

#include <jansson.h>

#include "calib/scan_consistency.h"
#include "daemon/h5_fields.h"

enum { REPEAT_COLUMNS = 12 };
extern const struct h5_field repeat_table_columns[REPEAT_COLUMNS];   /* of struct scan_consistency; its arrays by window are not among them */

/* limit, windows, repeats; windows: names of the n_windows that each entry's arrays have. New, to be released; NULL: no memory. */
json_t *repeat_table_keys(const struct scan_consistency *list, size_t n, const char *const *windows, uint32_t n_windows);

#endif
