#include "daemon/product_choice.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Whether `rest`, what follows a group's kind and number, is the name asked for. */
static bool name_meets(const struct product_choice *c, const char *rest) {
    bool any = c->name == NULL || c->name[0] == '\0';
    return any ? rest[0] == '\0' || rest[0] == '_' : rest[0] == '_' && strcmp(rest + 1, c->name) == 0;
}

/* What follows "sum_GROUP_KIND"; NULL: it is another group's, or of another kind. A group's own name may hold '_', so with none asked
 * for the kind is looked for at every place. */
static const char *after_sum(const struct product_choice *c, const char *group) {
    size_t kind = strlen(c->kind);
    for (const char *u = strchr(group, '_'); u != NULL; u = strchr(u + 1, '_')) {
        bool this_sum = c->sum == NULL || ((size_t)(u - group) == strlen(c->sum) && strncmp(group, c->sum, strlen(c->sum)) == 0);
        if (this_sum && u > group && strncmp(u + 1, c->kind, kind) == 0 && name_meets(c, u + 1 + kind))
            return u + 1 + kind;
    }
    return NULL;
}

/* Whatever the kind: KIND_NNNN... of the scan, sum_GROUP_... of the sum, or everything. */
static bool any_meets(const struct product_choice *c, const char *group) {
    if (c->sum != NULL) {
        size_t n = strlen(c->sum);
        return strncmp(group, "sum_", 4) == 0 && strncmp(group + 4, c->sum, n) == 0 && group[4 + n] == '_';
    }
    const char *number = strchr(group, '_');
    return c->scan < 0 || (strncmp(group, "sum_", 4) != 0 && number != NULL && isdigit((unsigned char)number[1]) && strtol(number + 1, NULL, 10) == c->scan);
}

bool product_choice_meets(const struct product_choice *c, const char *group) {
    size_t kind = strlen(c->kind);
    if (strcmp(c->kind, "all") == 0)
        return any_meets(c, group);
    if (strcmp(group, c->kind) == 0)
        return true;
    if (strncmp(group, "sum_", 4) == 0)
        return c->scan < 0 && after_sum(c, group + 4) != NULL;
    if (c->sum != NULL || strncmp(group, c->kind, kind) != 0 || group[kind] != '_')
        return false;
    if (isdigit((unsigned char)group[kind + 1])) {
        char *rest;
        long scan = strtol(group + kind + 1, &rest, 10);
        return (c->scan < 0 || scan == c->scan) && name_meets(c, rest);
    }
    return c->scan < 0 && name_meets(c, group + kind);
}
