#include "pulse/text_piece.h"

struct text_piece text_piece_trimmed(struct text_piece p) {
    while (p.n > 0 && (unsigned char)p.at[0] <= ' ')
        p.at++, p.n--;
    while (p.n > 0 && (unsigned char)p.at[p.n - 1] <= ' ')
        p.n--;
    return p;
}

void text_piece_copy(struct text_piece p, char *out, size_t size) {
    size_t n = p.n < size - 1 ? p.n : size - 1;
    for (size_t i = 0; i < n; i++)
        out[i] = p.at[i] >= ' ' && p.at[i] <= '~' ? p.at[i] : '?';
    out[n] = '\0';
}
