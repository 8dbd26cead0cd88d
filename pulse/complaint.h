/* pulse/complaint.h - what is wrong with outside bytes, and where: every decoder fills one when it refuses.
 * The caller knows the file's name and the remedy and prints all three; decoders never print. */
#ifndef TESD_PULSE_COMPLAINT_H
#define TESD_PULSE_COMPLAINT_H

#include <stdint.h>

struct complaint {
    uint64_t offset;  /* byte offset from the start of the input */
    uint32_t line;    /* line number from 1 in text inputs; 0 = not a text input */
    char text[200];   /* what is wrong, one sentence without a full stop; "" = nothing */
};

/* Fills *c (c may be NULL: then nothing happens). printf-like. */
__attribute__((format(printf, 4, 5)))
void complaint_set(struct complaint *c, uint64_t offset, uint32_t line, const char *format, ...);

#endif
