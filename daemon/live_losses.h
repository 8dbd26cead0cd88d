/* daemon/live_losses.h - what became of the records that the acquisition sent, for each channel and in all.
 *   upstream_loss + channel_tally --> sums for figures, lines of text for SIGUSR1.   Book thread */
#ifndef TESD_DAEMON_LIVE_LOSSES_H
#define TESD_DAEMON_LIVE_LOSSES_H

#include <stdint.h>

#include "daemon/live_array.h"
#include "daemon/live_plan.h"
#include "daemon/upstream_loss.h"

struct live_losses {
    uint64_t sent, had;          /* in the windows compared */
    uint64_t lost_upstream;      /* of those sent, never came and were not refused here */
    uint64_t overload;           /* refused because analysis could not keep up */
    uint64_t restarts;           /* of the frame counter */
    uint64_t other_form;         /* coefficients where the calibration is of samples, or the other way round: no energies */
    uint64_t other_basis;        /* coefficients of another basis than the calibration's: no energies */
    uint64_t raw_lost;           /* not given to the raw recorder, which could not keep up */
};

/* Over all pixels. tally: of each channel. */
void live_losses_sum(const struct live_array *array, const struct channel_tally *tally, const struct upstream_loss *loss, struct live_losses *out);
/* Triggered and never analysed, whatever the reason, of each pixel: lost[n_pixels]. */
void live_losses_pixels(const struct live_array *array, const struct channel_tally *tally, const struct upstream_loss *loss, uint64_t *lost);
/* A line for each pixel's channel; free() it. NULL: no memory. */
char *live_losses_text(const struct live_array *array, const struct channel_tally *tally, const struct upstream_loss *loss);

#endif
