#include "pulse/complaint.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

void complaint_set(struct complaint *c, uint64_t offset, uint32_t line, const char *format, ...) {
    if (c == NULL)
        return;
    c->offset = offset;
    c->line = line;
    va_list args;
    va_start(args, format);
    vsnprintf(c->text, sizeof c->text, format, args);
    va_end(args);
}
