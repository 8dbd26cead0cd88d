/* daemon/further_products.h - what follows from the products of all scans and their sums, the same for a replay and for files counted anew:
 * curves cut out of maps, elastic lines, inverse PFY, and whether repeats agree.
 *   scans + sums --further_products--> groups of the archive */
#ifndef TESD_DAEMON_FURTHER_PRODUCTS_H
#define TESD_DAEMON_FURTHER_PRODUCTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/scan_products.h"
#include "daemon/scan_elastics.h"
#include "daemon/sink/archive.h"

struct further_products {
    struct archive *archive;
    struct scan_products *const *products;
    size_t n_products;
    const struct scan_sum *sums;
    size_t n_sums;
    const struct scan_elastics *elastics;   /* of these products and sums */
    bool tell;                    /* print a line for each scan that does not agree with the others, and a summary of each group */
    const struct cut_list *choice;   /* NULL: none */
};

bool further_products_write(const struct further_products *f);   /* false after logging */

#endif
