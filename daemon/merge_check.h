/* daemon/merge_check.h - whether files of ours may be summed, and if not, why.
 *   inputs --merge_check--> yes, or a logged reason that names both files and the remedy
 * What may be summed: shards (one scan, other channels in each file) and repeats (other times, the same sample, edge and set points), made
 * with the same line table. What may not: one photon twice, other bins or windows (unless all is counted anew), a scan that is not the same
 * in two files although it has the same time, shards whose counts or live times owe something to pixels of the other shard (enum array_rule of
 * calib/scan_products.h), a file that repeats nothing of the others (unless they may stand apart). */
#ifndef TESD_DAEMON_MERGE_CHECK_H
#define TESD_DAEMON_MERGE_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/rebuild_input.h"

struct merge_rules {
    bool other_emission, other_loss, other_windows;   /* all is counted anew on other ones, so they need not agree */
    bool apart;                       /* scans that are no repeats of each other may stand in one file */
};

bool merge_check(struct rebuild_input *inputs, size_t n_inputs, const struct merge_rules *rules);

#endif
