#include "daemon/sink/disk_engine.h"

#include <string.h>

const struct disk_engine *disk_engine_find(const char *name) {
    static const struct disk_engine *const engines[] = { &disk_engine_uring, &disk_engine_pwrite };
    for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++)
        if (strcmp(name, engines[i]->name) == 0)
            return engines[i];
    return NULL;
}
