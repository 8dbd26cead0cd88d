#include "daemon/options_faults.h"

#include <stdarg.h>
#include <stdio.h>

void options_faults_add(struct options_faults *f, uint32_t line, const char *format, ...) {
    if (f->n == OPTIONS_MAX_FAULTS) {
        f->more++;
        return;
    }
    struct complaint *c = &f->list[f->n++];
    *c = (struct complaint){ .line = line };
    va_list args;
    va_start(args, format);
    vsnprintf(c->text, sizeof c->text, format, args);
    va_end(args);
}

void options_faults_sort(struct options_faults *f) {
    for (uint32_t i = 1; i < f->n; i++) {
        struct complaint c = f->list[i];
        uint32_t k = i;
        for (; k > 0 && f->list[k - 1].line > c.line; k--)
            f->list[k] = f->list[k - 1];
        f->list[k] = c;
    }
}
