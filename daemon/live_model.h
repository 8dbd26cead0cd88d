/* daemon/live_model.h - the calibration that a session applies, for the pixels of its array.
 *   CAL.h5, as read, + live_array --live_model_make--> array_model with row i for pixel i */
#ifndef TESD_DAEMON_LIVE_MODEL_H
#define TESD_DAEMON_LIVE_MODEL_H

#include <stdbool.h>

#include "daemon/array_model.h"
#include "daemon/live_array.h"
#include "daemon/live_book.h"
#include "daemon/options.h"
#include "daemon/source/acquisition_status.h"

/* stored: consumed; NULL: no calibration, every pixel says why it has no energies. path: for messages. False after logging: no memory. */
bool live_model_make(struct array_model *stored, const char *path, const char *kernel, const struct live_array *array, struct array_model **out);
/* The same, read from its file here and now; path "": none. Not for the book thread, which waits for no disk. */
bool live_model_load(const char *path, const char *kernel, const struct live_array *array, struct array_model **out);
/* How each pixel is to be graded: setting, else status; unknown kinds count as edge until the run's file knows better. look: as
 * live_analyse_look. */
void live_model_pixels(const struct array_model *m, const struct options *o, const struct acquisition_status *triggers, struct book_pixel *pixels, uint8_t *look);
/* pixels that a scan beginning then uses: used[n_channels] (as reprocess). False: no memory. */
bool live_model_used(const struct array_model *m, const struct options *o, int64_t time_ns, uint8_t *used);

#endif
