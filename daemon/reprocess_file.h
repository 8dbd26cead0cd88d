/* daemon/reprocess_file.h - what the file of a reprocessing (reprocess.h) holds beside its photons:  totals + products --> pixels, scans, sums, calibrations, process
 * All borrowed. False after logging. */
#ifndef TESD_DAEMON_REPROCESS_FILE_H
#define TESD_DAEMON_REPROCESS_FILE_H

#include <stdbool.h>

#include "daemon/channel_rows.h"
#include "daemon/reprocess.h"
#include "daemon/reprocess_settings.h"
#include "daemon/sink/archive.h"

struct reprocess_file {
    struct archive *archive;                 /* open, photons written */
    const struct channel_rows_work *work;    /* its grading finished */
    const struct reprocess_settings *settings;
    struct reprocessed *result;
};

bool reprocess_file_pixels(const struct reprocess_file *f);
/* Scans, sums, what follows from them, and the calibrations; when sums and elastic lines are made. */
bool reprocess_file_products(const struct reprocess_file *f);
/* What differs from the file that was there before, into result->history. */
bool reprocess_file_history(const struct reprocess_file *f, const char *path);
/* Closes the archive, which is gone then, whatever comes of it. */
bool reprocess_file_finish(const struct reprocess_file *f);

#endif
