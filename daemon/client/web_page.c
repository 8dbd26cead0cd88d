/* Paths are those the compiler sees when it is called from the top of the tree, as the Makefile does. */
#include "daemon/client/web_page.h"

#define TEXT_BEGINS(symbol) ".global " symbol "\n" symbol ":\n"
#define FILE_HERE(name) ".incbin \"daemon/client/page/" name "\"\n"
#define TEXT_ENDS ".byte 0\n"

__asm__(".pushsection .rodata\n"
        TEXT_BEGINS("web_page_html") FILE_HERE("page.html") TEXT_ENDS
        TEXT_BEGINS("web_page_style") FILE_HERE("page.css") TEXT_ENDS
        TEXT_BEGINS("web_page_script")
        FILE_HERE("state.js") FILE_HERE("sums.js") FILE_HERE("curve.js") FILE_HERE("paint.js") FILE_HERE("map.js") FILE_HERE("compare.js") FILE_HERE("repeats.js") FILE_HERE("array.js") FILE_HERE("page.js")
        TEXT_ENDS
        ".popsection\n");
