/* daemon/model_reading.h - a stored calibration, read by a thread that may wait for its disk, so that who wants it does not.
 *   paths --begin--> the first that can be opened --over, end--> its array_model, or why there is none
 * The file's bytes are read first and decoded then: a disk that does not answer holds nothing that others need (HDF5 has one lock for the whole
 * process). A file that is no calibration is said to the log; one that is not there is the asker's to tell. One owner thread. */
#ifndef TESD_DAEMON_MODEL_READING_H
#define TESD_DAEMON_MODEL_READING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/array_model.h"
#include "daemon/options.h"

struct model_reading;   /* opaque */

struct stored_model {
    char path[OPTIONS_TEXT];      /* of the file that was opened, else the first of those given; "" nothing was read */
    int error;                    /* errno of what could not be opened or read to its end; 0: it was */
    struct array_model *model;    /* the owner's; NULL: none, or what was read is none */
};

/* The paths are copied; n >= 1. False: no memory or no thread. */
bool model_reading_begin(const char *const *paths, size_t n, struct model_reading **out);
bool model_reading_over(const struct model_reading *r);
int64_t model_reading_begun_ms(const struct model_reading *r);     /* clock_ms() */
/* For so long the disk has kept silent; 0: it has answered, or has not been asked yet. */
int64_t model_reading_silent_ms(const struct model_reading *r);
const char *model_reading_path(const struct model_reading *r);     /* the first of those given */
struct stored_model model_reading_end(struct model_reading *r);    /* waits when it is not over; frees r */
void model_reading_free(struct model_reading *r);                  /* the same, and what was read; NULL is fine */

#endif
