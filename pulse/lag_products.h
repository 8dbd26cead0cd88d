/* pulse/lag_products.h - sum over a stream of x[t] x[t+j] for lags j = 0..N-1, and how many products each sum has.
 * Fed record by record; records that touch form one stretch, so lags reach across their border.
 *
 * With X the transform of a record padded to 2N, the record followed by its neighbour has the transform X + (-1)^f X_next, so
 *     sum over records of conj(X) (X + (-1)^f X_next)
 * is the transform of all products that start in a record: one transform per record, one back at the end, memory for two. */
#ifndef TESD_PULSE_LAG_PRODUCTS_H
#define TESD_PULSE_LAG_PRODUCTS_H

#include <stdbool.h>

#include "pulse/noise_plan.h"
#include "pulse/status.h"

struct lag_products;  /* opaque */

/* plan is borrowed until _free. */
enum status lag_products_new(const struct noise_plan *plan, struct lag_products **out);
void lag_products_free(struct lag_products *l);

/* x: N values with their mean already removed. touches: it follows the record added before without a gap. */
void lag_products_add(struct lag_products *l, const double *x, bool touches);

/* N sums, and N counts of products (0 where no two samples were that far apart). Once, after the last record. */
void lag_products_finish(struct lag_products *l, double *sums, double *counts);

#endif
