#include "pulse/growing_list.h"

#include <stdint.h>
#include <stdlib.h>

void *growing_list_room(void *list, size_t n, size_t *capacity, size_t size, size_t first) {
    if (n < *capacity)
        return list;
    size_t more = *capacity > 0 ? 2 * *capacity : first;
    void *grown = more <= SIZE_MAX / size ? realloc(list, more * size) : NULL;
    if (grown != NULL)
        *capacity = more;
    return grown;
}
