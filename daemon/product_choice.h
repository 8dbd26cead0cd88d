/* daemon/product_choice.h - which groups of a NeXus file somebody means by "pfy:O" and a scan number. Names of groups: doc/nexus.md. */
#ifndef TESD_DAEMON_PRODUCT_CHOICE_H
#define TESD_DAEMON_PRODUCT_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

struct product_choice {
    const char *kind;     /* first word of the group's name: "pfy", "rixs", "compare"; a whole name of a group; "all": any */
    const char *name;     /* what follows: "O" of pfy:O; NULL or "": any */
    int32_t scan;         /* of this number only; -1: any */
    const char *sum;      /* sums of this group of scans only ("heated_O"); NULL: any */
};

/* A group of one scan (KIND_NNNN, KIND_NNNN_NAME), of a sum (sum_GROUP_KIND, sum_GROUP_KIND_NAME) or of the whole file (KIND_NAME). */
bool product_choice_meets(const struct product_choice *c, const char *group);

#endif
