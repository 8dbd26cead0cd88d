/* daemon/product_history.h - what a result file says, as facts that can be compared with those of the file it replaces: the version counter,
 * the list of what changed, and the versions before.
 *   facts of the products --say--> history --product_history_follow(PATH)--> version, changes --> /entry/process of the new file
 * A prelim result becomes final under the same name when the next calibration is there; whoever has used the first version reads here
 * what is different. The counter moves only when a fact did: the same input gives the same bytes again. */
#ifndef TESD_DAEMON_PRODUCT_HISTORY_H
#define TESD_DAEMON_PRODUCT_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/h5_file.h"

enum { FACT_KEY = 64, FACT_VALUE = 96, CHANGE_TEXT = 260 };

struct product_fact { char key[FACT_KEY], value[FACT_VALUE]; };

struct product_history {
    int64_t version;                  /* from 1 */
    size_t n_facts, n_changes, n_past;
    struct product_fact *facts;       /* in the order said */
    char (*changes)[CHANGE_TEXT];     /* "scan 3 map: 5120 -> 5133 counts", against the version before; none in the first */
    char (*past)[CHANGE_TEXT];        /* one line for each earlier version, oldest first */
    bool failed;                      /* no memory */
};

/* Appends a fact; a key must be said once. key and value are cut to their room. */
__attribute__((format(printf, 3, 4))) void product_history_say(struct product_history *h, const char *key, const char *value, ...);

/* Compares with the file that is there now, and sets version, changes and past. Anything that is not a result of this form counts as
 * nothing: version 1. False after logging: no memory. */
bool product_history_follow(struct product_history *h, const char *path);

void product_history_write(const struct product_history *h, struct h5_file *f, hid_t process);
void product_history_done(struct product_history *h);

#endif
