#include "daemon/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WIDTH = 40 };

static void draw(const struct progress *p, size_t done) {
    char line[256], bar[WIDTH + 1];
    const size_t filled = p->total == 0 ? WIDTH : WIDTH * done / p->total;
    memset(bar, '.', WIDTH);
    memset(bar, '#', filled < WIDTH ? filled : WIDTH);
    bar[WIDTH] = '\0';
    const int n = snprintf(line, sizeof line, "\r%s [%s] %zu/%zu %s ", p->what, bar, done, p->total, p->unit);
    if (n > 0 && write(STDERR_FILENO, line, (size_t)n) < 0)
        return;
}

void progress_start(struct progress *p, const char *what, const char *unit, size_t total) {
    p->what = what;
    p->unit = unit;
    p->total = total;
    p->shown = isatty(STDERR_FILENO) == 1;
    atomic_init(&p->done, 0);
    if (p->shown)
        draw(p, 0);
}

void progress_add(struct progress *p, size_t n) {
    const size_t done = atomic_fetch_add(&p->done, n) + n;
    if (p->shown)
        draw(p, done);
}

void progress_end(struct progress *p) {
    static const char clear[] = "\r\033[K";
    if (p->shown && write(STDERR_FILENO, clear, sizeof clear - 1) < 0)
        p->shown = false;
}
