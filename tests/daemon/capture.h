/* tests/daemon/capture.h - what a piece of code writes to standard error, as text. */
#ifndef TESD_TESTS_DAEMON_CAPTURE_H
#define TESD_TESTS_DAEMON_CAPTURE_H

#include <stdio.h>
#include <unistd.h>

struct capture { FILE *file; int saved; };

static inline struct capture capture_begin(void) {
    fflush(stderr);
    struct capture c = { .file = tmpfile(), .saved = dup(STDERR_FILENO) };
    dup2(fileno(c.file), STDERR_FILENO);
    return c;
}

static inline void capture_end(struct capture *c, char *text, size_t size) {
    fflush(stderr);
    dup2(c->saved, STDERR_FILENO);
    close(c->saved);
    rewind(c->file);
    text[fread(text, 1, size - 1, c->file)] = '\0';
    fclose(c->file);
}

#endif
