/* daemon/product_facts.h - what a result says, in facts: state, calibrations, verdicts, and of every scan pixels, counts, mean emission
 * energy and elastic line.   models + products --> product_history */
#ifndef TESD_DAEMON_PRODUCT_FACTS_H
#define TESD_DAEMON_PRODUCT_FACTS_H

#include "calib/scan_elastic.h"
#include "calib/scan_products.h"
#include "daemon/array_model.h"
#include "daemon/product_history.h"

struct product_facts {
    const char *state;                        /* "prelim", "final", ... */
    const struct array_model *model;
    struct scan_products *const *products;    /* n_products */
    const struct scan_elastic *elastic;       /* of each; NULL: not looked for */
    size_t n_products;
};
void product_facts_say(const struct product_facts *f, struct product_history *h);

#endif
