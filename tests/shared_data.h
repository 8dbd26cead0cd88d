/* tests/shared_data.h - real files for tests: $TESD_SHARED/data or ../shared/data. A test skips what is not there. */
#ifndef TESD_TESTS_SHARED_DATA_H
#define TESD_TESTS_SHARED_DATA_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct shared_file {
    uint8_t *bytes;  /* NULL: not there */
    size_t n;
};

static inline void shared_path(char *out, size_t size, const char *name) {
    const char *root = getenv("TESD_SHARED");
    snprintf(out, size, "%s/data/%s", root != NULL ? root : "../shared", name);
}

/* Whole file; free(bytes). */
static inline struct shared_file shared_read(const char *name) {
    struct shared_file f = { 0 };
    char path[512];
    shared_path(path, sizeof path, name);
    FILE *in = fopen(path, "rb");
    if (in == NULL) {
        printf("skipped: no shared data (%s)\n", path);
        return f;
    }
    fseek(in, 0, SEEK_END);
    long size = ftell(in);
    rewind(in);
    f.bytes = malloc(size > 0 ? (size_t)size : 1);
    if (f.bytes != NULL)
        f.n = fread(f.bytes, 1, (size_t)size, in);
    fclose(in);
    return f;
}

#endif
