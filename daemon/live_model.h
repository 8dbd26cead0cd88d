/* daemon/live_model.h - the calibration that a session applies, for the pixels of its array.
 *   CAL.h5 + live_array --live_model_load--> array_model with row i for pixel i */
#ifndef TESD_DAEMON_LIVE_MODEL_H
#define TESD_DAEMON_LIVE_MODEL_H

#include <stdbool.h>

#include "daemon/array_model.h"
#include "daemon/live_array.h"
#include "daemon/live_book.h"
#include "daemon/options.h"
#include "daemon/source/acquisition_status.h"

/* A calibration that was read before there was an array to apply it to: reading takes seconds, in which records would pile up in memory. */
struct model_ahead { char path[256]; struct array_model *model; };   /* model NULL: none, or taken over */
void live_model_read_ahead(const char *path, struct model_ahead *out);   /* what cannot be read is said when it is wanted, not now; the caller owns the model */

/* path "": no calibration, every pixel says why it has no energies. ahead: NULL, or what may have been read of that file, which is taken over then.
 * False after logging. */
bool live_model_load(const char *path, const char *kernel, const struct live_array *array, struct model_ahead *ahead, struct array_model **out);
/* How each pixel is to be graded: setting, else status; unknown kinds count as edge until the run's file knows better. */
void live_model_pixels(const struct array_model *m, const struct options *o, const struct acquisition_status *triggers, struct book_pixel *pixels, bool *look);
/* pixels that a scan beginning then uses: used[n_channels] (as reprocess). False: no memory. */
bool live_model_used(const struct array_model *m, const struct options *o, int64_t time_ns, uint8_t *used);

#endif
