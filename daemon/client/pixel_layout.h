/* daemon/client/pixel_layout.h - where pixels sit: a table of channel, row and column, for drawing the array as it is.
 *   text "channel,row,column" lines, # comments --pixel_layout_read--> places, by channel
 * A text from outside: a line that is none, or a channel or place that comes twice, is an error with its number. No I/O. */
#ifndef TESD_DAEMON_CLIENT_PIXEL_LAYOUT_H
#define TESD_DAEMON_CLIENT_PIXEL_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LAYOUT_MOST = 16384, LAYOUT_SIDE = 1024, LAYOUT_WHY = 160 };   /* places; rows and columns are 0 .. LAYOUT_SIDE - 1 */

struct pixel_place { uint32_t channel; uint16_t row, column; };

struct pixel_layout { size_t n; struct pixel_place *places; };   /* by channel; owned */

/* False: why says what is wrong, and *out is untouched. */
bool pixel_layout_read(const char *text, size_t n, struct pixel_layout *out, char why[LAYOUT_WHY]);
void pixel_layout_done(struct pixel_layout *l);

#endif
