/* pulse/text_piece.h - a stretch of text inside somebody's bytes: not ended by a NUL, not owned. For the readers of text inputs. */
#ifndef TESD_PULSE_TEXT_PIECE_H
#define TESD_PULSE_TEXT_PIECE_H

#include <stddef.h>

struct text_piece {
    const char *at;
    size_t n;
};

/* Without the blanks and control characters at both ends. */
struct text_piece text_piece_trimmed(struct text_piece p);

/* Copies into out[size], cut to fit and ended by a NUL, for people and for other files: bytes outside printable ASCII become '?'. */
void text_piece_copy(struct text_piece p, char *out, size_t size);

#endif
