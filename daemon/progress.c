#include "daemon/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "daemon/clock.h"

enum { SILENT_MS = 2000, BAR_MS = 100, LINE_MS = 5000, BAR_WIDTH = 40 };

void progress_begin(struct progress *p, const char *what, size_t total) {
    p->what = what;
    p->total = total;
    p->terminal = isatty(STDERR_FILENO) == 1;
    p->begun_ms = clock_ms();
    atomic_init(&p->done, 0);
    atomic_init(&p->shown_ms, 0);
}

static void show(const struct progress *p, size_t done) {
    char line[160];
    size_t percent = p->total ? 100 * done / p->total : 100;
    int full = (int)(percent * BAR_WIDTH / 100);
    int n = p->terminal ? snprintf(line, sizeof line, "\r%-12s [%.*s%*s] %3zu %%", p->what, full, "########################################", BAR_WIDTH - full, "", percent)
                        : snprintf(line, sizeof line, "tesd: %s: %zu %%\n", p->what, percent);
    if (n > 0 && write(STDERR_FILENO, line, (size_t)n) < 0)
        return;   /* nobody to show it to */
}

void progress_add(struct progress *p, size_t n) {
    size_t done = atomic_fetch_add(&p->done, n) + n;
    long long now = clock_ms(), shown = atomic_load(&p->shown_ms);
    if (now - p->begun_ms < SILENT_MS || now - shown < (p->terminal ? BAR_MS : LINE_MS))
        return;
    if (atomic_compare_exchange_strong(&p->shown_ms, &shown, now))
        show(p, done);
}

void progress_end(struct progress *p) {
    static const char clear[] = "\r\033[K";
    if (p->terminal && atomic_load(&p->shown_ms) > 0 && write(STDERR_FILENO, clear, sizeof clear - 1) < 0)
        p->terminal = false;
}
